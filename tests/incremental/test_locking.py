"""One writer at a time, and what those hear who wait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmrpipe.errors import BusyError, ParamsError
from cmrpipe.incremental import locking
from cmrpipe.incremental.locking import TIMEOUT_S, VARIABLE, alone, patience_s


def test_a_lock_is_held_by_one_until_its_block_ends(tmp_path: Path) -> None:
    """Its file, made with its folder, stays, and names who has it; a longer name of an earlier holder is gone."""
    path = tmp_path / "folder" / ".lock"
    path.parent.mkdir()
    path.write_text("somebody whose name was longer than a process and its number\n")
    for _ in range(2):
        with alone(path):
            assert path.read_text() == f"process {os.getpid()}\n"
            with (
                pytest.raises(BusyError, match=rf"\.lock: is held by process {os.getpid()}\."),
                alone(path, timeout_s=0),
            ):
                pass
    with alone(tmp_path / "new" / "deep" / ".lock"):
        pass


def test_who_waits_is_told_once_whom_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the lock is tried; where the holder has not said who it is, that is said."""
    monkeypatch.setattr(locking, "_POLL_S", 0.001)
    told: list[str] = []
    with alone(tmp_path / ".lock"):
        for text in (f"process {os.getpid()}\n", ""):
            (tmp_path / ".lock").write_text(text)
            with pytest.raises(BusyError), alone(tmp_path / ".lock", timeout_s=0.05, waiting=told.append):
                pass
    assert told == [f"process {os.getpid()}", "another process"]


@pytest.mark.parametrize(("text", "seconds"), [("", TIMEOUT_S), ("0", 0.0), ("2.5", 2.5), ("inf", float("inf"))])
def test_the_environment_says_how_long_to_wait(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    """An hour where it says nothing; at once is a time, too."""
    monkeypatch.setenv(VARIABLE, text)
    assert patience_s() == seconds
    assert TIMEOUT_S == 3600


@pytest.mark.parametrize("text", ["-1", "soon", "nan"])
def test_what_is_no_time_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """By the variable's name."""
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ParamsError, match=f"{VARIABLE}={text}"):
        patience_s()
