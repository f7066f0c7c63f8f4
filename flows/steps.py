"""The steps of a run, told as events: what the Prefect tasks and the run without Prefect have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from cmrpipe.landing import Landed, land
from cmrpipe.layouts import patient_folders
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import Progress
from cmrpipe.workspace import Workspace
from flows.dvc import Outcome, run_dvc
from flows.lock import write_lock

Tell: TypeAlias = Callable[[str, Mapping[str, Any]], None]
"""Told of a step's name and an event: progress, log, error, landed, stage, waiting."""

PHANTOM = Path("data") / "phantom"
PHANTOM_PATIENTS = 8
PHANTOM_SEED = 1
_LANDED = ("new", "changed", "unchanged", "not_in_source", "made_way")


def choose_source(workspace: Workspace, source: Path | None) -> Path | None:
    """The folder to land from: the one given; else the phantom when nothing has landed yet; else none."""
    if source is not None:
        return source
    return None if patient_folders(workspace.raw) else workspace.root / PHANTOM


def land_step(workspace: Path, source: Path | None, tell: Tell) -> None:
    """Land patients and record the raw folder with DVC. The caller holds the write lock.

    Parameters
    ----------
    source : folder in the layout; None: the phantom (written first) when nothing has landed, else what has landed
    """
    home = Workspace(workspace)
    chosen = choose_source(home, source)

    def listen(event: Progress) -> None:
        tell(event.stage, {"event": "progress", **asdict(event)})

    landed: Landed | None = None
    if chosen is not None:
        if chosen == home.root / PHANTOM:
            write_phantom(chosen, PHANTOM_PATIENTS, PHANTOM_SEED, listen=listen)
        landed = land(chosen, home.raw, listen=listen)
    run_dvc(["add", "data/raw"], workspace, log_name="add-raw")
    counts = {} if landed is None else {name: landed.patients(getattr(landed, name)) for name in _LANDED}
    tell("land", {"event": "landed", "source": None if chosen is None else str(chosen), **counts})


def stage_step(workspace: Path, stage: str, tell: Tell, timeout_s: float | None = None) -> Outcome:
    """Let DVC run one stage if it must. The caller holds the write lock."""
    outcome = run_dvc(
        ["repro", "--single-item", stage],
        workspace,
        log_name=stage,
        on_event=lambda event: tell(stage, event),
        timeout_s=timeout_s,
    )
    tell(stage, {"event": "stage", "state": outcome.state, "summary": outcome.summary})
    return outcome


def writing(workspace: Path, tell: Tell) -> AbstractContextManager[None]:
    """The write lock, with the waiting told."""
    return write_lock(workspace, waiting=lambda holder: tell("lock", {"event": "waiting", "holder": holder}))
