"""Where per-patient work runs: in this process, in several, or on a Dask cluster.

A specification is a number of processes, or a text:

    processes:4                          four processes on this machine
    dask-local:2                         a Dask cluster of two worker processes, started for the run
    dask:tcp://scheduler.example:8786    an existing Dask cluster; its workers see the same paths

Whichever it is, each patient is one task and writes the same bytes. A Dask worker that dies costs its patients a retry.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TypeAlias

from cmrpipe.errors import ExecutorError

Workers: TypeAlias = int | str
_RETRIES = 3
"""Dask gives a task up when it was on so many workers that died: one that kills its worker must not go on for ever."""


def cores() -> int:
    """As many workers as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with_parent() -> None:
    """End this worker when the process that made it is gone, however that ended and however this one was started.

    Ctrl+C, which all processes hear, ends it at once: it would take what it does for failed, and begin what waits.
    Not where this process was told to pass over it, as a shell does that starts one in the background of a script.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _number(spec: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ExecutorError(spec, "names no number of workers", "Write processes:4 or dask-local:4, say")
    return int(text)


@contextmanager
def _dask(spec: str, address: str | None, workers: int) -> Iterator[Executor]:
    try:
        from distributed import Client, LocalCluster  # noqa: PLC0415 an extra, and slow to import
    except ModuleNotFoundError as error:
        raise ExecutorError(spec, "needs the package distributed", "Install cmrpipe[dask]") from error
    if address is not None:
        try:
            client = Client(address, timeout="20s")  # type: ignore[no-untyped-call]
        except OSError as error:
            raise ExecutorError(spec, f"no Dask scheduler answers ({error})", "Start one, or name another") from error
        except ValueError as error:
            mend = "Write dask:tcp://scheduler.example:8786, say"
            raise ExecutorError(spec, f"is no address of a Dask scheduler ({error})", mend) from error
        with client:
            yield client.get_executor(retries=_RETRIES, pure=False)  # type: ignore[no-untyped-call]
        return
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client.get_executor(retries=_RETRIES, pure=False)


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    """Processes, all of them started: of some that cannot be, the others would wait for work for ever."""
    where, before = f"processes:{count}", set(multiprocessing.active_children())
    with ProcessPoolExecutor(count, initializer=_end_with_parent) as executor:
        try:
            executor.submit(int)  # the first task starts them
        except (OSError, RuntimeError) as error:  # no process more, no file or no thread
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
            mend = "Take fewer (-j), or raise the limits (`ulimit -u`, `ulimit -n`)"
            raise ExecutorError(where, f"cannot be started ({error})", mend) from error
        try:
            yield executor
        except BrokenProcessPool as error:
            mend = "See whether memory ran out, take fewer (-j), and run again: what was finished is kept"
            raise ExecutorError(where, "one of them died, or was killed", mend) from error


@contextmanager
def pool(workers: Workers, units: int) -> Iterator[Executor | None]:
    """An executor for `units` pieces of work, or None when this process does as well.

    Raises
    ------
    ExecutorError : the specification is not understood, processes cannot be started or die, Dask is not installed, or
        its scheduler does not answer
    """
    kind, _, rest = workers.partition(":") if isinstance(workers, str) else ("processes", "", str(workers))
    if kind == "dask" and rest:
        address, count = rest, 0
    elif kind in {"processes", "dask-local"}:
        address, count = None, _number(str(workers), rest)
    else:
        raise ExecutorError(str(workers), "is no executor", "Use processes:N, dask-local:N or dask:ADDRESS")
    if units == 0 or (kind == "processes" and min(count, units) == 1):
        yield None
    elif kind == "processes":
        with _processes(min(count, units)) as executor:
            yield executor
    else:
        with _dask(str(workers), address, count) as executor:
            yield executor
