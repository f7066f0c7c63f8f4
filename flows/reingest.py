"""Re-ingestion as a Prefect flow: new and changed patients, through to the store and the report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from cmrpipe.errors import InputError
from cmrpipe.readers.layouts import patient_folders
from cmrpipe.stages import UP_TO_STORE
from cmrpipe.workspace import HERE, Workspace
from flows import attempts
from flows.artifacts import report_link, show_report, show_text
from flows.logs import to_run
from flows.models import new_slices
from flows.starting import start_training
from flows.steps import writing
from flows.summary import Came, state_of, summary
from flows.tasks import (
    RETRIES,
    RETRY_DELAY_S,
    fetch_task,
    land_task,
    name_after,
    record_task,
    report_task,
    stage_task,
    teller,
)

SOURCE = "CMRPIPE_SOURCE"
"""Where new patients arrive, as the worker's environment names it: mounts differ between machines."""
TRAINED = tuple(map(str, (HERE.model, HERE.evaluation, HERE.models)))
"""What a training elsewhere leaves, and report and the count of new labels read."""


def _refuse_nothing(home: Workspace) -> None:
    """A worker whose source was forgotten must not fill the workspace with synthetic patients.

    Raises
    ------
    InputError : nothing has landed
    """
    if not patient_folders(home.raw):
        mend = f"Give the run a `source`, or set {SOURCE} in the worker's environment and start it again"
        raise InputError(home.raw, "has no patients, and no source was given", mend)


@flow(name="reingest", flow_run_name="reingest", retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S)
def reingest(
    source: str | None = None,
    workspace: str = ".",
    contours: str = "",
    train_after: int = 200,
    train_deployment: str = "train/train",
    fetch: bool = False,
    commit: bool = True,
    push: bool = False,
    report_url: str | None = None,
    timeout_h: float = 24.0,
) -> dict[str, Any]:
    """Bring catalog, findings, quarantine, pictures, store and report up to date with the source.

    Parameters
    ----------
    source : folder or DICOMweb URL that patients arrive at; None: what the worker's CMRPIPE_SOURCE names, else only
        what has landed is looked at, which must be something: the phantom is for `pipeline` and `cmrpipe run`
    workspace : folder with .dvc and flows/
    contours : folder with contours and link table for a source of images only; source.contours by default
    train_after : new or changed labelled slices since the last model that start a training; 0: never
    train_deployment : the deployment that trains
    fetch : first bring here what machines that train elsewhere have pushed: commits, models, figures
    commit, push : record it in git; push data to DVC's remote and commits, when there is one
    report_url : address at which data/report is served, for links
    timeout_h : hours that a stage may take, and that another writer is waited for

    Returns
    -------
    state and summary of each stage, what landed, and the id of the training that was started, "" for none

    Raises
    ------
    InputError : there is no source, and nothing has landed
    """
    to_run()
    root, timeout_s = Path(workspace).resolve(), timeout_h * 3600
    place, run = source or os.environ.get(SOURCE), flow_run.get_id() or ""
    with writing(root, teller("lock"), timeout_s):
        if fetch:
            fetch_task(root, TRAINED, timeout_s)
        if not place:
            _refuse_nothing(Workspace(root))
        before = attempts.before(run, state_of(root))
        landed = attempts.together(run, land_task(root, place or None, contours, timeout_s))
        name = name_after("reingest", root, landed)
        results = {stage: stage_task(root, stage, timeout_s) for stage in UP_TO_STORE}
        results["report"] = report_task(root, timeout_s)
        slices = new_slices(root)
        after = state_of(root)
        versioned = record_task(root, f"Data: {name}", commit, push, timeout_s) if commit or push else None
    # Out of the lock: the training waits for it.
    started = ""
    if train_after and slices >= train_after:
        started = start_training(train_deployment, slices, run)
    else:
        get_run_logger().info(
            "%d new labelled slices since the last model; a training starts at %d", slices, train_after
        )
    came = Came(landed, before, after, slices, train_after, started, versioned.text if versioned else "")
    show_text(
        "summary", summary(name, came, report_link(root, report_url)), "What came, what was wrong, what is left out"
    )
    show_report(root, report_url)
    attempts.forget(run)
    return {**results, "landed": landed, "training": started}
