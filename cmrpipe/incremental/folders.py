"""New folders in the place of old ones, several together: all of them or none, whatever ends the process meanwhile.

Beside the lock file `.<name>.lock`, under that lock and only while new folders are made and take their places:

.<name>.work/new/0, 1, ...    the new folders; one that is in its place is no longer here
.<name>.work/places.json      the places, in this order, as paths from the lock file's folder
.<name>.work/old/0, 1, ...    what stood there; `old` itself begins with the first rename, and ends after the last
.<name>.work/gone/            `old`, once the new folders stay

A run that is killed while there is an `old` has changed some places and not others: whoever works here next puts all
back (`recover`). Killed before or after, it leaves all places old or all new, and what may be thrown away.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cmrpipe.errors import InputError
from cmrpipe.files import sync_folder, write_text
from cmrpipe.incremental.locking import alone

_NEW, _OLD, _GONE, _PLACES = "new", "old", "gone", "places.json"


def _work(lock: Path) -> Path:
    return lock.with_suffix(".work")


def recover(lock: Path) -> None:
    """Undo what a run that was killed had half done, and remove what it left; waits for one that is at work.

    Raises
    ------
    InputError : somebody has put something else in the place of a folder that was to be put back
    BusyError : another run holds the lock, and does not end
    """
    if _work(lock).exists():
        with alone(lock):
            _recover(_work(lock))


@contextmanager
def replacing(lock: Path, *places: Path) -> Iterator[tuple[Path, ...]]:
    """Give empty folders that take `places` when the block ends well; else what stands there stays.

    Parameters
    ----------
    lock : lock file that is held all the while, `.<name>.lock`; the places lie below its folder, on its file system
    places : folders that may be there; a new one that is still empty when the block ends leaves nothing in its place

    Raises
    ------
    BusyError : another run held the lock all the time
    InputError : see `recover`, which is done first
    """
    work = _work(lock)
    with alone(lock):
        _recover(work)
        try:
            fresh = tuple(work / _NEW / str(number) for number in range(len(places)))
            for folder in fresh:
                folder.mkdir(parents=True)
            names = [place.relative_to(lock.parent).as_posix() for place in places]
            write_text(work / _PLACES, json.dumps(names))  # in ASCII: a name need not be UTF-8
            yield fresh
            _exchange(work, places)
        except BaseException:
            _undo(work)  # where that fails, too, the old folders wait there for the next run
            shutil.rmtree(work, ignore_errors=True)
            raise
        shutil.rmtree(work, ignore_errors=True)


def _exchange(work: Path, places: Sequence[Path]) -> None:
    (work / _OLD).mkdir()
    for number, place in enumerate(places):
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rename(work / _OLD / str(number))
        new = work / _NEW / str(number)
        if any(new.iterdir()):
            new.rename(place)
    _sync(places)
    (work / _OLD).rename(work / _GONE)


def _recover(work: Path) -> None:
    _undo(work)
    if work.exists():
        shutil.rmtree(work)


def _undo(work: Path) -> None:
    """Bring all places to what stood there before; may itself be killed, and done again."""
    if (work / _OLD).exists():
        places = [work.parent / name for name in json.loads((work / _PLACES).read_bytes())]
        for number, place in enumerate(places):
            new, old = (work / part / str(number) for part in (_NEW, _OLD))
            if not new.exists() and place.exists():
                place.rename(new)
            if old.exists():
                if place.exists():
                    cause = f"stands where a run that was killed had something else, now in {old}"
                    raise InputError(place, cause, f"Move it away and run again; or remove {work}, and it stays")
                old.rename(place)
        _sync(places)
        (work / _OLD).rmdir()


def _sync(places: Sequence[Path]) -> None:
    """Make renames durable."""
    for parent in sorted({place.parent for place in places}):
        sync_folder(parent)
