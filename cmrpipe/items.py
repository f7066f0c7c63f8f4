"""What something in a folder is, as `os.scandir` gives it; where links may lead anywhere."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path


def is_folder(item: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link to itself is none."""
    return _no_circle(item.is_dir)


def is_file(item: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link to one; a pipe, a link to nowhere or to itself is none."""
    return _no_circle(item.is_file)


def _no_circle(question: Callable[[], bool]) -> bool:
    """The answer, which is no of a link to itself."""
    try:
        return question()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def leads_back(place: Path) -> bool:
    """Whether it is a link to one of the folders that it lies in: going there would never end."""
    if not os.path.islink(place):  # noqa: PTH114 it says no where looking is not allowed, too
        return False
    return place.resolve() in {parent.resolve() for parent in place.parents}


def is_closed(item: os.DirEntry[str]) -> bool:
    """Whether it is a link to where looking is not allowed, so that nobody knows what it is."""
    try:
        item.stat()
    except PermissionError:
        return item.is_symlink()
    except OSError:
        return False
    return False


def leads_nowhere(item: os.DirEntry[str]) -> str:
    """Where to a link leads that stands for a file which is not there, in words; "" for whatever else it is."""
    if not item.is_symlink() or Path(item.path).exists():
        return ""
    target = ascii(os.fspath(Path(item.path).readlink()))
    return f"it is a link to {target}, where nothing is (`git annex get` what git-annex keeps, or mount its disk)"
