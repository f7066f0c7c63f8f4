"""What is logged, as a list."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.testing import capture_logs


@contextmanager
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Collect log lines of every level; without a configured structlog there would be none (see `cmrpipe.logger`)."""
    before = structlog.get_config() if structlog.is_configured() else None
    structlog.reset_defaults()  # what is configured already may drop the lower levels
    structlog.configure()
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        structlog.reset_defaults()
        if before is not None:
            structlog.configure(**before)
