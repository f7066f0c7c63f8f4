"""The pipeline as a Prefect flow: land, then every stage through DVC."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.logging.handlers import APILogHandler

from cmrpipe.connect.opening import is_url
from cmrpipe.findings import read_findings
from cmrpipe.params import load_params
from cmrpipe.stages import STAGES
from cmrpipe.workspace import Workspace
from flows.credentials import pacs_credentials
from flows.steps import Tell, land_step, stage_step, writing

STAGE_TIMEOUT_S = 24 * 3600.0
_ROWS = 200
"""Findings shown in the table artifact; all are in findings.csv."""

watchers: list[Tell] = []
"""Who else is told of events in this process: the console of `cmrpipe run`."""


class _ProgressArtifact:
    """One progress artifact a stage; told in steps of five per cent, since each telling is a request."""

    STEP = 5.0

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._id: UUID | None = None
        self._shown = 0.0

    def show(self, done: int, total: int) -> None:
        """Show how far the stage is."""
        percent = 100.0 * done / max(1, total)
        if self._id is None:
            created = create_progress_artifact(percent, key=f"{self._stage}-progress", description=self._stage)
            self._id = created if isinstance(created, UUID) else None
        elif percent - self._shown >= self.STEP or done >= total:
            update_progress_artifact(self._id, percent)
        else:
            return
        self._shown = percent


def _teller(stage: str) -> Tell:
    """Tells the run's log, its progress artifact, and whoever watches."""
    logger = get_run_logger()
    artifact = _ProgressArtifact(stage)

    def tell(name: str, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "progress":
            artifact.show(event["done"], event["total"])
        elif kind == "error":
            logger.error("%s", event["message"])
        elif kind == "log":
            logger.warning("%s", event["message"])
        else:
            logger.info("%s %s", name, dict(event))
        for watch in watchers:
            watch(name, event)

    return tell


@task(name="land", task_run_name="land", cache_policy=NO_CACHE)
def land_task(workspace: Path, source: str | None, contours: str = "") -> None:
    """Bring new and changed patients into the raw folder and record it with DVC."""
    block = load_params(Workspace(workspace).params).source.block
    credentials = pacs_credentials(block) if source is not None and is_url(source) else None
    land_step(workspace, source, _teller("land"), contours=contours, credentials=credentials)


@task(name="stage", task_run_name="{stage}", cache_policy=NO_CACHE)
def stage_task(workspace: Path, stage: str, timeout_s: float = STAGE_TIMEOUT_S) -> dict[str, Any]:
    """Let DVC run one stage if it must; returns its state and summary."""
    outcome = stage_step(workspace, stage, _teller(stage), timeout_s)
    if stage == "validate":
        _findings_artifact(workspace)
    return {"state": outcome.state, "summary": outcome.summary}


def flush_logs() -> None:
    """Send what is left of this process's run logs, while the server is there to take them."""
    APILogHandler().flush()


def _findings_artifact(workspace: Path) -> None:
    findings = read_findings(Workspace(workspace).findings)
    rows = [
        {
            "severity": found.severity.value,
            "code": found.code.value,
            "patient": found.patient_id,
            "image": found.instance_number,
            "message": found.message,
        }
        for found in findings[:_ROWS]
    ]
    text = f"{len(findings)} findings; all are in data/findings/findings.csv"
    create_table_artifact(rows, key="findings", description=text)


@flow(name="pipeline", flow_run_name="pipeline", validate_parameters=False)
def pipeline(
    source: str | None = None, workspace: str = ".", stages: tuple[str, ...] = STAGES, contours: str = ""
) -> dict[str, Any]:
    """Land patients from `source` (or work on what has landed) and bring every stage up to date.

    Parameters
    ----------
    source : folder or DICOMweb URL (see docs/sources.md); None: the phantom when nothing has landed yet
    workspace : folder with dvc.yaml and params.yaml
    stages : names, in order
    contours : folder with contours and link table for a source of images only; source.contours by default

    Returns
    -------
    state and summary of each stage
    """
    root = Path(workspace).resolve()
    with writing(root, _teller("lock")):
        land_task(root, source, contours)
        results = {stage: stage_task(root, stage) for stage in stages}
    lines = [f"| {stage} | {result['state']} |" for stage, result in results.items()]
    create_markdown_artifact(
        "\n".join(["| stage | |", "| --- | --- |", *lines]), key="pipeline", description="What ran"
    )
    return results
