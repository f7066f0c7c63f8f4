"""A folder in the layout as a source, local or mounted: dicoms/, contourfiles/, link.csv."""

from __future__ import annotations

import stat
import time
from pathlib import Path, PurePosixPath

from cmrpipe.connect.copying import copy_file, hash_tree, reading, unchanged
from cmrpipe.connect.source import Fetched, Look, Offer
from cmrpipe.errors import ArchiveError, CmrpipeError, SourceError
from cmrpipe.files import as_text, canonical_json, sha256_bytes
from cmrpipe.readers.archives import SUFFIX
from cmrpipe.readers.asides import Aside
from cmrpipe.readers.items import real
from cmrpipe.readers.layouts import (
    CONTOURS,
    DICOMS,
    LINK_FOLDER,
    LINK_TABLE,
    PHANTOM,
    Entry,
    Listing,
    archive_file,
    check_layout,
    contour_folders,
    list_files,
    patient_folders,
    read_file,
    strangers,
)
from cmrpipe.readers.strays import spoils_record


def read_optional(path: Path) -> bytes | None:
    """A file's bytes, None when there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def newest_change(root: Path, folder: str) -> tuple[str, float]:
    """State of all files of a folder that land, or of its archive, without reading them, and when the last changed.

    Files behind links to folders count as the others do, and so do the folders that files lie in. The change time
    (ctime) counts beside the modification time: a copy that keeps modification times sets it.

    Returns
    -------
    hash of names, sizes and times; seconds since the epoch

    Raises
    ------
    SourceError : some of it cannot be looked at
    """
    return _change(root, folder, None if archive_file(root, folder).is_file() else _whole(root, folder))


def _change(root: Path, folder: str, listing: Listing | None) -> tuple[str, float]:
    """The same of what is in a folder; None for an archive."""
    if listing is None:
        rows = [_state(root, f"{folder}{SUFFIX}")]
    else:
        loose = _loose(listing)
        files = (*(entry.path for entry in listing.entries), *loose)
        folders = {folder, *(parent.as_posix() for path in files for parent in PurePosixPath(path).parents[:-2])}
        rows = sorted((*listing.entries, *(_state(root, path) for path in (*loose, *folders))))
    newest = max(max(row.mtime_ns, row.ctime_ns) for row in rows)
    return sha256_bytes(canonical_json(rows)), newest / 1e9


def _state(root: Path, path: str) -> Entry:
    """Size and times of a file or, without a size, of a folder."""
    state = (root / path).stat()
    return Entry(path, 0 if stat.S_ISDIR(state.st_mode) else state.st_size, state.st_mtime_ns, state.st_ctime_ns)


class FolderSource:
    """A folder in the layout.

    Parameters
    ----------
    root : the folder
    name : names its link table; the folder's own name by default
    settle_s : time without change after which a folder counts as complete, seconds
    """

    def __init__(self, root: Path, name: str = "", settle_s: float = 0.0) -> None:
        self.root = root
        self.name = name or real(root).name
        self.address = str(root)
        self._settle_s = settle_s

    @property
    def phantom(self) -> bytes | None:
        """The mark of synthetic patients."""
        return read_optional(self.root / PHANTOM)

    def look(self) -> Look:
        """All folders with their state.

        Raises
        ------
        LayoutError : the folder holds no patient
        """
        check_layout(self.root)
        offers, bad = look_at(
            self.root,
            [
                *(f"{CONTOURS}/{name}" for name in contour_folders(self.root)),
                *(f"{DICOMS}/{name}" for name in patient_folders(self.root)),
            ],
            self._settle_s,
        )
        return Look(offers, self.links(), table_quiet(self.root, self._settle_s), self.asides(), bad)

    def asides(self) -> tuple[Aside, ...]:
        """What is no part of the layout and so does not land; of links, only link.csv does."""
        found = {**strangers(self.root)}
        if (self.root / LINK_FOLDER).is_dir():
            found[LINK_FOLDER] = sorted(path.name for path in (self.root / LINK_FOLDER).iterdir())
        paths = (f"{parent}/{name}".lstrip("/") for parent, names in found.items() for name in names)
        return tuple(Aside("", path, "", "no part of the layout that lands") for path in paths)

    def links(self) -> bytes | None:
        """The link table as it is now."""
        return read_optional(self.root / LINK_TABLE)

    def same(self, offer: Offer, place: Path) -> bool:
        """Names and sizes first, then the bytes: times say nothing of files whose names were exchanged."""
        raw = place.parents[1]
        try:
            ours, theirs = list_files(raw, offer.folder), list_files(self.root, offer.folder)
        except ArchiveError:
            return False
        if ours.refused or theirs.refused:
            return False
        if _loose(ours) != _loose(theirs) or [e[:2] for e in ours.entries] != [e[:2] for e in theirs.entries]:
            return False
        return all(_same_bytes(self.root, raw, entry.path) for entry in theirs.entries)

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """Copy all files; stray ones come along, and are counted later, save for folders and what spoils DVC's record.

        An archive is copied as it is.
        """
        archive = archive_file(self.root, offer.folder)
        with reading(self.root / offer.folder):
            packed = archive.is_file()
            listing = None if packed else _whole(self.root, offer.folder)
        if listing is None:
            copied = target.with_name(archive.name)
            sha256 = copy_file(archive, copied)
            return Fetched(hash_tree(copied), archive=sha256)
        target.mkdir(parents=True)
        names = [
            Path(path).relative_to(offer.folder) for path in (*(e.path for e in listing.entries), *_loose(listing))
        ]
        return Fetched({name.as_posix(): copy_file(self.root / offer.folder / name, target / name) for name in names})

    def steady(self, offer: Offer, fetched: Fetched) -> bool:
        """The same names, sizes and times, and the same bytes when read again."""
        try:
            if newest_change(self.root, offer.folder)[0] != offer.token:
                return False
        except (CmrpipeError, OSError):
            return False
        if fetched.archive:
            return unchanged([(archive_file(self.root, offer.folder), fetched.archive)])
        return unchanged((self.root / offer.folder / name, digest) for name, digest in fetched.files.items())


def _whole(root: Path, folder: str) -> Listing:
    """The files of a folder.

    Raises
    ------
    SourceError : some of it cannot be looked at
    """
    listing = list_files(root, folder)
    for path, why in listing.refused:
        raise SourceError(root / path, why, "Mend that, or remove it from the source")
    return listing


def _loose(listing: Listing) -> list[str]:
    """Stray files, without those that DVC would pass over or stumble over.

    Stray folders are left out: what storage keeps there is its own, and it may be every older state.
    """
    return [path for path in listing.stray if not path.endswith("/") and not spoils_record(path.rpartition("/")[2])]


def _same_bytes(root: Path, other: Path, path: str) -> bool:
    """Whether a file of two layouts has the same bytes, in a folder or an archive; False where one cannot be read."""
    try:
        return read_file(root, path) == read_file(other, path)
    except (ArchiveError, OSError):
        return False


def table_quiet(root: Path, settle_s: float) -> bool:
    """Whether the link table of a folder has not changed for the settling time, or is not there."""
    try:
        state = (root / LINK_TABLE).stat()
    except FileNotFoundError:
        return True
    return time.time() - max(state.st_mtime, state.st_ctime) >= settle_s


def look_at(root: Path, folders: list[str], settle_s: float) -> tuple[tuple[Offer, ...], dict[str, str]]:
    """Offers of folders below `root`, and those that cannot be used, with the cause."""
    offers: list[Offer] = []
    bad: dict[str, str] = {}
    now = time.time()
    for folder in folders:
        try:
            listing = _whole(root, folder)
            if not listing.entries:
                raise SourceError(root / folder, "holds no file", "Fill it, or remove it from the source")
            token, newest = _change(root, folder, None if archive_file(root, folder).is_file() else listing)
        except (CmrpipeError, OSError) as error:
            bad[as_text(folder)] = as_text(str(error))
        else:
            offers.append(Offer(folder, token, quiet=now - newest >= settle_s))
    return tuple(offers), bad
