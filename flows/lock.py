"""One writer at a time: an advisory lock around everything that writes through DVC."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from cmrpipe.locking import alone

LOCK = Path(".dvc") / "tmp" / "cmrpipe.lock"
DVC_LOCKS = Path(".dvc") / "tmp" / "rwlock"
_POLL_S = 0.5
_RECHECKS = 4

log = structlog.get_logger(__name__)


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
        _mend_dvc_lock(workspace)
        yield


def _mend_dvc_lock(workspace: Path) -> None:
    """Remove DVC's table of path locks when a killed DVC left it half written.

    DVC 3.67 then refuses every command ("JSON structure is corrupted") until the file is removed by hand. It writes the
    table within milliseconds, so one that stays unreadable has no writer; live processes put their entries back.
    """
    path = workspace / DVC_LOCKS
    for _ in range(_RECHECKS):
        try:
            json.loads(path.read_bytes())
        except FileNotFoundError:
            return
        except ValueError:
            time.sleep(_POLL_S)
        else:
            return
    path.unlink(missing_ok=True)
    log.warning("DVC's lock table was left half written by a killed process and was removed", file=str(path))
