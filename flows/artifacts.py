"""What a run shows in Prefect's pages: progress, findings, links, figures, and its own name and tags.

All of it only shows: a server that does not answer costs the picture, never the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import structlog
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from cmrpipe.findings import read_findings
from cmrpipe.report.outcome import PAGE
from cmrpipe.workspace import Workspace

ROWS = 200
"""Findings shown in the table artifact; all are in findings.csv."""

log = structlog.get_logger(__name__)


@contextmanager
def only_shown() -> Iterator[None]:
    """Go on when the server cannot be told."""
    try:
        yield
    except httpx.HTTPError as error:
        log.warning("the Prefect server could not be told; the work goes on", reason=str(error))


class ProgressArtifact:
    """One progress artifact a stage; told in steps of five per cent, since each telling is a request."""

    STEP = 5.0

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._id: UUID | None = None
        self._shown = 0.0

    def show(self, done: int, total: int) -> None:
        """Show how far the stage is."""
        percent = 100.0 * done / max(1, total)
        if self._id is not None and percent - self._shown < self.STEP and done < total:
            return
        with only_shown():
            if self._id is None:
                created = create_progress_artifact(percent, key=f"{self._stage}-progress", description=self._stage)
                self._id = created if isinstance(created, UUID) else None
            else:
                update_progress_artifact(self._id, percent)
        self._shown = percent


def show_table(key: str, rows: Sequence[Mapping[str, Any]], about: str) -> None:
    """Show rows as a table."""
    with only_shown():
        create_table_artifact([dict(row) for row in rows], key=key, description=about)


def show_text(key: str, markdown: str, about: str) -> None:
    """Show a page of Markdown."""
    with only_shown():
        create_markdown_artifact(markdown, key=key, description=about)


def show_findings(workspace: Path) -> None:
    """Show the findings, the first ones at least."""
    findings = read_findings(Workspace(workspace).findings)
    rows = [
        {
            "severity": found.severity.value,
            "code": found.code.value,
            "patient": found.patient_id,
            "image": found.instance_number,
            "message": found.message,
        }
        for found in findings[:ROWS]
    ]
    show_table("findings", rows, f"{len(findings)} findings; all are in data/tables/findings.csv")


def report_link(workspace: Path, report_url: str | None) -> str:
    """Where people open the report: below the address it is served at, else as a file."""
    if report_url:
        return f"{report_url.rstrip('/')}/{PAGE}"
    return (Workspace(workspace).report / PAGE).resolve().as_uri()


def show_report(workspace: Path, report_url: str | None) -> None:
    """Link the report."""
    with only_shown():
        create_link_artifact(report_link(workspace, report_url), link_text="the report", key="report")


def show_figures(key: str, metrics: Mapping[str, Any], about: str) -> None:
    """Show a model's figures."""
    rows = [{"figure": name, "value": value} for name, value in sorted(metrics.items())]
    show_table(key, rows, about)


def name_run(name: str, tags: Sequence[str] = ()) -> None:
    """Give the flow run that is under way a telling name, and further tags."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    run.tags = sorted({*run.tags, *tags})
    with only_shown(), get_client(sync_client=True) as client:
        client.update_flow_run(run.id, name=name, tags=run.tags)
