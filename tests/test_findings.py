"""What was found, as tables for people."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from cmrpipe.checks.finding import of_patient
from cmrpipe.clinical import CLINICAL_COLUMNS
from cmrpipe.codes import FindingCode
from cmrpipe.findings import (
    CLINICAL_CSV,
    FINDINGS_CSV,
    FINDINGS_JSON,
    MISSING_COLUMNS,
    MISSING_CSV,
    Report,
    write_tables,
)


@pytest.mark.parametrize("name", ['=HYPERLINK("http:evil")', "@SUM(1)", "+1", "-2+3"])
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    """A patient's folder may be called anything: a spreadsheet shows it; numbers stay numbers, JSON has it as it is."""
    found = of_patient(FindingCode.SPACING_MISSING, name, f"{name}: no spacing")
    missing = dict.fromkeys(MISSING_COLUMNS, "x") | {"patient_id": name, "slice_index": -1}
    clinical = dict.fromkeys(CLINICAL_COLUMNS) | {"patient_id": name, "ef_pct": -3.5}
    write_tables(tmp_path, Report([found], [missing], [clinical]), CLINICAL_COLUMNS)
    rows = []
    for table in (FINDINGS_CSV, MISSING_CSV, CLINICAL_CSV):
        with (tmp_path / table).open(newline="", encoding="utf-8") as file:
            rows.append(next(csv.DictReader(file)))
    assert [row["patient_id"] for row in rows] == [f"'{name}"] * 3
    assert (rows[0]["message"], rows[1]["slice_index"], rows[2]["ef_pct"]) == (f"'{name}: no spacing", "-1", "-3.5")
    assert json.loads((tmp_path / FINDINGS_JSON).read_bytes())[0]["patient_id"] == name
