"""What a run tells of its steps while it works: the commands' own events, their logs, and what the steps add."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cmrpipe import events
from cmrpipe.logs import readable


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was logged; `level` is info, warning or error."""

    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A landing is over.

    Attributes
    ----------
    source : where it landed from; None where there was no source
    counts : see `cmrpipe.landing.Landed.counts`, and `left`; empty without a source
    """

    source: str | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Done:
    """A stage is over; see `flows.dvc.Outcome`."""

    state: str
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another one writes to the workspace, and is waited for."""

    holder: str


Told: TypeAlias = events.Event | Said | Arrived | Done | Waiting

Tell: TypeAlias = Callable[[str, Told], None]
"""Told of a step's name and what there is to tell of it."""


def heard(line: str) -> events.Event | Said | None:
    """What a line of a command's output tells; None for an ordinary line."""
    return events.parse(line) or _logged(line)


def _logged(line: str) -> Said | None:
    """A line that a command logged: information, warning or error."""
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict) or value.get("level") not in ("info", "warning", "error"):
        return None
    return Said(value["level"], readable(value))
