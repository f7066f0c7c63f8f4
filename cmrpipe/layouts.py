"""The folder layout that sources and `data/raw` share, and what in it counts as what.

dicoms/<patient_id>/<n>.dcm
contourfiles/<original_id>/{i-contours,o-contours}/IM-0001-<nnnn>-{i,o}contour-manual.txt
link.csv                 and, where several sources were landed, links/<source>.csv
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cmrpipe.errors import LayoutError

DICOMS = "dicoms"
CONTOURS = "contourfiles"
LINK_TABLE = "link.csv"
LINK_FOLDER = "links"
ASIDE = "aside"

_STRAY_NAMES = frozenset({"thumbs.db", "desktop.ini", "dicomdir"})
_STRAY_SUFFIXES = (".swp", ".swo", "~", ".tmp", ".part", ".crdownload")


def is_stray(name: str) -> bool:
    """Whether a file name is that of something editors, file managers and copies leave behind."""
    lower = name.lower()
    return lower.startswith(".") or lower in _STRAY_NAMES or lower.endswith(_STRAY_SUFFIXES)


class Entry(NamedTuple):
    """One file: its path relative to the layout's root (forward slashes), size in bytes and modification time (ns)."""

    path: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one patient or contour folder, sorted by path, and the stray ones that were passed over."""

    name: str
    entries: tuple[Entry, ...]
    stray: tuple[str, ...]


def list_files(root: Path, folder: str) -> Listing:
    """All files below `root/folder`."""
    entries: list[Entry] = []
    stray: list[str] = []
    todo = [folder]
    while todo:
        parent = todo.pop()
        with os.scandir(f"{root}/{parent}") as scan:
            for item in scan:
                path = f"{parent}/{item.name}"
                if item.is_dir():
                    todo.append(path)
                elif is_stray(item.name):
                    stray.append(path)
                else:
                    stat = item.stat()
                    entries.append(Entry(path, stat.st_size, stat.st_mtime_ns))
    entries.sort()
    return Listing(folder.partition("/")[2], tuple(entries), tuple(sorted(stray)))


def _folders(root: Path, parent: str) -> list[str]:
    try:
        with os.scandir(root / parent) as scan:
            return sorted(item.name for item in scan if item.is_dir() and not is_stray(item.name))
    except FileNotFoundError:
        return []


def patient_folders(root: Path) -> list[str]:
    """Names of the folders with images, sorted."""
    return _folders(root, DICOMS)


def contour_folders(root: Path) -> list[str]:
    """Names of the folders with contours, sorted."""
    return _folders(root, CONTOURS)


def link_tables(root: Path) -> list[str]:
    """Paths of all link tables relative to `root`, sorted."""
    tables = [LINK_TABLE] if (root / LINK_TABLE).is_file() else []
    folder = root / LINK_FOLDER
    if folder.is_dir():
        tables += sorted(f"{LINK_FOLDER}/{p.name}" for p in folder.glob("*.csv") if not is_stray(p.name))
    return tables


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
