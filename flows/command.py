"""Running one of cmrpipe's own commands as a child: in a group of its own, its events told, ended after a time."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.events import Failed
from cmrpipe.incremental.locking import VARIABLE as PATIENCE
from flows.child import stream
from flows.dvc import child_environment
from flows.told import Tell, heard

_TAIL = 15


class CommandError(CmrpipeError, RuntimeError):
    """A command of ours that failed."""


def run_command(
    module: str,
    arguments: Sequence[str],
    workspace: Path,
    *,
    tell: Tell,
    timeout_s: float,
    fine: Sequence[int] = (0,),
    patience_s: float | None = None,
) -> int:
    """Run `python -m <module> <arguments>` in a workspace; returns its exit code, one of `fine`.

    Parameters
    ----------
    timeout_s : it is ended after this time
    fine : exit codes that come with what was asked for
    patience_s : how long it waits for another writer; by default as the environment says

    Raises
    ------
    CommandError : another exit code, or it took too long and was ended
    """
    command = " ".join((module, *arguments))
    tail: deque[str] = deque(maxlen=_TAIL)
    said = ""

    def on_line(line: str) -> None:
        nonlocal said
        told = heard(line)
        if told is None:
            tail.append(line.rstrip())
            return
        said = told.message if isinstance(told, Failed) else said
        tell(arguments[0], told)

    whole = [sys.executable, "-m", module, *arguments]
    environment = child_environment()
    if patience_s is not None:
        environment[PATIENCE] = str(patience_s)
    code = stream(whole, environment=environment, cwd=workspace, on_line=on_line, timeout_s=timeout_s)
    if code is None:
        raise CommandError(
            command, f"took longer than {timeout_s:g} s and was ended", "Give it more time, or less to do"
        )
    if code not in fine:
        raise CommandError(command, said or "failed:\n" + "\n".join(tail), f"Run it by hand in {workspace}")
    return code
