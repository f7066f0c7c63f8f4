"""One writer at a time: an advisory lock around everything that writes through DVC."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import structlog

from cmrpipe.errors import BusyError
from cmrpipe.locking import alone, patience_s
from flows.kept import put_back

LOCK = Path(".dvc") / "tmp" / "cmrpipe.lock"
DVC_LOCKS, DVC_LOCK = Path(".dvc") / "tmp" / "rwlock", Path(".dvc") / "tmp" / "lock"
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
        _wait_for_dvc(workspace, patience_s() if timeout_s is None else timeout_s, waiting)
        put_back(workspace)
        yield


def _wait_for_dvc(workspace: Path, timeout_s: float, waiting: Callable[[str], None] | None) -> None:
    """Wait for a DVC that somebody started by hand: it holds its own locks, and records what it finds afterwards."""
    deadline, told = time.monotonic() + timeout_s, False
    while holder := _dvc_at_work(workspace):
        if time.monotonic() >= deadline:
            raise BusyError(workspace / DVC_LOCKS, f"is held by {holder}", "Wait for it to end, or stop it")
        if not told and waiting is not None:
            waiting(holder)
        told = True
        time.sleep(_POLL_S)


def _dvc_at_work(workspace: Path) -> str:
    """Who works in this workspace through DVC, "" when nobody does; what runs this very process does not count."""
    this = psutil.Process()
    ours = {this.pid, *(parent.pid for parent in this.parents())}
    try:
        table = json.loads((workspace / DVC_LOCKS).read_bytes())
    except (FileNotFoundError, ValueError):
        table = {}
    writers = list((table.get("write") or {}).values())
    readers = [who for held in (table.get("read") or {}).values() for who in held]
    for who in writers + readers:
        pid = int(who.get("pid") or 0)
        if pid and pid not in ours and runs(pid):
            return f"process {pid} ({who.get('cmd', 'dvc')})"
    try:
        with (workspace / DVC_LOCK).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(stream, fcntl.LOCK_UN)
    except BlockingIOError:
        return "a DVC command"
    except OSError:
        return ""
    return ""


def runs(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody has asked about yet does not count."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


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
