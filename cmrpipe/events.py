"""Machine-readable lines on standard output: how a stage's command tells its caller what it does.

Each is `@cmrpipe {"event": ..., ...}`; everything else on standard output is for people. A caller asks for them with
the environment variable `CMRPIPE_EVENTS=1`; they carry what the terminal would show and change no output of a stage.
This module alone writes and reads them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from cmrpipe.progress import Progress

VARIABLE = "CMRPIPE_EVENTS"
PREFIX = "@cmrpipe "


@dataclass(frozen=True, slots=True)
class Ended:
    """A command has done its work; `summary` is a `cmrpipe.stages.summary.Summary` as a mapping."""

    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """A command could not do its work, and why."""

    stage: str
    message: str


Event: TypeAlias = Progress | Ended | Failed


def wanted() -> bool:
    """Whether the caller asked for events."""
    return os.environ.get(VARIABLE) == "1"


def emit(event: Event) -> None:
    """Write one event."""
    sys.stdout.write(f"{PREFIX}{json.dumps(_line(event))}\n")
    sys.stdout.flush()


def _line(event: Event) -> dict[str, Any]:
    match event:
        case Progress():
            return {"event": "progress", **asdict(event)}
        case Ended(summary):
            return {"event": "summary", **summary}
        case Failed():
            return {"event": "error", **asdict(event)}


def parse(line: str) -> Event | None:
    """The event in a line, None when it is an ordinary line."""
    if not line.startswith(PREFIX):
        return None
    try:
        value = json.loads(line[len(PREFIX) :])
        kind = value.pop("event")
        return Ended(value) if kind == "summary" else {"progress": Progress, "error": Failed}[kind](**value)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
