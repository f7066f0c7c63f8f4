"""Phantoms with faults, validated."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cmrpipe.clinical import CLINICAL_COLUMNS
from cmrpipe.findings import read_findings, read_report, write_tables
from cmrpipe.model import Finding
from cmrpipe.params import IngestParams, ValidateParams
from cmrpipe.phantom import Truth
from cmrpipe.phantom.faults import allot, plant
from cmrpipe.phantom.generate import PLANTING, stream
from cmrpipe.phantom.scene import Grid
from cmrpipe.progress import silent
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.summary import Summary
from cmrpipe.stages.validate import validate
from tests.phantom.sizes import Size

SEED = 21
SIZE: Size = {"slices": 6, "frames": 8, "rows": 48, "columns": 56}


def check(source: Path, base: Path, workers: int = 1, params: ValidateParams | None = None) -> Summary:
    """Ingest and validate `source` below `base`."""
    ingest(source, base / "catalog", base / "state", IngestParams(), listen=silent, workers=workers)
    return validate(
        source,
        base / "catalog",
        base / "findings",
        base / "quarantine.csv",
        params or ValidateParams(),
        listen=silent,
        workers=workers,
    )


def found(base: Path) -> list[Finding]:
    """The findings below `base`."""
    return read_findings(base / "findings")


def plant_in_copy(clean: Path, truth: Truth, base: Path, names: Sequence[str], seed: int) -> Truth:
    """Copy `clean` (its `set` and what was made of it, so that only what changes is done again), and plant faults."""
    shutil.copytree(clean, base)
    size = truth.arguments
    grid = Grid(size.slices, size.frames, size.rows, size.columns)
    places = allot(names, len(truth.patients), grid, stream(seed, 0, PLANTING))
    planted = plant(base / "set", truth, grid, places, lambda key: stream(seed, 0, PLANTING, key))
    return replace(truth, faults=planted)


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def tables(base: Path) -> Path:
    """The whole tables, made from the pieces."""
    write_tables(base / "tables", read_report(base / "findings"), CLINICAL_COLUMNS)
    return base / "tables"
