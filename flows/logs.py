"""structlog's lines in a Prefect run: those of this process, and those that a stage's command wrote."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from cmrpipe.logs import readable

_OUTSIDE = "prefect.flow_runs"


def _render(_: Any, __: str, values: MutableMapping[str, Any]) -> str:
    return readable(values)


def _logger(*_: Any) -> Any:
    """The logger of the run that is under way in this thread, else one that the server does not see."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(_OUTSIDE)


def to_run() -> None:
    """Send what the library logs in this process to the Prefect run that is under way."""
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, _render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_logger,
        cache_logger_on_first_use=False,
    )
