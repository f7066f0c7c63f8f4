"""Logging set-up, for the command line and the flows; the library itself only calls structlog."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog

_NOT_VALUES = ("event", "level", "timestamp")


def readable(values: Mapping[str, Any]) -> str:
    """A log line for people: what happened, then the values that were named."""
    about = ", ".join(f"{key} {values[key]}" for key in values if key not in _NOT_VALUES)
    return f"{values['event']} ({about})" if about else str(values["event"])


def configure(*, json_lines: bool, level: str = "warning") -> None:
    """Send log lines to standard error: readable on a terminal, or one JSON object a line.

    Values are those that the code names one by one (patient ids, paths, counts); no DICOM dataset is ever logged, so no
    identifying tag can be.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
    ]
    if json_lines:
        shared += [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        shared += [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, pad_level=False)]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the one of the moment: it may be exchanged
        cache_logger_on_first_use=False,
    )


def writes_json() -> bool:
    """Whether log lines are JSON objects: then all of standard error is."""
    processors = structlog.get_config()["processors"]
    return any(isinstance(processor, structlog.processors.JSONRenderer) for processor in processors)
