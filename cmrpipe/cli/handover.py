"""Handing a command over to the part of cmrpipe that works through Prefect and DVC."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cmrpipe.cli.options import given_path
from cmrpipe.workspace import HERE, Workspace

WORKSPACE = "--workspace"


def workspace_of(arguments: Sequence[str]) -> Workspace:
    """The workspace that the arguments name, the last one where they name several; without, the current folder.

    Raises
    ------
    BadParameter : the name is empty
    """
    found = HERE
    for argument, following in zip(arguments, (*arguments, "")[1:], strict=True):
        option, equals, value = argument.partition("=")
        if option == WORKSPACE:
            found = Workspace(given_path(value if equals else following))
    return found


def check_workspace(arguments: Sequence[str]) -> None:
    """Refuse arguments that name no workspace; help is for everyone.

    Raises
    ------
    CmrpipeError : it is none
    """
    if "--help" not in arguments:
        workspace_of(arguments).check(f"Run this in your checkout, or name it with {WORKSPACE}")


def hand_over(module: str, arguments: Sequence[str]) -> NoReturn:
    """Become `python -m <module> <arguments>`: its exit code is ours, and whoever ends this process ends the work.

    A child would go on, with the write lock, when this process is ended alone.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 our own interpreter
