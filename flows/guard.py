"""A child that never outlives its parent: `python -m flows.guard COMMAND ...`, with a pipe on standard input.

The parent holds the other end of the pipe. When the parent ends, however it ends (SIGKILL included), the pipe closes,
and the guard ends the command and everything the command started. The guard leads a process group of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

PATIENCE_S = 10.0


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, then make it."""
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run `command` until it ends or standard input closes; returns its exit code."""
    for sign in (signal.SIGTERM, signal.SIGINT):  # sent to the whole group; the guard waits for the command
        signal.signal(sign, lambda *_: None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch() -> None:
        while os.read(0, 1):
            pass
        _end_group(process)

    threading.Thread(target=watch, daemon=True).start()
    code = process.wait()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # the watching thread stands in a read that nothing will end
