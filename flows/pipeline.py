"""The pipeline as a Prefect flow: land, then every stage through DVC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from cmrpipe.stages import STAGES
from flows.artifacts import show_report, show_text
from flows.logs import to_run
from flows.steps import writing
from flows.tasks import RETRIES, RETRY_DELAY_S, judge_task, land_task, name_after, record_task, stage_task, teller


def stage_table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: what became of each stage."""
    lines = [f"| {stage} | {result['state']} |" for stage, result in results.items()]
    return "\n".join(["| stage | |", "| --- | --- |", *lines])


@flow(
    name="pipeline",
    flow_run_name="pipeline",
    validate_parameters=False,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_S,
)
def pipeline(
    source: str | None = None,
    workspace: str = ".",
    stages: tuple[str, ...] = STAGES,
    contours: str = "",
    judge: bool = False,
    commit: bool = False,
    push: bool = False,
    report_url: str | None = None,
    timeout_h: float = 24.0,
) -> dict[str, Any]:
    """Land patients from `source` (or work on what has landed) and bring every stage up to date.

    Parameters
    ----------
    source : folder or DICOMweb URL (see docs/sources.md); None: the phantom when nothing has landed yet
    workspace : folder with .dvc and flows/
    stages : names, in order
    contours : folder with contours and link table for a source of images only; source.contours by default
    judge : hold a new model against the current one, and mark it current when it is no worse
    commit : commit what DVC recorded to git
    push : push data to DVC's remote, and commits, when there is one
    report_url : address at which data/report is served, for links
    timeout_h : hours that a stage may take, and that another writer is waited for

    Returns
    -------
    state and summary of each stage
    """
    to_run()
    root, timeout_s = Path(workspace).resolve(), timeout_h * 3600
    with writing(root, teller("lock"), timeout_s):
        landed = land_task(root, source, contours, timeout_s)
        name = name_after("pipeline", root, landed)
        results = {stage: stage_task(root, stage, timeout_s) for stage in stages}
        if judge:
            judge_task(root, timeout_s=timeout_s)
        if commit or push:
            record_task(root, f"Data: {name}", commit, push, timeout_s)
    show_text("pipeline", stage_table(results), "What ran")
    show_report(root, report_url)
    return results
