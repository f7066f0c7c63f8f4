"""Folders that take others' places: all old or all new, whoever fails or is killed, and nothing left over."""

from __future__ import annotations

import errno
import os
import shutil
from itertools import count
from pathlib import Path

import pytest

from cmrpipe.errors import BusyError, InputError
from cmrpipe.incremental.folders import recover, replacing
from tests.killing import killed

LOCK = ".out.lock"
KINDS = ("contours", "patients")
NOTHING: list[str] = []
OLD, NEW = ([f"{kind}/P/{name}" for kind in KINDS] for name in ("old", "new"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill of the process, unlike one of the machine, undoes nothing that was not made durable."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def put(base: Path, name: str) -> None:
    """Fill both folders of a patient anew, each with a file of this name; they stay empty where there is none."""
    with replacing(base / LOCK, *(base / kind / "P" for kind in KINDS)) as folders:
        for folder in folders if name else ():
            (folder / name).touch()


def there(base: Path) -> list[str]:
    """Whatever lies below a folder, but for folders on the way to it, those of a kind and the lock file."""
    paths = [path for path in base.rglob("*") if path.is_file() or not any(path.iterdir())]
    return sorted({path.relative_to(base).as_posix() for path in paths} - {*KINDS, LOCK})


@pytest.mark.parametrize(("before", "name", "after"), [("old", "new", NEW), ("", "new", NEW), ("old", "", NOTHING)])
def test_a_kill_at_any_step_leaves_both_old_or_both_new(
    tmp_path: Path, before: str, name: str, after: list[str]
) -> None:
    """Two folders in the place of two, of none, and none in the place of two; as the next run finds them."""
    old = OLD if before else NOTHING
    put(tmp_path, before)
    left: list[list[str]] = []
    while killed(lambda: put(tmp_path, name), len(left) + 1):
        recover(tmp_path / LOCK)
        left.append(there(tmp_path))
        if left[-1] != old:
            put(tmp_path, before)
    assert there(tmp_path) == after
    turn = left.index(after)
    assert left == [old] * turn + [after] * (len(left) - turn)
    assert turn > 7  # four folders of its own, its note, and the renames
    assert len(left) > turn + 2  # what is thrown away


def test_a_recovery_that_is_killed_is_done_again(tmp_path: Path) -> None:
    """At any of its own steps, where one folder is new already and the other's place is empty."""
    for step in count(1):
        put(tmp_path, "old")
        assert killed(lambda: put(tmp_path, "new"), 4, ("rename",))
        again = killed(lambda: recover(tmp_path / LOCK), step)
        recover(tmp_path / LOCK)
        assert there(tmp_path) == OLD
        if not again:
            break
    assert step > 6


@pytest.mark.parametrize("renames", range(1, 5))
def test_the_next_run_begins_with_the_old_ones_in_place(tmp_path: Path, renames: int) -> None:
    """After a kill between renames, whatever it is about itself, and though it then fails."""
    put(tmp_path, "old")
    assert killed(lambda: put(tmp_path, "new"), renames + 1, ("rename",))
    assert not set(OLD) <= set(there(tmp_path))

    def fail() -> None:
        with replacing(tmp_path / LOCK, tmp_path / "other") as (folder,):
            assert set(OLD) <= set(there(tmp_path))
            (folder / "half").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert there(tmp_path) == OLD
    put(tmp_path, "new")
    assert there(tmp_path) == NEW


def test_where_not_even_the_way_back_works_the_next_run_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that gives up between two renames: what was set aside is not thrown away."""
    put(tmp_path, "old")
    rename, left = Path.rename, [2]

    def failing(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "no more")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no more"):
        put(tmp_path, "new")
    monkeypatch.undo()
    assert there(tmp_path) not in (OLD, NEW)
    recover(tmp_path / LOCK)
    assert there(tmp_path) == OLD


@pytest.mark.parametrize("way", ["move it away", "it stays"])
def test_what_somebody_put_there_after_a_kill_is_not_touched(tmp_path: Path, way: str) -> None:
    """The folder copied back by hand, say: that is told, with two ways out, and each of them is one."""
    put(tmp_path, "old")
    assert killed(lambda: put(tmp_path, "new"), 2, ("rename",))
    (tmp_path / "contours" / "P").mkdir()
    (tmp_path / "contours" / "P" / "mine").touch()
    before = there(tmp_path)
    with pytest.raises(InputError, match="stands where a run that was killed had something else"):
        put(tmp_path, "new")
    assert there(tmp_path) == before
    if way == "it stays":
        shutil.rmtree(tmp_path / ".out.work")
        recover(tmp_path / LOCK)
        assert there(tmp_path) == ["contours/P/mine", "patients/P/old"]
    else:
        (tmp_path / "contours" / "P").rename(tmp_path / "away")
        recover(tmp_path / LOCK)
        assert there(tmp_path) == ["away/mine", *OLD]


def test_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is refused before it makes anything, and does not clear away what the first is filling."""
    monkeypatch.setenv("CMRPIPE_LOCK_TIMEOUT", "0")
    with replacing(tmp_path / LOCK, tmp_path / "A") as (folder,):
        (folder / "first").touch()
        with pytest.raises(BusyError):
            put(tmp_path, "new")
        with pytest.raises(BusyError):
            recover(tmp_path / LOCK)
    assert there(tmp_path) == ["A/first"]


def test_a_place_may_have_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    """An export's output, say; it comes back after a kill, too."""
    place = tmp_path / os.fsdecode(b"M\xfcller")
    for name in ("old", "new"):
        with replacing(tmp_path / LOCK, place) as (folder,):
            (folder / name).touch()
    assert [path.name for path in place.iterdir()] == ["new"]
