"""Starting and ending child processes under a guard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any


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


def stop(process: subprocess.Popen[bytes], patience_s: float = 10.0, first: signal.Signals = signal.SIGTERM) -> None:
    """End a child and everything it started: politely, then not."""
    for sign in (first, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, sign)
            process.wait(patience_s)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
