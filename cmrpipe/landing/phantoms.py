"""Phantom and real patients never stand in one set.

Phantoms make way when others come, and nothing else does: what goes is what the landed `phantom.json` names. Where
anything else stands beside them, put there by hand say, nothing goes, and it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from cmrpipe.connect.source import Look, Source
from cmrpipe.errors import LandingError, LinkError
from cmrpipe.files import write_bytes
from cmrpipe.landing.ledger import Ledger
from cmrpipe.landing.phantommark import Mark, read_mark
from cmrpipe.landing.place import remove, staging
from cmrpipe.landing.trial import check_usable
from cmrpipe.logger import Logger
from cmrpipe.readers.asides import write_asides
from cmrpipe.readers.layouts import (
    ASIDE,
    CONTOURS,
    DICOMS,
    LINK_FOLDER,
    PHANTOM,
    archive_file,
    contour_folders,
    is_synthetic,
    link_tables,
    patient_folders,
    standing,
    strangers,
)
from cmrpipe.readers.links import read_link_table

log = Logger(__name__)

_NAMED = 5
"""So many of the things that are in the way are named."""


def check_mix(source: Source, raw: Path) -> None:
    """Refuse to bring phantom patients to real ones.

    Raises
    ------
    LandingError : `source` is a phantom, `raw` holds patients that are not; or it is one, and does not say of whom
    """
    if source.phantom is None:
        return
    read_mark(source.phantom, source.address)
    if patient_folders(raw) and not is_synthetic(raw):
        raise LandingError(
            source.address,
            f"holds phantom patients, and {raw} holds real ones",
            "Use another workspace for the phantom",
        )


def check_way(source: Source, look: Look, raw: Path, forgotten: Callable[[str], bool]) -> None:
    """Refuse to let phantom patients make way where more than they would go, or where nobody would come.

    Raises
    ------
    LandingError : `raw` holds something beside its phantom patients, or none of the source's patients can be had
    DiskError : the disk is full
    """
    mark = _making_way(source, raw)
    if mark is None:
        return
    others = [folder for folder in _folders(raw) if folder not in mark.folders]
    others += [f"{table}, which {why}" for table, why in _other_tables(raw, mark).items()]
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        raise LandingError(
            raw,
            f"its phantom patients would have to make way, and what its {PHANTOM} does not name stands beside them: "
            f"{', '.join(others[:_NAMED])}{more}; nothing was removed, and nothing landed",
            f"Move that into a folder of its own, laid out alike (docs/sources.md), land {source.address} again, then "
            "land that folder",
        )
    check_usable(source, look, staging(raw), forgotten)


def make_way(source: Source, raw: Path, ledger: Ledger) -> tuple[str, ...]:
    """Remove landed phantom patients, and what was put aside of their sources, when other patients come; their folders.

    `check_way` comes first.
    """
    mark = _making_way(source, raw)
    if mark is None:
        return ()
    there = tuple(f"{DICOMS}/{patient}" for patient in patient_folders(raw))
    others = _other_tables(raw, mark)
    tables = [path for path in link_tables(raw) if path not in others]
    sources = {Path(entry.source).name for entry in ledger.entries if entry.folder in mark.folders}
    for name in {*sources, *(Path(path).stem for path in tables)}:
        write_asides(raw, f"_{name}", ())
    for path in tables:
        (raw / path).unlink()
    for folder in _folders(raw):
        if folder in mark.folders:
            remove(raw / folder)
            remove(archive_file(raw, folder))
    for parent in (DICOMS, CONTOURS, LINK_FOLDER, ASIDE):
        with suppress(OSError):  # what else is there stays
            (raw / parent).rmdir()
    (raw / PHANTOM).unlink()
    ledger.without(lambda entry: standing(raw, entry.folder) is None)
    log.warning("phantom patients made way", patients=len(there), source=source.address)
    return there


def take_mark(source: Source, raw: Path) -> None:
    """Bring a phantom's mark along; where it names fewer patients than the landed one, that stays, as they do."""
    if source.phantom is None:
        return
    if is_synthetic(raw):
        landed, new = read_mark((raw / PHANTOM).read_bytes(), raw), read_mark(source.phantom, source.address)
        if new.folders < landed.folders:
            return
    write_bytes(raw / PHANTOM, source.phantom)


def _making_way(source: Source, raw: Path) -> Mark | None:
    """The mark of the landed phantom when `source` is neither it nor the same with more or fewer patients."""
    if not is_synthetic(raw):
        return None
    landed = read_mark((raw / PHANTOM).read_bytes(), raw)
    same = source.phantom is not None and read_mark(source.phantom, source.address).seed == landed.seed
    return None if same else landed


def _folders(raw: Path) -> Iterator[str]:
    """All that stands in the layout's folders: patients, contours, and what has no place there; strays apart."""
    yield from (f"{DICOMS}/{name}" for name in patient_folders(raw))
    yield from (f"{CONTOURS}/{name}" for name in contour_folders(raw))
    for parent, names in strangers(raw).items():
        if parent:
            yield from (f"{parent}/{name}" for name in names)


def _other_tables(raw: Path, mark: Mark) -> dict[str, str]:
    """Link tables that are not the phantom's alone, with the reason: a row about nobody whom its mark names."""
    found = {}
    for path in link_tables(raw):
        try:
            table = read_link_table((raw / path).read_bytes(), path)
        except LinkError as error:
            found[path] = error.cause
            continue
        rows = [(link.patient_id, link.original_id) for link in table.links]
        rows += [(row.ids[0], row.ids[1]) for row in table.bad if row.ids and all(row.ids)]
        others = [row for row in rows if not mark.names(*row)]
        if others:
            found[path] = f"has a row {','.join(others[0])}"
    return found
