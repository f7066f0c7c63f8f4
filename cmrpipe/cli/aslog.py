"""What a person would see of a command, as log lines, where JSON lines are asked for: then all of standard error is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self

import structlog

from cmrpipe import events, logs
from cmrpipe.codes import Severity
from cmrpipe.model import Finding
from cmrpipe.progress import Progress


class AsLog:
    """Writes progress, ends, findings and refusals as log lines, to where logs go at the moment that it is made."""

    def __init__(self) -> None:
        self._log: Any = structlog.get_logger().bind()  # a Prefect run sends later ones to its server

    @classmethod
    def wanted(cls) -> Self | None:
        """One where JSON lines are asked for; events, which a flow asks for, go before."""
        return cls() if logs.writes_json() and not events.wanted() else None

    def progress(self, event: Progress) -> None:
        """A unit of a stage is done."""
        self._log.info("progress", **asdict(event))

    def done(self, stage: str, values: Mapping[str, Any]) -> None:
        """A stage is done."""
        self._log.info("done", **{"stage": stage, **values})

    def finding(self, found: Finding) -> None:
        """Something was found; the level is its severity."""
        tell = {Severity.ERROR: self._log.error, Severity.WARNING: self._log.warning, Severity.INFO: self._log.info}
        tell[found.severity](
            "finding",
            code=found.code.value,
            patient=found.patient_id,
            instance_number=found.instance_number,
            path=found.path,
            message=found.message,
        )

    def say(self, level: str, event: str, **values: Any) -> None:
        """Something else; `level` is info, warning or error."""
        getattr(self._log, level)(event, **values)
