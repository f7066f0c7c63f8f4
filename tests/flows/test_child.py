"""Children end with what they started: when they take too long, and when their parent is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cmrpipe.errors import DiskError
from flows.child import stream
from flows.dvc import DvcError, run_dvc
from flows.git import GitError, git_timed
from tests.flows.standing import processes_in, wait_until

FAMILY = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
FAMILY += "print('two of us', flush=True); time.sleep(60)"
"""A command that starts another one, as DVC starts a stage, and the stage its processes."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory by which processes are found."""
    return tmp_path.resolve()


def gone(place: Path) -> None:
    """No process is left there."""
    wait_until(lambda: not processes_in(place), 15, f"all have ended: {processes_in(place)}")


def test_a_child_that_takes_too_long_is_ended_with_its_children(place: Path) -> None:
    """It is told from an exit code, what it had said by then is heard, and nothing is left running."""
    lines: list[str] = []
    start = time.monotonic()
    command = [sys.executable, "-c", FAMILY]
    assert stream(command, environment=dict(os.environ), cwd=place, on_line=lines.append, timeout_s=1.5) is None
    assert time.monotonic() - start < 20
    assert lines == ["two of us\n"]
    gone(place)


def test_a_child_whose_listener_fails_is_ended(place: Path) -> None:
    """The error comes through, and the children do not stay behind."""

    def fail(_: str) -> None:
        raise RuntimeError("no ear")

    with pytest.raises(RuntimeError, match="no ear"):
        stream([sys.executable, "-c", FAMILY], environment=dict(os.environ), cwd=place, on_line=fail)
    gone(place)


def test_children_of_a_killed_parent_end(place: Path) -> None:
    """SIGKILL leaves the parent no time to end anybody: the guard does."""
    script = f"import os, sys; from pathlib import Path; from flows.child import stream; command = {FAMILY!r}\n"
    script += "stream([sys.executable, '-c', command], environment=dict(os.environ), cwd=Path.cwd(), on_line=print)"
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen([sys.executable, "-c", script], cwd=place, env={**os.environ, "PYTHONPATH": root}) as parent:
        wait_until(lambda: len(processes_in(place)) >= 4, 30, "parent, guard, child and grandchild run")
        parent.send_signal(signal.SIGKILL)
    gone(place)


def test_a_disk_that_fills_up_with_what_dvc_says_is_told_by_its_place(tmp_path: Path) -> None:
    """The log is what a full disk often cuts short first."""
    logs = tmp_path / ".cmrpipe" / "logs"
    logs.mkdir(parents=True)
    (logs / "version.log").symlink_to("/dev/full")
    with pytest.raises(DiskError, match=f"^{logs}: the disk is full"):
        run_dvc(["--version"], tmp_path, log_name="version")


def test_dvc_and_git_that_take_too_long_are_told(tmp_path: Path) -> None:
    """The message names the command and the time; a git server that never answers does not hold a run for ever."""
    with pytest.raises(DvcError, match=r"dvc status: took longer than 0\.05 s"):
        run_dvc(["status"], tmp_path, log_name="status", timeout_s=0.05)
    with pytest.raises(GitError, match=r"took longer than 1 s"):
        git_timed(tmp_path, "-c", "alias.hang=!sleep 60", "hang", timeout_s=1)
    gone(tmp_path.resolve())
