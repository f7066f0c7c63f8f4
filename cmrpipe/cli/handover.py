"""Handing a command over to the part of cmrpipe that works through Prefect and DVC."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def hand_over(module: str, arguments: Sequence[str]) -> NoReturn:
    """Become `python -m <module> <arguments>`: its exit code is ours, and whoever ends this process ends the work.

    A child would go on, with the write lock, when this process is ended alone.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 our own interpreter
