"""What something in a folder is, as `os.scandir` gives it; where links may lead anywhere."""

from __future__ import annotations

import errno
import heapq
import os
from collections.abc import Callable, Iterator
from pathlib import Path


def real(place: Path) -> Path:
    """The absolute path of a place by no link; of a link that leads to itself, that of the link."""
    return Path(os.path.realpath(place))


def is_folder(item: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link to nowhere or to itself is none."""
    return _leads_on(item.is_dir)


def is_file(item: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link to one; a pipe, a link to nowhere or to itself is none."""
    return _leads_on(item.is_file)


def _leads_on(question: Callable[[], bool]) -> bool:
    """The answer, which is no of a link to itself, or by way of a file as if that were a folder."""
    try:
        return question()
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return False
        raise


class Walk:
    """A walk through all folders below one, links to folders included, each folder once.

    Links that lead back would never end, and folders full of links to each other not in time. Links come last, in the
    order of their paths, so that a folder goes by its own name where it has one here.

    Parameters
    ----------
    start : the folder; links to it, and to those that it lies in, lead back
    """

    def __init__(self, start: str) -> None:
        self._start, self._todo, self._links = start, [start], list[str]()
        self._seen: set[tuple[int, int]] = set()

    def _is_new(self, place: str | Path) -> bool:
        """Whether the walk comes to a folder for the first time; who looks into it is told why that cannot be said."""
        before = len(self._seen)
        try:
            state = Path(place).stat()
        except OSError:
            return True
        self._seen.add((state.st_dev, state.st_ino))
        return len(self._seen) > before

    def add(self, folder: os.DirEntry[str] | Path) -> None:
        """Walk into a folder, or a link to one, later."""
        if folder.is_symlink():
            heapq.heappush(self._links, os.fspath(folder))
        else:
            self._todo.append(os.fspath(folder))

    def __iter__(self) -> Iterator[tuple[str, bool]]:
        """Folders, those included that are added meanwhile; whether the walk has been there, by another way."""
        while self._todo:
            place = self._todo.pop()
            self._is_new(place)
            yield place, False
        here = Path(os.path.abspath(self._start))  # noqa: PTH100 the folders that it is named by count, too
        for around in (*here.parents, *real(here).parents) if self._links else ():
            self._is_new(around)
        while self._todo or self._links:
            place = self._todo.pop() if self._todo else heapq.heappop(self._links)
            yield place, not self._is_new(place)


def is_closed(item: os.DirEntry[str]) -> bool:
    """Whether it is a link to where looking is not allowed, so that nobody knows what it is."""
    try:
        item.stat()
    except PermissionError:
        return item.is_symlink()
    except OSError:
        return False
    return False


def leads_nowhere(place: Path) -> str:
    """Where to a link leads that stands for a file which is not there, in words; "" for whatever else it is."""
    if not place.is_symlink() or place.exists():
        return ""
    target = ascii(os.fspath(place.readlink()))
    return f"it is a link to {target}, where nothing is (`git annex get` what git-annex keeps, or mount its disk)"
