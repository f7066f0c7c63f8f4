"""The command line, run as a user does, and a workspace to run it in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from cmrpipe.workspace import MARKS


def cmrpipe(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "cmrpipe", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def workspace(place: Path, source: Path) -> Path:
    """The same, anywhere."""
    (place / "data").mkdir(parents=True)
    shutil.copytree(source, place / "data" / "raw")
    (place / "params.yaml").write_text("ingest: {contour_origin: 1.0}\n")
    return place


def empty_workspace(place: Path) -> Path:
    """A folder with all that makes one a workspace, and nothing in it."""
    for folder in MARKS:
        (place / folder).mkdir(parents=True)
    return place
