"""One writer at a time: a lock file that the system releases when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmrpipe.errors import BusyError, ParamsError
from cmrpipe.logger import Logger

_POLL_S = 0.2
TIMEOUT_S = 3600.0
VARIABLE = "CMRPIPE_LOCK_TIMEOUT"
"""Environment variable: seconds to wait for another writer, in place of `TIMEOUT_S`."""

log = Logger(__name__)


def _tell(path: Path) -> Callable[[str], None]:
    return lambda holder: log.warning("waiting for another writer", lock=str(path), holder=holder)


def patience_s() -> float:
    """How long a writer waits for another one, in seconds.

    Raises
    ------
    ParamsError : the environment variable is no number of seconds
    """
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text) if text else TIMEOUT_S
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ParamsError(f"{VARIABLE}={text}", "is no number of seconds", "Give 0 or more, or unset it")
    return seconds


@contextmanager
def alone(
    path: Path, *, timeout_s: float | None = None, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lock file `path` (made when it is not there; it stays).

    Parameters
    ----------
    timeout_s : how long to wait for another writer; by default what the environment says, else an hour
    waiting : told once, with the holder, when there is something to wait for; by default a warning is logged

    Raises
    ------
    BusyError : another writer held the lock all the time
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tell = waiting or _tell(path)
    deadline = time.monotonic() + (patience_s() if timeout_s is None else timeout_s)
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
                if not told:
                    tell(holder)
                    told = True
                time.sleep(_POLL_S)
        stream.truncate(0)
        stream.write(f"process {os.getpid()}\n")
        stream.flush()
        yield
