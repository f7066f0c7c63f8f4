"""Training as a Prefect flow, on a machine with a GPU when there is one: train, evaluate, judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from cmrpipe.workspace import HERE, Workspace
from flows.artifacts import show_report
from flows.logs import to_run
from flows.steps import writing
from flows.tasks import (
    RETRIES,
    RETRY_DELAY_S,
    fetch_task,
    judge_task,
    name_after_model,
    record_task,
    stage_task,
    teller,
)

NEEDED = tuple(map(str, (HERE.store, HERE.model, HERE.evaluation, HERE.models)))
"""All that training, evaluation and judgement read: neither raw data, nor catalog, nor pictures."""


def _report_inputs(root: Path) -> bool:
    home = Workspace(root)
    return all(folder.is_dir() for folder in (home.catalog, home.findings, home.overlays))


@flow(name="train", flow_run_name="train", retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S)
def train(
    workspace: str = ".",
    fetch: bool = False,
    may_lose: float = 0.0,
    least_patients: int = 1,
    commit: bool = False,
    push: bool = False,
    report_url: str | None = None,
    timeout_h: float = 72.0,
) -> dict[str, Any]:
    """Train on the store as it is, evaluate, and mark the model current when it is no worse than the last.

    Parameters
    ----------
    workspace : folder with .dvc and flows/
    fetch : first bring code and records (git) and just the data that training reads (DVC's remote) up to date; for a
        worker on a machine of its own
    may_lose : mean Dice that the new model may lose against the current one, on patients that neither has seen
    least_patients : fewest such patients that the verdict may rest on
    commit, push, report_url, timeout_h : as of the pipeline

    Returns
    -------
    states and summaries of train and evaluate, and the verdict
    """
    to_run()
    root, timeout_s = Path(workspace).resolve(), timeout_h * 3600
    with writing(root, teller("lock"), timeout_s):
        if fetch:
            fetch_task(root, NEEDED, timeout_s)
        results: dict[str, Any] = {stage: stage_task(root, stage, timeout_s) for stage in ("train", "evaluate")}
        verdict = judge_task(root, may_lose=may_lose, least=least_patients, timeout_s=timeout_s)
        name = name_after_model("train", verdict)
        if _report_inputs(root):
            results["report"] = stage_task(root, "report", timeout_s)
            show_report(root, report_url)
        else:
            get_run_logger().info("the report is drawn where pictures and catalog are, by the next re-ingestion")
        if commit or push:
            record_task(root, f"Model: {name}", commit, push, timeout_s)
    return {**results, "verdict": verdict}
