"""Handing a command over to the part of cmrpipe that works through Prefect and DVC."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

from cmrpipe.cli import console
from cmrpipe.errors import CmrpipeError

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Context settings of a command that takes whatever follows it, to be handed over."""


def hand_over(command: str, module: str, arguments: Sequence[str]) -> NoReturn:
    """Become `python -m <module> <arguments>`: its exit code is ours, and whoever ends this process ends the work.

    A child would go on, with the write lock, when this process is ended alone. The module itself refuses what is no
    workspace, and arguments that it does not take.
    """
    with console.guarded(command):
        if find_spec("dvc") is None:  # with it comes all else that `flows` imports
            raise CmrpipeError("dvc", "is not installed", "Install cmrpipe[flows]")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 our own interpreter
