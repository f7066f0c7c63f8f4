"""The folder layout that sources and `data/raw` share, and what in it counts as what.

dicoms/<patient_id>/<n>.dcm
contourfiles/<original_id>/{i-contours,o-contours}/IM-0001-<nnnn>-{i,o}contour-manual.txt
link.csv                 and, where several sources were landed, links/<source>.csv

A patient's or contour folder may be a zip archive of the same name, `dicoms/<patient_id>.zip`: its files have the
names, here and in all that is made from them, that they would have in the folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cmrpipe.errors import InputError, LayoutError
from cmrpipe.files import read_whole
from cmrpipe.readers.archives import SUFFIX, members, read_member
from cmrpipe.readers.items import Walk, is_closed, is_file, is_folder, leads_nowhere, real
from cmrpipe.readers.refusals import own_trouble
from cmrpipe.readers.strays import is_stray, stray_in

DICOMS = "dicoms"
CONTOURS = "contourfiles"
LINK_TABLE = "link.csv"
LINK_FOLDER = "links"
ASIDE = "aside"

PHANTOM = "phantom.json"

LONGEST_NAME = 220
"""Bytes of a folder's name: file systems have 255, and names of ours have a little around it."""

_OWN = frozenset({DICOMS, CONTOURS, LINK_TABLE, LINK_FOLDER, ASIDE, PHANTOM})
_PREDICTED = frozenset({"patients", "summary.csv"})
"""What predict writes beside contours and link table."""
_DOCUMENTS = (".md", ".rst", ".txt", ".pdf", ".html", ".json", ".yaml", ".yml", "readme", "license", "licence")
"""Ends of the names of files that a data set may have in its root for people to read."""


def is_synthetic(root: Path) -> bool:
    """Whether a folder holds phantom patients (a `phantom.json` says so)."""
    return (root / PHANTOM).is_file()


class Entry(NamedTuple):
    """One file: its path relative to the layout's root (forward slashes), size in bytes, times in ns (see `stat`)."""

    path: str
    bytes: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one patient or contour folder.

    Attributes
    ----------
    entries : its files, sorted by path
    stray : those that were passed over, folders as a whole, with a slash behind them
    refused : links that lead nowhere, files and folders that the system does not let us look at, the folder itself
        perhaps; and why
    """

    name: str
    entries: tuple[Entry, ...]
    stray: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()


def archive_file(root: Path, folder: str) -> Path:
    """The archive that may stand in place of `root/folder`."""
    return root / f"{folder}{SUFFIX}"


def folder_of(path: str) -> str:
    """The folder that a file of the layout is part of, `dicoms/<patient_id>` say, as a folder or as an archive."""
    return "/".join(path.split("/")[:2]).removesuffix(SUFFIX)


def standing(root: Path, folder: str) -> Path | None:
    """What there is of `folder` below `root`: the folder itself or its archive; None where there is neither.

    Raises
    ------
    LayoutError : there are both
    """
    place, archive = root / folder, archive_file(root, folder)
    if not archive.is_file():
        return place if place.exists() else None
    if place.exists():
        raise LayoutError(place, f"is there twice, as a folder and as {archive.name}", "Remove one of the two")
    return archive


def read_file(root: Path, path: str) -> bytes:
    """The bytes of a file of the layout (`dicoms/<patient_id>/<n>.dcm`), from its folder or its archive.

    Raises
    ------
    OSError : it is not there, or the system refuses to read it
    SizeError : it is too large
    ArchiveError : it lies in an archive that is damaged
    """
    try:
        return read_whole(root / path)
    except (FileNotFoundError, NotADirectoryError):
        parent, folder, *names = path.split("/")
        archive = archive_file(root, f"{parent}/{folder}")
        if not names or not archive.is_file():
            raise
        return read_member(archive, "/".join(names))


def read_below(place: Path, name: str) -> bytes:
    """The bytes of a file in a folder or an archive, whichever `place` is (see `read_file`)."""
    return read_member(place, name) if place.is_file() else read_whole(place / name)


def check_name(root: Path, folder: str) -> None:
    """Refuse a patient's or contour folder, or an archive in its place, that files of ours could not be named by.

    Raises
    ------
    LayoutError : its name is too long
    """
    size = len(os.fsencode(folder.partition("/")[2]))
    if size > LONGEST_NAME:
        raise LayoutError(root / folder, f"has a name of {size} bytes, more than {LONGEST_NAME}", "Rename it")


def list_files(root: Path, folder: str) -> Listing:
    """All files below `root/folder`, or in the archive in its place; these have the archive's times.

    Raises
    ------
    ArchiveError : the archive is damaged
    LayoutError : there are both, or the name is too long
    """
    check_name(root, folder)
    place = standing(root, folder)
    if place is not None and place.is_file():
        return _list_archive(place, folder)
    return list_folder(root, folder)


def _is_text(name: str) -> bool:
    """Whether a file's name can be written into a table; those of old systems' code pages cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def list_folder(root: Path, folder: str) -> Listing:
    """All files below `root/folder`, which is no archive.

    What is no file, and a link to a folder that was listed already or that it lies in, counts as stray; a link that
    leads nowhere is a file that is refused.

    Raises
    ------
    LayoutError : a name that could be written nowhere, or is too long
    InputError : the folder of all patients cannot be looked at, either
    """
    check_name(root, folder)
    entries: list[Entry] = []
    stray: list[str] = []
    refused: dict[str, str] = {}
    walk = Walk(f"{root}/{folder}")

    def refuse(path: str, error: OSError) -> None:
        refused[path] = own_trouble(error, root / path, root / folder.partition("/")[0])

    for place, again in walk:
        parent = place[len(f"{root}/") :]
        if again:
            stray.append(parent)
            continue
        try:
            with os.scandir(place) as scan:
                items = list(scan)
        except OSError as error:
            refuse(parent, error)
            continue
        for item in items:
            path = f"{parent}/{item.name}"
            if not _is_text(path):
                raise LayoutError(ascii(f"{root}/{path}"), "has a name that is no text (UTF-8)", "Rename it")
            try:
                if is_stray(item.name):
                    stray.append(f"{path}/" if is_folder(item) else path)
                elif is_folder(item):
                    walk.add(item)
                elif is_file(item):
                    stat = item.stat()
                    entries.append(Entry(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
                elif why := leads_nowhere(Path(item.path)):
                    refused[path] = why
                else:
                    stray.append(path)
            except OSError as error:
                refuse(path, error)
    entries.sort()
    return Listing(folder.partition("/")[2], tuple(entries), tuple(sorted(stray)), tuple(sorted(refused.items())))


def _list_archive(archive: Path, folder: str) -> Listing:
    state = archive.stat()
    times = state.st_mtime_ns, state.st_ctime_ns
    found = members(archive)
    strays = {name: stray_in(name) for name in found}
    kept = tuple(Entry(f"{folder}/{name}", member.size, *times) for name, member in found.items() if not strays[name])
    stray = sorted({f"{folder}/{place}" for place in strays.values() if place})
    return Listing(folder.partition("/")[2], kept, tuple(stray))


def _name(item: os.DirEntry[str]) -> str:
    """Whose folder or archive something directly in `dicoms/` or `contourfiles/` is; "" where it is neither.

    What the system does not let us look at counts as one: nobody is taken for removed, and who lists it is told why.
    """
    try:
        if is_folder(item):
            return item.name
        return item.name.removesuffix(SUFFIX) if item.name.endswith(SUFFIX) and is_file(item) else ""
    except OSError:
        return item.name.removesuffix(SUFFIX)


def _folders(root: Path, parent: str) -> list[str]:
    place = root / parent
    if not os.path.lexists(place):  # a link that leads nowhere is no folder without patients: its disk is gone
        return []
    with os.scandir(place) as scan:
        return sorted({name for item in scan if not is_stray(item.name) and (name := _name(item))})


def patient_folders(root: Path) -> list[str]:
    """Names of the folders (or archives) with images, sorted."""
    return _folders(root, DICOMS)


def contour_folders(root: Path) -> list[str]:
    """Names of the folders (or archives) with contours, sorted."""
    return _folders(root, CONTOURS)


def _is_part(root: Path, parent: str, item: os.DirEntry[str]) -> bool:
    """Whether something that lies directly in `root/parent`, and is no stray, is read or meant for people."""
    if parent == LINK_FOLDER:
        return _is_table(item.name)
    if parent:
        return _name(item) != ""
    if is_closed(item):
        return False
    predicted = item.name in _PREDICTED and any((root / "patients").glob("*/result.json"))
    return item.name in _OWN or predicted or (item.name.lower().endswith(_DOCUMENTS) and not is_folder(item))


def strangers(root: Path) -> dict[str, list[str]]:
    """Names of what lies in the root ("") or directly in one of the layout's folders, is no stray and is not read.

    Returns
    -------
    sorted names by folder; folders without any are absent
    """
    found = {}
    for parent in ("", DICOMS, CONTOURS, LINK_FOLDER):
        if (root / parent).is_dir():
            with os.scandir(root / parent) as scan:
                names = [item.name for item in scan if not is_stray(item.name) and not _is_part(root, parent, item)]
            if names:
                found[parent] = sorted(names)
    return found


def strays_beside(root: Path, parent: str) -> list[str]:
    """Names of strays directly in `root/parent`, folders among them, sorted."""
    return sorted(name for name in os.listdir(root / parent) if is_stray(name)) if (root / parent).is_dir() else []


def _is_table(name: str) -> bool:
    return name.lower().endswith(".csv") and not is_stray(name)


def link_tables(root: Path) -> list[str]:
    """Paths of all link tables relative to `root`, sorted."""
    tables = [LINK_TABLE] if (root / LINK_TABLE).is_file() else []
    folder = root / LINK_FOLDER
    if folder.is_dir():
        tables += sorted(f"{LINK_FOLDER}/{name}" for name in os.listdir(folder) if _is_table(name))
    return tables


def keep_out(root: Path, *outputs: Path) -> None:
    """Refuse to write into a data set, which is only read; whoever reads one asks before a lock is taken.

    Parameters
    ----------
    root : of the data set
    outputs : files and folders that are to be written; they need not be there

    Raises
    ------
    InputError : one of them is the root, or lies in it, by whatever links
    """
    place = real(root)
    for output in outputs:
        if place in (real(output), *real(output).parents):
            cause = f"lies in {root}, which is only read" if real(output) != place else "is only read"
            raise InputError(output, cause, "Name a place outside, with --out or the option that named this one")


def check_layout(root: Path) -> None:
    """Refuse a folder that cannot be a data set.

    Raises
    ------
    LayoutError : it does not exist, or has no `dicoms` folder with at least one patient folder in it
    """
    if not root.is_dir():
        raise LayoutError(root, "is not a folder", "Give the folder that holds dicoms/, contourfiles/ and link.csv")
    if not patient_folders(root):
        raise LayoutError(
            root,
            f"has no patient folder below {DICOMS}/" if (root / DICOMS).is_dir() else f"has no folder {DICOMS}/",
            f"Put each patient's images into {DICOMS}/<patient_id>/<n>.dcm; "
            f"contours go to {CONTOURS}/<original_id>/, the link table to {LINK_TABLE}",
        )
