"""One writer at a time."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cmrpipe.errors import BusyError, ParamsError
from flows.dvclocks import runs
from flows.lock import write_lock
from flows.steps import writing

HOLDER = "import sys, time; from pathlib import Path; from flows.lock import write_lock\n"
HOLDER += "with write_lock(Path(sys.argv[1])):\n print('held', flush=True); time.sleep(float(sys.argv[2]))\n"


def hold(workspace: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that holds the lock; returns once it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workspace), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_writer_waits_and_says_for_whom(tmp_path: Path) -> None:
    """The second writer gets the lock when the first is done, and has named it meanwhile."""
    told: list[str] = []
    with hold(tmp_path, 1.5) as first, write_lock(tmp_path, waiting=told.append):
        assert first.poll() is not None or first.wait(5) == 0
    assert told == [f"process {first.pid}"]


def test_timeout_names_the_holder(tmp_path: Path) -> None:
    """A writer that waits in vain says who holds the lock."""
    with hold(tmp_path, 60) as first:
        with pytest.raises(BusyError, match=f"process {first.pid}"), write_lock(tmp_path, timeout_s=0.1):
            pass
        first.kill()


def test_environment_says_how_long_a_writer_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CMRPIPE_LOCK_TIMEOUT holds where nothing else was said; what is no number of seconds is refused."""
    with hold(tmp_path, 60) as first:
        monkeypatch.setenv("CMRPIPE_LOCK_TIMEOUT", "0.1")
        with pytest.raises(BusyError, match=f"process {first.pid}"), write_lock(tmp_path):
            pass
        for text in ("soon", "-1", "nan"):
            monkeypatch.setenv("CMRPIPE_LOCK_TIMEOUT", text)
            with pytest.raises(ParamsError, match=text), write_lock(tmp_path):
                pass
        first.kill()


def test_lock_of_a_killed_writer_is_free(tmp_path: Path) -> None:
    """SIGKILL frees the lock."""
    with hold(tmp_path, 60) as first:
        first.kill()
    with write_lock(tmp_path, timeout_s=5.0):
        pass


def test_environment_counts_for_land_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say nothing of their own about how long they wait."""
    monkeypatch.setenv("CMRPIPE_LOCK_TIMEOUT", "0.1")
    with hold(tmp_path, 5) as first:
        with pytest.raises(BusyError), writing(tmp_path, lambda *_: None):
            pass
        first.kill()


@pytest.mark.parametrize(("text", "stays"), [("", False), ('{"a": {"re', False), ("{}", True)])
def test_half_written_lock_table_of_dvc_is_removed(tmp_path: Path, text: str, stays: bool) -> None:
    """What a killed DVC left half written goes, a whole table stays."""
    table = tmp_path / ".dvc" / "tmp" / "rwlock"
    table.parent.mkdir(parents=True)
    table.write_text(text)
    with write_lock(tmp_path):
        assert table.exists() is stays


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_dvc_at_work_is_waited_for(tmp_path: Path, kind: str) -> None:
    """Whoever stands in DVC's table and runs is named; what has ended, or runs this very process, does not count."""
    table = tmp_path / ".dvc" / "tmp" / "rwlock"
    table.parent.mkdir(parents=True)

    def note(pid: int) -> None:
        who = {"pid": pid, "cmd": "dvc repro"}
        empty: dict[str, object] = {"read": {}, "write": {}}
        table.write_text(json.dumps(empty | {kind: {"data/store": [who] if kind == "read" else who}}))

    with subprocess.Popen(["sleep", "60"]) as other:
        note(other.pid)
        busy = pytest.raises(BusyError, match=f"process {other.pid} .dvc repro.")
        with busy, write_lock(tmp_path, timeout_s=0.1):
            pass
        other.kill()
        deadline = time.monotonic() + 10
        while runs(other.pid):  # nobody has waited for it: it has ended all the same
            assert time.monotonic() < deadline
    for pid in (other.pid, os.getpid(), os.getppid()):
        note(pid)
        with write_lock(tmp_path, timeout_s=0.1):
            pass


def test_a_process_that_has_the_id_of_a_killed_dvc_is_not_waited_for(tmp_path: Path) -> None:
    """It began after DVC's table was last written; its entries go, for DVC would not work beside them; others stay."""
    table = tmp_path / ".dvc" / "tmp" / "rwlock"
    table.parent.mkdir(parents=True)
    gone = 2**22 + 1  # no process has this id
    with subprocess.Popen(["sleep", "60"]) as other:
        who, dead = ({"pid": pid, "cmd": "dvc repro"} for pid in (other.pid, gone))
        table.write_text(json.dumps({"write": {"a": who, "b": dead}, "read": {"c": [who], "d": [who, dead]}}))
        old = time.time() - 3600
        os.utime(table, (old, old))
        with write_lock(tmp_path, timeout_s=0.1):
            assert json.loads(table.read_text()) == {"write": {"b": dead}, "read": {"d": [dead]}}
        other.kill()


def test_a_dvc_command_is_waited_for(tmp_path: Path) -> None:
    """Its lock on the whole repository counts, too."""
    lock = tmp_path / ".dvc" / "tmp" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="a DVC command"), write_lock(tmp_path, timeout_s=0.1):
            pass
    with write_lock(tmp_path, timeout_s=0.1):
        pass
