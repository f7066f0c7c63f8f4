"""One writer at a time: an advisory lock around everything that writes through DVC."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmrpipe.errors import BusyError

LOCK = Path(".dvc") / "tmp" / "cmrpipe.lock"
_POLL_S = 0.5


@contextmanager
def write_lock(
    workspace: Path, *, timeout_s: float = 3600.0, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the workspace's write lock; the system releases it when the process ends, however it ends.

    Parameters
    ----------
    workspace : folder with `.dvc`
    timeout_s : how long to wait for another writer
    waiting : told once, with the holder, when there is something to wait for

    Raises
    ------
    BusyError : another writer held the lock all the time
    """
    path = workspace / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with path.open("a+", encoding="utf-8") as stream:
        told = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                stream.seek(0)
                holder = stream.read().strip() or "another process"
                if time.monotonic() >= deadline:
                    raise BusyError(path, f"is held by {holder}", "Wait for it to end, or stop it") from None
                if waiting and not told:
                    waiting(holder)
                    told = True
                time.sleep(_POLL_S)
        stream.truncate(0)
        stream.write(f"process {os.getpid()}\n")
        stream.flush()
        yield
