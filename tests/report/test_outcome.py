"""The short answer."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.codes import Severity
from cmrpipe.errors import InputError
from cmrpipe.findings import read_findings
from cmrpipe.incremental.manifest import read_manifest
from cmrpipe.report.artefacts import Artefacts
from cmrpipe.report.outcome import outcome
from cmrpipe.workspace import Workspace


def test_figures_are_those_of_the_files(clean_run: Artefacts) -> None:
    """Every number of the short table can be counted again in the files it comes from."""
    short = outcome(clean_run)
    catalog = Catalog(clean_run.catalog)
    contours = [c for original in catalog.original_ids() for c in catalog.contours(original)]
    findings = read_findings(clean_run.findings)
    assert short.patients == len(catalog.patients()) == 3
    assert short.images == sum(len(catalog.images(patient)) for patient in catalog.patients())
    assert short.contours == len(contours) == short.endo + short.epi
    assert short.endo == sum(contour.kind == "endo" for contour in contours)
    assert dict(short.findings) == {s: sum(f.severity is s for f in findings) for s in Severity}
    units = read_manifest(clean_run.store)
    assert short.samples == sum(entry["info"].get("samples", 0) for entry in units.values())
    assert (short.dice_cavity, short.dice_myocardium, short.test_patients) == (0.875, 0.75, 1)


def test_the_verdict_of_a_clean_run_says_so(clean_run: Artefacts) -> None:
    """What came in, that nothing was left out, and how good the model is, in one sentence."""
    short = outcome(clean_run)
    assert short.verdict.startswith(f"3 patients, {short.images} images, {short.contours} contours: nothing ")
    assert short.verdict.endswith("the model reaches Dice 0.875 on 1 unseen patient.")


def test_the_verdict_names_what_was_left_out(faulty_run: Artefacts) -> None:
    """Whose contours were left out, how many, and why."""
    with faulty_run.quarantine.open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["decision"] == "leave-out"]
    short = outcome(faulty_run)
    assert short.left_out == len({row["name"] for row in rows}) > 0
    assert "left out" in short.verdict
    assert "epicardial contour" in short.verdict
    assert short.verdict.endswith("no model has been evaluated.")


def test_before_any_stage_but_ingest_the_verdict_says_what_is_unknown(faulty_run: Artefacts, tmp_path: Path) -> None:
    """Absent artefacts are called absent, never zero."""
    nothing = {name: tmp_path / name for name in ("findings", "quarantine", "overlays", "store", "model", "evaluation")}
    short = outcome(replace(faulty_run, **nothing))
    assert "have not been validated" in short.verdict
    assert short.samples is None
    assert dict(short.findings) == {}
    table = dict(short.rows())
    assert (table["findings"], table["samples in store"]) == ("not validated", "no store")


def test_the_table_has_a_row_a_line(clean_run: Artefacts) -> None:
    """The printed table holds each row once, aligned."""
    short = outcome(clean_run)
    lines = short.table().splitlines()
    assert len(lines) == len(short.rows())
    assert len({line.index(value) for line, (_, value) in zip(lines, short.rows(), strict=True)}) == 1


def test_without_a_catalog_it_is_an_error_with_a_mend(tmp_path: Path) -> None:
    """No catalog, no report; and a workspace is a place to look in."""
    with pytest.raises(InputError, match="cmrpipe ingest"):
        outcome(Workspace(tmp_path))
