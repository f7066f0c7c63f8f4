"""Machine-readable lines on standard output: how a stage's command tells its caller what it does.

Each is `@cmrpipe {"event": ..., ...}`; everything else on standard output is for people. A caller asks for them with
the environment variable `CMRPIPE_EVENTS=1`; they carry what the terminal would show and change no output of a stage.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cmrpipe.progress import Progress

VARIABLE = "CMRPIPE_EVENTS"
PREFIX = "@cmrpipe "


def wanted() -> bool:
    """Whether the caller asked for events."""
    return os.environ.get(VARIABLE) == "1"


def emit(event: str, value: Mapping[str, Any]) -> None:
    """Write one event."""
    sys.stdout.write(f"{PREFIX}{json.dumps({'event': event, **value})}\n")
    sys.stdout.flush()


def emit_progress(progress: Progress) -> None:
    """Write a progress event."""
    emit("progress", asdict(progress))


def parse(line: str) -> dict[str, Any] | None:
    """The event in a line, None when it is an ordinary line."""
    if not line.startswith(PREFIX):
        return None
    try:
        value = json.loads(line[len(PREFIX) :])
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
