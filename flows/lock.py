"""One writer at a time: an advisory lock around everything that writes through DVC."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmrpipe.errors import BusyError
from cmrpipe.incremental.locking import alone, patience_s
from flows import dvclocks, rollback

LOCK = Path(".dvc") / "tmp" / "cmrpipe.lock"
_POLL_S = 0.5


@contextmanager
def write_lock(
    workspace: Path, *, timeout_s: float | None = None, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the workspace's write lock; the system releases it when the process ends, however it ends.

    Parameters
    ----------
    workspace : folder with `.dvc`
    timeout_s : how long to wait for another writer; by default what CMRPIPE_LOCK_TIMEOUT says, else an hour
    waiting : told once, with the holder, when there is something to wait for

    Raises
    ------
    BusyError : another writer held the lock all the time
    """
    with alone(workspace / LOCK, timeout_s=timeout_s, waiting=waiting):
        dvclocks.recover(workspace)
        _wait_for_dvc(workspace, patience_s() if timeout_s is None else timeout_s, waiting)
        rollback.recover(workspace)
        yield


def _wait_for_dvc(workspace: Path, timeout_s: float, waiting: Callable[[str], None] | None) -> None:
    """Wait for a DVC that somebody started by hand: it holds its own locks, and records what it finds afterwards."""
    deadline, told = time.monotonic() + timeout_s, False
    while holder := dvclocks.at_work(workspace):
        if time.monotonic() >= deadline:
            raise BusyError(workspace / dvclocks.TABLE, f"is held by {holder}", "Wait for it to end, or stop it")
        if not told and waiting is not None:
            waiting(holder)
        told = True
        time.sleep(_POLL_S)
