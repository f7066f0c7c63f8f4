"""Catalog rows that were made from other bytes than raw has: read while a file was damaged, and kept by DVC since.

DVC compares the hash of `data/raw` that it noted. When a file rots with its size and times kept, ingest reads it for
another reason (new code, say), and the file then comes back, that hash never changed: no stage would run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cmrpipe.catalog import Catalog, contours_file, images_file
from cmrpipe.connect.copying import hash_tree
from cmrpipe.errors import CmrpipeError
from cmrpipe.files import FILE_BYTES, sha256_file
from cmrpipe.model import ContourRecord, ImageRecord
from cmrpipe.readers.layouts import CONTOURS, DICOMS, archive_file, folder_of
from cmrpipe.readers.strays import stray_in
from cmrpipe.store.verify import Place, State, Verdict
from flows.integrity.records import dependency
from flows.integrity.survey import CATALOG, RAW, Survey

INGEST = "ingest"
_REMEDY = f"`dvc repro --force --single-item {INGEST}`, then `dvc repro`"


def misread(survey: Survey) -> Iterator[Verdict]:
    """A verdict for every table of the catalog whose rows name other bytes than the recorded ones, all being whole."""
    raw = next((out for out in survey.outs if out.path == RAW), None)
    if raw is None or dependency(survey.root, INGEST, RAW) != raw.md5:  # not ingested yet: `dvc repro` knows
        return
    if survey.trees.get(RAW) is None:  # nothing says what raw was, but the catalog: told where raw is
        return
    try:
        book = Catalog(survey.root / CATALOG)
        units: list[tuple[str, str, Callable[[str], Sequence[ImageRecord | ContourRecord]]]] = [
            *((f"{DICOMS}/{name}", images_file(name), book.images) for name in book.patients()),
            *((f"{CONTOURS}/{name}", contours_file(name), book.contours) for name in book.original_ids()),
        ]
    except CmrpipeError:  # told file by file
        return
    recorded: dict[str, list[str]] = {}
    for path in survey.expected:
        if path.startswith(f"{RAW}/"):
            recorded.setdefault(folder_of(path.removeprefix(f"{RAW}/")), []).append(path)
    for unit, table, rows in units:
        patient = survey.owners.of(f"{RAW}/{unit}")
        if survey.wanted(f"{RAW}/{unit}"):
            try:
                records = rows(unit.partition("/")[2])
            except CmrpipeError:
                continue
            here = _here(survey, unit, recorded.get(unit, []))
            if here is None:
                continue
            known = {row.path: row.sha256 for row in records}
            unread = {row.path for row in records if row.bytes > FILE_BYTES}
            differ = sorted(p for p in (known.keys() | here.keys()) - unread if known.get(p) != here.get(p))
            bad = [path for path in differ if path in here or f"{RAW}/{path}" not in survey.here]  # else extra: told
            if bad:
                detail = f"was made while data/raw was damaged: {bad[0]} has other bytes now, the recorded ones"
                more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
                yield Verdict(Place.OUTPUT, f"{CATALOG}/{table}", patient, State.ALTERED, detail + more, _REMEDY)


def _here(survey: Survey, unit: str, recorded: Sequence[str]) -> dict[str, str] | None:
    """SHA-256 of a unit's files as the catalog names them; None where raw itself is not whole, which is told."""
    if not all(map(survey.whole_here, recorded)):
        return None
    archive = archive_file(survey.root / RAW, unit)
    if archive.is_file():
        try:
            return {f"{unit}/{name}": sha for name, sha in hash_tree(archive).items() if not stray_in(name)}
        except CmrpipeError:
            return None
    found = {path: survey.here[path] for path in recorded if not stray_in(path.removeprefix(f"{RAW}/{unit}/"))}
    return {  # what was brought back just now is read again
        path.removeprefix(f"{RAW}/"): digest.sha256 or sha256_file(survey.root / path)
        for path, digest in found.items()
        if digest is not None
    }
