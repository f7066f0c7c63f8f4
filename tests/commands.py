"""The command line, run as a user does, and a workspace to run it in."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

import structlog
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.workspace import MARKS


def cmrpipe(cwd: Path, *arguments: str) -> CompletedProcess[str]:
    """Run the command in a folder; in this process, since a new one imports for a second. It must not be handed over.

    Whatever is about the process (exit codes of the interpreter, closed pipes, imports) starts one of its own.
    """
    configured = structlog.is_configured()
    with chdir(cwd), mock.patch("os.execv") as handed_over:
        done = CliRunner().invoke(app, arguments)
    handed_over.assert_not_called()
    if not configured:
        structlog.reset_defaults()
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


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
