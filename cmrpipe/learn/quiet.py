"""What Lightning does to the whole process, kept from it while it trains.

Nothing that only predicts imports this: Lightning alone takes longer to import than torch.
"""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch.utilities.exceptions import SIGTERMException

_TALKERS = ("lightning.pytorch", "lightning.fabric")
"""Loggers that announce hardware, tips and other products at level INFO."""

_WARNINGS = (
    r"The '\w+_dataloader' does not have many workers",  # samples are in memory; workers would slow it down
    r"You passed `Trainer\(accelerator='cpu', precision='16-mixed'\)`",  # is refused where it is said
    r"You defined a `validation_step` but have no `val_dataloader`",  # without validation patients
    r"`torch\.jit\.script_method` is deprecated",  # torch.compile imports it
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # lightning 2.6 with torch 2.13
)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's announcements and its advice that does not apply here from the user; real warnings pass."""
    levels = {name: logging.getLogger(name).level for name in _TALKERS}
    with warnings.catch_warnings():
        for message in _WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        try:
            for name in _TALKERS:
                logging.getLogger(name).setLevel(logging.WARNING)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a training that is told to stop end like any other program.

    Lightning leaves with exit code 0 after SIGTERM, which a caller takes for success, and makes exit(1) of Ctrl+C,
    which is ignored from then on.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException as stop:
        raise SystemExit(128 + signal.SIGTERM) from stop
    except SystemExit as stop:
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from stop
