"""The pipeline as a Prefect flow: land, then every stage through DVC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

from cmrpipe.findings import read_findings
from cmrpipe.progress import Progress, silent
from cmrpipe.stages import STAGES
from cmrpipe.workspace import Workspace
from flows.dvc import Outcome, run_dvc
from flows.lock import write_lock
from flows.source import choose_source, land_and_version

Watch = Callable[[str, Mapping[str, Any]], None]
STAGE_TIMEOUT_S = 24 * 3600.0
_ROWS = 200
"""Findings shown in the table artifact; all are in findings.csv."""


def _ignore(_stage: str, _event: Mapping[str, Any]) -> None:
    return


watchers: list[Watch] = []
"""Who else is told of events in this process: the console of `cmrpipe run`."""


def _tell(stage: str, event: Mapping[str, Any]) -> None:
    for watch in watchers:
        watch(stage, event)


class _ProgressArtifact:
    """One progress artifact a stage; told in steps of five per cent, since each telling is a request."""

    STEP = 5.0

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._id: UUID | None = None
        self._shown = 0.0

    def __call__(self, event: Mapping[str, Any]) -> None:
        if event["event"] != "progress":
            return
        percent = 100.0 * event["done"] / max(1, event["total"])
        if self._id is None:
            created = create_progress_artifact(percent, key=f"{self._stage}-progress", description=self._stage)
            self._id = created if isinstance(created, UUID) else None
        elif percent - self._shown >= self.STEP or percent >= 100.0:
            update_progress_artifact(self._id, percent)
        else:
            return
        self._shown = percent


@task(name="land", cache_policy=NO_CACHE)
def land_task(workspace: Path, source: Path | None) -> None:
    """Bring new and changed patients into the raw folder and record it with DVC."""
    home = Workspace(workspace)

    def listen(event: Progress) -> None:
        _tell(
            event.stage, {"event": "progress", "unit": event.unit, "done": event.done, "total": event.total, "note": ""}
        )

    landed = land_and_version(home, source, listen=listen if watchers else silent)
    value: dict[str, Any] = {"event": "landed", "source": None if source is None else str(source)}
    if landed is not None:
        value |= {
            name: landed.patients(getattr(landed, name))
            for name in ("new", "changed", "unchanged", "not_in_source", "made_way")
        }
    get_run_logger().info("landed %s", value)
    _tell("land", value)


@task(name="stage", task_run_name="{stage}", cache_policy=NO_CACHE)
def stage_task(workspace: Path, stage: str, timeout_s: float = STAGE_TIMEOUT_S) -> dict[str, Any]:
    """Let DVC run one stage if it must; returns its state and summary."""
    logger = get_run_logger()
    show = _ProgressArtifact(stage)

    def on_event(event: Mapping[str, Any]) -> None:
        show(event)
        _tell(stage, event)
        if event["event"] == "error":
            logger.error("%s", event["message"])

    outcome: Outcome = run_dvc(
        ["repro", "--single-item", stage], workspace, log_name=stage, on_event=on_event, timeout_s=timeout_s
    )
    logger.info("%s: %s %s", stage, outcome.state, outcome.summary)
    value = {"state": outcome.state, "summary": outcome.summary}
    _tell(stage, {"event": "stage", **value})
    if stage == "validate":
        _findings_artifact(workspace)
    return value


def _findings_artifact(workspace: Path) -> None:
    findings = read_findings(Workspace(workspace).findings)
    rows = [
        {
            "severity": f.severity.value,
            "code": f.code.value,
            "patient": f.patient_id,
            "image": f.instance_number,
            "message": f.message,
        }
        for f in findings[:_ROWS]
    ]
    create_table_artifact(
        rows, key="findings", description=f"{len(findings)} findings; all are in data/findings/findings.csv"
    )


@flow(name="pipeline", flow_run_name="pipeline", validate_parameters=False)
def pipeline(source: str | None = None, workspace: str = ".", stages: tuple[str, ...] = STAGES) -> dict[str, Any]:
    """Land patients from `source` (or work on what has landed) and bring every stage up to date.

    Parameters
    ----------
    source : folder in the layout; None: the phantom when nothing has landed yet
    workspace : folder with dvc.yaml and params.yaml
    stages : names, in order

    Returns
    -------
    state and summary of each stage
    """
    root = Path(workspace).resolve()
    home = Workspace(root)
    with write_lock(root, waiting=lambda holder: _tell("lock", {"event": "waiting", "holder": holder})):
        land_task(root, choose_source(home, None if source is None else Path(source)))
        results = {stage: stage_task(root, stage) for stage in stages}
    lines = [f"| {stage} | {result['state']} |" for stage, result in results.items()]
    create_markdown_artifact(
        "\n".join(["| stage | |", "| --- | --- |", *lines]), key="pipeline", description="What ran"
    )
    return results
