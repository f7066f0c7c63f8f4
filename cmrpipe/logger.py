"""structlog loggers that say nothing until somebody configures structlog: the command line and the flows do."""

from __future__ import annotations

from typing import Any

import structlog


class Logger:
    """Hands events to structlog once it is configured; until then a library is silent.

    Parameters
    ----------
    name : of the module that logs
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **values: Any) -> None:
        """Something that only a person who looks for it wants to know."""
        if structlog.is_configured():
            structlog.get_logger(self._name).debug(event, **values)

    def info(self, event: str, **values: Any) -> None:
        """Something that went as it should."""
        if structlog.is_configured():
            structlog.get_logger(self._name).info(event, **values)

    def warning(self, event: str, **values: Any) -> None:
        """Something that a person should know."""
        if structlog.is_configured():
            structlog.get_logger(self._name).warning(event, **values)

    def error(self, event: str, **values: Any) -> None:
        """Something that went wrong."""
        if structlog.is_configured():
            structlog.get_logger(self._name).error(event, **values)
