"""Where patients come from, and how they get under DVC."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.landing import Landed, land
from cmrpipe.layouts import patient_folders
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import Listener
from cmrpipe.workspace import Workspace
from flows.dvc import run_dvc

PHANTOM = Path("data") / "phantom"
PHANTOM_PATIENTS = 8
PHANTOM_SEED = 1


def choose_source(workspace: Workspace, source: Path | None) -> Path | None:
    """The folder to land from: the one given; else the phantom when nothing has landed yet; else none."""
    if source is not None:
        return source
    phantom = workspace.root / PHANTOM
    if patient_folders(workspace.raw):
        return None
    return phantom


def land_and_version(workspace: Workspace, source: Path | None, *, listen: Listener) -> Landed | None:
    """Land patients and record the raw folder with DVC. The caller holds the write lock.

    Parameters
    ----------
    source : folder in the layout; the phantom's place, where it is written first when it is not there; or None to work
        on what has landed
    """
    landed = None
    if source is not None:
        if source == workspace.root / PHANTOM and not source.exists():
            write_phantom(source, PHANTOM_PATIENTS, PHANTOM_SEED, listen=listen)
        landed = land(source, workspace.raw, listen=listen)
    run_dvc(["add", "--quiet", "data/raw"], workspace.root, log_name="add-raw")
    return landed
