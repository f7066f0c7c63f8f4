"""A watch over a transfer: one that trickles, or takes for ever, is ended from outside, whatever it is waiting for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

SLOWEST_BYTES_S = 1024.0
"""A transfer that brings less than this in a second, on the average of a while, has come to a standstill."""

LONGEST_S = 3600.0
"""Seconds after which a transfer has failed, however fast it is."""


def block_bytes(while_s: float) -> int:
    """How much to read at a time, so that at the slowest pace something comes four times in a while."""
    return max(1, min(1 << 16, round(SLOWEST_BYTES_S * while_s / 4)))


class Pace:
    """Watches while it is entered; what is read is told to it.

    Parameters
    ----------
    stop : ends the transfer, from another thread; its reader then sees an end or an error
    while_s : time over which a transfer may be too slow, seconds

    Attributes
    ----------
    late : why the transfer was ended; "" while it was not
    """

    def __init__(self, stop: Callable[[], None], while_s: float) -> None:
        self.late = ""
        self._stop = stop
        self._while_s = while_s
        self._got = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def got(self, count: int) -> None:
        """So many bytes more have come."""
        self._got += count

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        started, before = time.monotonic(), 0
        while not self._over.wait(min(self._while_s, started + LONGEST_S - time.monotonic())):
            got = self._got
            if time.monotonic() - started >= LONGEST_S:
                self.late = f"has sent {got:,} bytes in {LONGEST_S:g} s, and not all"
            elif got - before < SLOWEST_BYTES_S * self._while_s:
                self.late = f"sent {got - before:,} bytes in {self._while_s:g} s, too slowly to wait for the rest"
            before = got
            if self.late:
                with suppress(OSError, RuntimeError, ValueError):  # it has ended by itself
                    self._stop()
                return
