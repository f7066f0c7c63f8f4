"""Landing: how patients enter `data/raw`, whole or not at all, and never altered afterwards.

Each patient folder and each contour folder is copied beside the raw folder, made durable, and renamed into place; link
tables are kept word for word as `links/<source>.csv`. A marker stands while a landing is under way: readers of the raw
folder refuse to work on half a landing, and the next landing completes it. A changed folder takes the place of the
old one, which DVC keeps in its cache; a folder that is gone from the source stays and is reported.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from cmrpipe.errors import LandingError
from cmrpipe.files import sync_folder, write_bytes
from cmrpipe.layouts import (
    CONTOURS,
    DICOMS,
    LINK_FOLDER,
    LINK_TABLE,
    check_layout,
    contour_folders,
    list_files,
    patient_folders,
)
from cmrpipe.progress import Listener, Progress

log = structlog.get_logger(__name__)

PHANTOM = "phantom.json"
_MARKER = "landing-in-progress"


@dataclass(frozen=True, slots=True)
class Landed:
    """What a landing did, by folder (`dicoms/<patient_id>`, `contourfiles/<original_id>`)."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    not_in_source: tuple[str, ...]
    made_way: tuple[str, ...]

    def patients(self, folders: tuple[str, ...]) -> int:
        """How many of `folders` are patients."""
        return sum(folder.startswith(f"{DICOMS}/") for folder in folders)


def staging(raw: Path) -> Path:
    """Where copies are made before they are renamed into `raw` (the same file system)."""
    return raw.parent / f".{raw.name}-landing"


def check_landed(raw: Path) -> None:
    """Refuse a raw folder whose last landing was cut short.

    Raises
    ------
    LandingError : the marker of an unfinished landing is there
    """
    marker = staging(raw) / _MARKER
    if marker.exists():
        raise LandingError(
            raw,
            f"its last landing, from {marker.read_text(encoding='utf-8').strip()}, was cut short",
            "Run `cmrpipe land` (or `make run`) with that source again; it completes what is missing",
        )


@contextmanager
def _marked(raw: Path, source: Path) -> Iterator[Path]:
    folder = staging(raw)
    write_bytes(folder / _MARKER, f"{source}\n".encode())
    yield folder
    shutil.rmtree(folder)


def _copy_tree(root: Path, folder: str, target: Path) -> None:
    """Copy a folder's files, modification times included, each durable; stray files come along (and are counted)."""
    listing = list_files(root, folder)
    target.mkdir(parents=True)
    for path in (*(entry.path for entry in listing.entries), *listing.stray):
        copy = target / Path(path).relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, copy)
        with copy.open("rb") as stream:
            os.fsync(stream.fileno())


def _same(source: Path, raw: Path, folder: str) -> bool:
    """Whether a landed folder has the source's files: size and time first, bytes where only the time differs."""
    ours, theirs = list_files(raw, folder), list_files(source, folder)
    if ours == theirs:
        return True
    if [(e.path, e.bytes) for e in ours.entries] != [(e.path, e.bytes) for e in theirs.entries]:
        return False
    return ours.stray == theirs.stray and all(
        a.mtime_ns == b.mtime_ns or filecmp.cmp(source / a.path, raw / a.path, shallow=False)
        for a, b in zip(theirs.entries, ours.entries, strict=True)
    )


def _place(copy: Path, place: Path, aside: Path) -> None:
    """Rename a finished copy into place; what stood there goes aside first, so that a kill loses neither."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rename(aside)
    copy.rename(place)
    sync_folder(place.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _restore_aside(raw: Path, work: Path) -> None:
    """Undo the first half of a rename that a kill cut in two, and drop unfinished copies."""
    for aside in sorted(work.glob("old/*/*")):
        place = raw / aside.relative_to(work / "old")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            aside.rename(place)
    for name in ("old", "new"):
        shutil.rmtree(work / name, ignore_errors=True)


def is_synthetic(root: Path) -> bool:
    """Whether a folder holds phantom patients (a `phantom.json` says so)."""
    return (root / PHANTOM).is_file()


def _check_mix(source: Path, raw: Path) -> None:
    """Refuse to bring phantom patients to real ones.

    Raises
    ------
    LandingError : `source` is a phantom, `raw` holds patients that are not
    """
    if is_synthetic(source) and patient_folders(raw) and not is_synthetic(raw):
        raise LandingError(
            source, f"holds phantom patients, and {raw} holds real ones", "Use another workspace for the phantom"
        )


def _make_way(source: Path, raw: Path) -> tuple[str, ...]:
    """Remove landed phantom patients when other patients come: the two never stand in one set."""
    if not is_synthetic(raw) or _same_phantom(source, raw):
        return ()
    there = patient_folders(raw)
    for folder in (DICOMS, CONTOURS, LINK_FOLDER):
        shutil.rmtree(raw / folder, ignore_errors=True)
    (raw / PHANTOM).unlink()
    log.warning("phantom patients made way", patients=len(there), source=str(source))
    return tuple(f"{DICOMS}/{patient}" for patient in there)


def _same_phantom(source: Path, raw: Path) -> bool:
    """Whether the phantom at `source` is the landed one, or the same with more or fewer patients."""
    if not is_synthetic(source):
        return False
    ours, theirs = (json.loads((root / PHANTOM).read_bytes()) for root in (raw, source))
    return bool(ours["arguments"]["seed"] == theirs["arguments"]["seed"])


def _copy_file(source: Path, target: Path) -> bool:
    """Copy a single file atomically when it differs; whether it did."""
    data = source.read_bytes()
    if target.is_file() and target.read_bytes() == data:
        return False
    write_bytes(target, data)
    return True


def land(source: Path, raw: Path, *, name: str = "", listen: Listener) -> Landed:
    """Bring patients from a source folder into the raw folder.

    The caller holds the write lock.

    Parameters
    ----------
    source : a folder in the layout; only read
    raw : the raw folder; made when it is not there
    name : the source's name, for its link table; the folder's own name by default

    Raises
    ------
    LayoutError : `source` holds no patient
    LandingError : `source` lies inside `raw`, or phantom patients would come to real ones
    """
    check_layout(source)
    if raw.resolve() in (source.resolve(), *source.resolve().parents):
        raise LandingError(source, "is the raw folder itself", "Name the folder that new data arrive in")
    _check_mix(source, raw)
    with _marked(raw, source) as work:
        _restore_aside(raw, work)
        made_way = _make_way(source, raw)
        table = source / LINK_TABLE
        changed_files = table.is_file() and _copy_file(
            table, raw / LINK_FOLDER / f"{name or source.resolve().name}.csv"
        )
        if is_synthetic(source):
            _copy_file(source / PHANTOM, raw / PHANTOM)
        folders = [f"{CONTOURS}/{x}" for x in contour_folders(source)] + [
            f"{DICOMS}/{x}" for x in patient_folders(source)
        ]
        new: list[str] = []
        changed: list[str] = []
        unchanged: list[str] = []
        for done, folder in enumerate(folders, 1):
            there = (raw / folder).exists()
            if there and _same(source, raw, folder):
                unchanged.append(folder)
            else:
                _copy_tree(source, folder, work / "new" / folder)
                aside = work / "old" / folder
                aside.parent.mkdir(parents=True, exist_ok=True)
                _place(work / "new" / folder, raw / folder, aside)
                (changed if there else new).append(folder)
                log.info("landed", folder=folder, changed=there)
            listen(Progress("land", folder.rpartition("/")[2], done, len(folders)))
    if changed_files:
        log.info("link table landed", source=str(source))
    here = {f"{DICOMS}/{x}" for x in patient_folders(raw)}
    return Landed(tuple(new), tuple(changed), tuple(unchanged), tuple(sorted(here - set(folders))), made_way)
