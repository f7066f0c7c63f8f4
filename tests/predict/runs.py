"""The command with a source of phantoms: how it is run, what it leaves, and how it is broken."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.predict.tables import lock_file

PHANTOMS = ("PHA0000101", "PHA0000201")


def run(source: Path, out: Path, model: Path, *options: str) -> tuple[int, str]:
    """The command's exit code and what it tells, without segmentations, nor overlays unless options ask for them."""
    command = ["predict", str(source), "--output", str(out), "--model", str(model), "--no-segmentation"]
    done = CliRunner().invoke(app, [*command, "--no-overlays", *options])
    return done.exit_code, done.output


def summary(out: Path) -> dict[str, dict[str, str]]:
    """Rows of summary.csv by patient."""
    return {row["patient_id"]: row for row in csv.DictReader((out / "summary.csv").read_text().splitlines())}


def everything(out: Path) -> dict[str, bytes]:
    """Files of an output folder, but for the lock's, and their content."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path != lock_file(out)}


def broken(number: int, words: str) -> Callable[..., NoReturn]:
    """In place of a function: the system's error, whatever it is called with."""

    def fail(*_: object) -> NoReturn:
        raise OSError(number, words)

    return fail
