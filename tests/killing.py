"""A process that is killed in the middle of its work on files."""

from __future__ import annotations

import gc
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from unittest.mock import patch

CALLS = ("mkdir", "rename", "replace", "rmdir", "unlink")
"""What changes the names in folders."""


def killed(work: Callable[[], object], step: int, calls: Sequence[str] = CALLS) -> bool:
    """Do `work` in a forked child, which gets SIGKILL as it is about to make the `step`th of some calls, from 1.

    Returns whether it was killed; it is not where `work` ends before. A `work` that fails fails the test.
    """
    child = os.fork()
    if child == 0:
        gc.disable()  # a Dask client that another test left behind would wait for its thread, which is not in the child
        try:
            _kill_at(step, calls)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def _kill_at(step: int, calls: Sequence[str]) -> None:
    left = [step]

    def counting(call: Callable[..., None]) -> Callable[..., None]:
        def counted(*args: object, **more: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            call(*args, **more)

        return counted

    for name in calls:
        patch.object(os, name, counting(getattr(os, name))).start()
