"""Putting a finished copy into the raw folder, so that a kill at any moment loses nothing and leaves no half folder.

.raw-landing/landing-in-progress    stands while a landing is under way
.raw-landing/new/<folder>           copies, finished or not; an archive is `<folder>.zip`, here and below
.raw-landing/old/<folder>           what a copy replaces, between the two renames and until it is disposed of
.raw-landing/placing.json           the ledger's line for the folder that is being placed
.raw-replaced/<folder>/<digest>     replaced versions that DVC does not have
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.source import content_digest
from cmrpipe.errors import ArchiveError, LandingError
from cmrpipe.files import sha256_file, sync_folder, write_bytes, write_json
from cmrpipe.landing.ledger import Entry, Ledger
from cmrpipe.logger import Logger
from cmrpipe.readers.layouts import standing

log = Logger(__name__)

_MARKER = "landing-in-progress"
_PLACING = "placing.json"
IN_DVC = "dvc"


def staging(raw: Path) -> Path:
    """Where copies are made before they are renamed into `raw` (the same file system)."""
    return raw.parent / f".{raw.name}-landing"


def remove(path: Path) -> None:
    """Remove a folder or a file, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def replaced(raw: Path) -> Path:
    """Where versions are kept that were replaced before DVC had them."""
    return raw.parent / f".{raw.name}-replaced"


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
def marked(raw: Path, address: str) -> Iterator[Path]:
    """The staging folder, with the marker in it until the block ends well."""
    folder = staging(raw)
    write_bytes(folder / _MARKER, f"{address}\n".encode())
    yield folder
    shutil.rmtree(folder)


def never(_: str) -> bool:
    """Nothing is known to be in DVC."""
    return False


class Placer:
    """Places finished copies and writes the ledger.

    Parameters
    ----------
    raw : the raw folder
    ledger : its ledger
    secured : whether DVC has recorded a landed folder (`dicoms/...`) as it stands, so that it may be replaced
    """

    def __init__(self, raw: Path, ledger: Ledger, secured: Callable[[str], bool] = never) -> None:
        self._raw = raw
        self._work = staging(raw)
        self._ledger = ledger
        self._secured = secured

    def place(self, entry: Entry) -> None:
        """Rename `new/<folder>` into the raw folder; what stood there goes aside first, then to where it is kept."""
        new, old = standing(self._work / "new", entry.folder), standing(self._raw, entry.folder)
        if new is None:
            raise FileNotFoundError(self._work / "new" / entry.folder)
        place = self._raw / new.relative_to(self._work / "new")
        if old is not None:
            version = f"{entry.old}{old.name.removeprefix(Path(entry.folder).name)}"
            kept = IN_DVC if self._secured(entry.folder) else f"{replaced(self._raw).name}/{entry.folder}/{version}"
            entry = replace(entry, kept=kept)
        write_json(self._work / _PLACING, asdict(entry))
        place.parent.mkdir(parents=True, exist_ok=True)
        if old is not None:
            aside = self._work / "old" / old.relative_to(self._raw)
            aside.parent.mkdir(parents=True, exist_ok=True)
            old.rename(aside)
        new.rename(place)
        sync_folder(place.parent)
        self._finish(entry)

    def _finish(self, entry: Entry) -> None:
        """After the renames: the ledger's line, then the old version to its place."""
        last = self._ledger.last(entry.folder)
        if last is None or replace(last, when="") != replace(entry, when=""):
            self._ledger.add(entry)
        self._put_away(entry)

    def _put_away(self, entry: Entry) -> None:
        """What was replaced goes to its place, or, where DVC has it, altogether."""
        aside = standing(self._work / "old", entry.folder)
        if aside is not None and entry.kept and entry.kept != IN_DVC:
            keep = self._raw.parent / entry.kept
            keep.parent.mkdir(parents=True, exist_ok=True)
            remove(keep)
            aside.rename(keep)
            log.warning("DVC did not have the replaced version; it is kept", folder=entry.folder, where=str(keep))
        elif aside is not None:
            remove(aside)
        (self._work / _PLACING).unlink(missing_ok=True)

    def recover(self) -> None:
        """Finish, or undo, what a kill cut in two, and drop unfinished copies."""
        self._complete()
        for aside in sorted(self._work.glob("old/*/*")):
            place = self._raw / aside.relative_to(self._work / "old")
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                aside.rename(place)
        for name in ("old", "new"):
            shutil.rmtree(self._work / name, ignore_errors=True)

    def _complete(self) -> None:
        """The folder that was being placed: in place already (the copy is gone from `new`), or not at all.

        Where something else has been put there since the kill, by DVC say, that is no landing, and what it had replaced
        is kept.
        """
        try:
            entry = Entry(**json.loads((self._work / _PLACING).read_bytes()))
        except FileNotFoundError:
            return
        if standing(self._raw, entry.folder) is not None:
            placed = standing(self._work / "new", entry.folder) is None
            if placed and content_of(self._raw, entry.folder) == entry.new:
                self._finish(entry)
            else:
                self._put_away(entry)
        (self._work / _PLACING).unlink(missing_ok=True)


def recover(raw: Path) -> bool:
    """Bring a raw folder whose landing was cut short to a whole state, without its source; whether there was need.

    What had not landed by then lands with the next landing from that source.
    """
    if not (staging(raw) / _MARKER).exists():
        return False
    Placer(raw, Ledger(raw)).recover()
    shutil.rmtree(staging(raw))
    return True


def content_of(raw: Path, folder: str) -> str:
    """Hash of what stands in the raw folder: the same for a folder and an archive of the same files; "" for nothing."""
    place = standing(raw, folder)
    if place is None:
        return ""
    try:
        return content_digest(hash_tree(place))
    except ArchiveError:  # what it held nobody knows any more
        return sha256_file(place)
