"""Running DVC as a child process: its own session, its output streamed, the stage's events picked out."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmrpipe import events
from cmrpipe.errors import CmrpipeError
from cmrpipe.events import Ended, Failed
from cmrpipe.files import disk_trouble
from cmrpipe.workspace import HERE
from flows.child import stream
from flows.rollback import records_kept, written_by
from flows.told import Told, heard

LOGS = HERE.state / "logs"
_STATES = (
    (re.compile(r"Stage '.+' didn't change, skipping"), "unchanged"),
    (re.compile(r"Stage '.+' is cached - skipping run"), "cached"),
)
_TAIL = 15


class DvcError(CmrpipeError, RuntimeError):
    """A DVC command that failed."""


@dataclass(slots=True)
class Outcome:
    """What a DVC command did.

    Attributes
    ----------
    state : "ran", "unchanged" (DVC had nothing to do) or "cached" (DVC fetched an earlier result)
    summary : the stage's own summary, empty when it did not run
    """

    state: str = "ran"
    summary: Mapping[str, Any] = field(default_factory=dict)


def child_environment() -> dict[str, str]:
    """Environment of children: this interpreter's commands first, no questions home, events asked for."""
    here = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{here}{os.pathsep}{os.environ.get('PATH', '')}",
        "DVC_NO_ANALYTICS": "1",
        "PYTHONUNBUFFERED": "1",
        "CMRPIPE_LOG_JSON": "1",
        "CMRPIPE_LOG_LEVEL": os.environ.get("CMRPIPE_LOG_LEVEL", "info"),
        events.VARIABLE: "1",
    }


def run_dvc(
    arguments: Sequence[str],
    workspace: Path,
    *,
    log_name: str,
    on_event: Callable[[Told], None] = lambda _: None,
    timeout_s: float | None = None,
    look: Callable[[], None] | None = None,
) -> Outcome:
    """Run `dvc <arguments>` in a workspace; its full output goes to `.cmrpipe/logs/<log_name>.log`.

    The caller holds the write lock. A command that fails, or is killed, changes none of DVC's records.

    Parameters
    ----------
    on_event : called for all that the stage's command tells
    timeout_s : the whole process group is ended after this time
    look : looks at what was recorded; when it raises, nothing was

    Raises
    ------
    DvcError : it failed or took too long; the message holds the stage's own error, else the last lines of output
    """
    log = workspace / LOGS / f"{log_name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    outcome = Outcome()
    tail: deque[str] = deque(maxlen=_TAIL)
    said = ""
    command = [sys.executable, "-m", "dvc", *arguments]
    with disk_trouble(log.parent), log.open("w", encoding="utf-8") as record:

        def on_line(line: str) -> None:
            nonlocal said
            record.write(line)
            told = heard(line)
            if told is None:
                tail.append(line.rstrip())
                outcome.state = next((state for pattern, state in _STATES if pattern.search(line)), outcome.state)
                return
            if isinstance(told, Ended):
                outcome.summary = told.summary
            elif isinstance(told, Failed):
                said = told.message
            on_event(told)

        with records_kept(workspace, written_by(arguments)):
            code = stream(command, environment=child_environment(), cwd=workspace, on_line=on_line, timeout_s=timeout_s)
            if code is None:
                cause = f"took longer than {timeout_s:g} s and was ended"
                raise DvcError(f"dvc {' '.join(arguments)}", cause, f"See {log}")
            if code:
                cause = said or "failed:\n" + "\n".join(tail)
                raise DvcError(f"dvc {' '.join(arguments)}", cause, f"The whole output is in {log}")
            if look is not None:
                look()
    return outcome
