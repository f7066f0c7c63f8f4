"""The steps of a run as Prefect tasks: told to the run's log, its artifacts and whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.logging.handlers import APILogHandler

from cmrpipe.connect.address import is_url
from cmrpipe.events import Ended, Failed
from cmrpipe.landing import describe_landing
from cmrpipe.nouns import counted
from cmrpipe.params import load_params
from cmrpipe.progress import Progress
from cmrpipe.readers.layouts import patient_folders
from cmrpipe.stages.words import describe
from cmrpipe.workspace import Workspace
from flows.artifacts import ProgressArtifact, name_run, show_figures, show_findings, show_text
from flows.command import run_command
from flows.credentials import pacs_credentials
from flows.judge import judge, judgement
from flows.steps import land_step, stage_step
from flows.told import Arrived, Done, Said, Tell, Told, Waiting
from flows.versions import Versioned, fetch, record

RETRIES = 2
RETRY_DELAY_S = 10
"""Flows are tried again, not tasks: when new data or another writer came between, all stages must look again."""

watchers: list[Tell] = []
"""Who else is told of events in this process: the console of `cmrpipe run`."""


def teller(stage: str) -> Tell:
    """Tells the run's log, its progress artifact, and whoever watches."""
    logger = get_run_logger()
    log = structlog.get_logger(stage)
    artifact = ProgressArtifact(stage)

    def tell(name: str, told: Told) -> None:
        match told:
            case Progress():
                artifact.show(told.done, told.total)
            case Failed():
                logger.error("%s", told.message)
            case Said():
                getattr(log, told.level)(told.message)
            case Arrived(source, counts):
                logger.info("%s: %s", name, f"{describe_landing(counts)} from {source}" if source else "no source")
            case Waiting(holder):
                logger.info("%s: waiting for %s, which is writing to this workspace", name, holder)
            case Done(state, summary):
                logger.info("%s: %s", name, describe(summary) if summary else state)
            case Ended():  # its summary comes again with the stage's end
                pass
        for watch in watchers:
            watch(name, told)

    return tell


@task(name="land", task_run_name="land", cache_policy=NO_CACHE)
def land_task(workspace: Path, source: str | None, contours: str, timeout_s: float) -> dict[str, Any]:
    """Bring new and changed patients into the raw folder and record it with DVC; returns what came, counted."""
    came: dict[str, Any] = {}
    tell = teller("land")

    def listen(name: str, told: Told) -> None:
        if isinstance(told, Arrived):
            came.update({"source": told.source, **told.counts})
        tell(name, told)

    block = load_params(Workspace(workspace).params).source.block
    credentials = pacs_credentials(block) if source is not None and is_url(source) else None
    land_step(workspace, source, listen, contours=contours, credentials=credentials, timeout_s=timeout_s)
    return came


@task(name="stage", task_run_name="{stage}", cache_policy=NO_CACHE)
def stage_task(workspace: Path, stage: str, timeout_s: float) -> dict[str, Any]:
    """Let DVC run one stage if it must; returns its state and summary."""
    outcome = stage_step(workspace, stage, teller(stage), timeout_s)
    if stage == "validate":
        show_findings(workspace)
    elif stage in ("train", "evaluate") and outcome.summary:
        key = {"train": "training", "evaluate": "model"}[stage]
        show_figures(key, {**outcome.summary["metrics"], **outcome.summary["counts"]}, f"what {stage} measured")
    return {"state": outcome.state, "summary": outcome.summary}


@task(name="report", task_run_name="report", cache_policy=NO_CACHE)
def report_task(workspace: Path, timeout_s: float) -> dict[str, Any]:
    """The report stage; before there is a model, which DVC would ask for, its command alone."""
    home = Workspace(workspace)
    if home.model.is_dir() and home.evaluation.is_dir():
        outcome = stage_step(workspace, "report", teller("report"), timeout_s)
        return {"state": outcome.state, "summary": outcome.summary}
    run_command("cmrpipe", ["report"], workspace, tell=teller("report"), timeout_s=timeout_s)
    return {"state": "ran, before the first model", "summary": {}}


@task(name="fetch", task_run_name="fetch", cache_policy=NO_CACHE)
def fetch_task(workspace: Path, targets: tuple[str, ...], timeout_s: float) -> None:
    """Bring code and records, and the recorded targets, up to date on this machine."""
    fetch(workspace, targets, timeout_s)


@task(name="judge", task_run_name="judge", cache_policy=NO_CACHE)
def judge_task(workspace: Path, *, may_lose: float = 0.0, least: int = 1, timeout_s: float) -> dict[str, Any]:
    """Hold the trained model against the current one, and mark it; returns the verdict."""
    verdict = judge(workspace, teller("judge"), may_lose=may_lose, least=least, timeout_s=timeout_s)
    get_run_logger().info("model %s %s: %s", verdict.model, "is current" if verdict.current else "waits", verdict.why)
    show_text("judgement", judgement(verdict), "The model against the last, on the same unseen patients")
    return asdict(verdict)


@task(name="record", task_run_name="record", cache_policy=NO_CACHE)
def record_task(workspace: Path, message: str, commit: bool, push: bool, timeout_s: float) -> Versioned:
    """Commit what DVC recorded to git, and push both, as far as that is asked for and set up."""
    done = record(workspace, message, commit=commit, push=push, timeout_s=timeout_s)
    get_run_logger().info("%s", done.text)
    return done


def name_after(kind: str, workspace: Path, landed: Mapping[str, Any]) -> str:
    """Name the run after what it works on; returns the name."""
    patients = len(patient_folders(Workspace(workspace).raw))
    came = [f"{landed[name]} {name}" for name in ("new", "changed") if landed.get(name)]
    redrawn = landed.get("contours_changed", 0)
    drawn = [f"{counted(redrawn, 'contour set')} changed"] if redrawn else []
    name = f"{kind}: {', '.join([counted(patients, 'patient', commas=True), *came, *drawn])}"
    tags = [f"patients:{patients}", *(f"{part.split()[1]}:{part.split()[0]}" for part in came)]
    name_run(name, [*tags, *(f"contours:{redrawn}" for _ in drawn)])
    return name


def name_after_model(kind: str, verdict: Mapping[str, Any]) -> str:
    """Name the run after its model and what became of it; returns the name."""
    model = verdict["model"]
    name = f"{kind}: model {model}, {'current' if verdict['current'] else 'not current'}"
    name_run(name, [f"model:{model}", "current" if verdict["current"] else "candidate"])
    return name


def flush_logs() -> None:
    """Send what is left of this process's run logs, while the server is there to take them."""
    APILogHandler().flush()
