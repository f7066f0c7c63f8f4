"""The pull step of every deployment: a run works in the worker's own checkout."""

from __future__ import annotations

import os
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.workspace import Workspace

VARIABLE = "CMRPIPE_WORKSPACE"


def enter() -> dict[str, str]:
    """Change to the checkout that the worker's CMRPIPE_WORKSPACE names; paths differ from machine to machine.

    Raises
    ------
    CmrpipeError : the variable is not set, or names no workspace
    """
    place = os.environ.get(VARIABLE, "")
    if not place:
        raise CmrpipeError(VARIABLE, "is not set", "Set it to this machine's checkout, and start the worker again")
    Workspace(Path(place)).check(f"Set {VARIABLE} to your checkout")
    os.chdir(place)
    return {"directory": str(Path.cwd())}
