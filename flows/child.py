"""Starting and ending child processes under a guard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PATIENCE_S = 10.0
"""How long a child may take to end after each signal, seconds."""


def start(
    command: Sequence[str], *, environment: Mapping[str, str], cwd: Path | None = None, output: int | IO[Any]
) -> subprocess.Popen[bytes]:
    """Start a command in a group of its own that ends with this process; standard error goes with its output."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows.guard", *command],
        cwd=cwd,
        env={**environment, "PYTHONPATH": _path(environment)},
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _path(environment: Mapping[str, str]) -> str:
    """Import path on which the guard is found, whatever the working directory."""
    here = str(Path(__file__).resolve().parents[1])
    there = environment.get("PYTHONPATH", "")
    return f"{here}{os.pathsep}{there}" if there else here


def stop(process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM) -> None:
    """End a child and everything it started: politely, then not."""
    for sign in (first, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, sign)
            process.wait(_PATIENCE_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def stream(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    on_line: Callable[[str], None],
    timeout_s: float | None = None,
) -> int | None:
    """Run a command to its end, a line of its output at a time; its exit code, None when it took too long.

    Parameters
    ----------
    on_line : called for every line, line end included; when it raises, the command is ended
    timeout_s : the whole process group is ended after this time; a task's own timeout does not reach a child
    """
    timed_out = threading.Event()
    with start(command, environment=environment, cwd=cwd, output=subprocess.PIPE) as process:

        def expire() -> None:
            timed_out.set()
            stop(process)

        timer = threading.Timer(timeout_s or 0.0, expire)
        if timeout_s:
            timer.start()
        try:
            assert process.stdout is not None
            for raw in process.stdout:
                on_line(raw.decode(errors="replace"))
            code = process.wait()
        except BaseException:
            stop(process)
            raise
        finally:
            timer.cancel()
    return None if timed_out.is_set() else code
