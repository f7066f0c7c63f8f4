"""What is kept of a patient: read back as it was written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.checks.alike import Look
from cmrpipe.checks.copies import Content
from cmrpipe.checks.finding import finding
from cmrpipe.checks.missing import Missing, Why
from cmrpipe.checks.moved import Form
from cmrpipe.checks.origins import PatientOrigin
from cmrpipe.checks.patient import PatientReport
from cmrpipe.clinical import ClinicalValues
from cmrpipe.codes import FindingCode
from cmrpipe.origin import Shift
from cmrpipe.stages.patientfile import PatientFile, patient_file, read_patient_file, write_patient_file

REPORT = PatientReport(
    (finding(FindingCode.CONTOUR_MISFIT, "It lies elsewhere.", patient_id="P", number=3, path="a/b.txt", fit=0.25),),
    (Missing("P", "endo", 2, None, 41, Why.HOLE),),
    (
        Content("ab", "a/b.txt", "P", 3, "endo", 0.5, "cd", Form(20, 1.0, 2.0, 3.0, 4.0, -5.0)),
        Content("ef", "a/c.txt", "P", None, "epi", None),
    ),
    None,
    ("mark", "other"),
    (Look("dicoms/P/3.dcm", "mark", "0fff", (1, 2, 3)),),
)
CLINICAL = ClinicalValues("P", edv_ml=120.5, slices_ed=3, reason="no ESV: no endocardium at ES")


@pytest.mark.parametrize(
    "shift", [None, Shift(0.25, -1.5, np.inf, np.inf, 1), Shift(0.25, -1.5, 0.125, 0.0625, 5, patients=2)]
)
def test_a_patient_is_read_back_as_written(tmp_path: Path, shift: Shift | None) -> None:
    """Types and all; errors of a shift that nobody knows are infinite again. Written again, it is the same bytes."""
    origin = PatientOrigin(np.array([[0.5, -0.25], [1.0, 0.0]]), shift, 7)
    place = tmp_path / patient_file("P")
    write_patient_file(tmp_path, patient_file("P"), PatientFile(replace(REPORT, origin=origin), CLINICAL))
    written = place.read_bytes()
    found = read_patient_file(tmp_path, "P")
    assert found.clinical == CLINICAL
    assert replace(found.report, origin=None) == REPORT
    assert isinstance(found.report.missing[0].why, Why)
    assert found.report.origin is not None
    assert (found.report.origin.response == origin.response).all()
    assert (found.report.origin.shift, found.report.origin.contours) == (shift, 7)
    write_patient_file(tmp_path, patient_file("P"), found)
    assert place.read_bytes() == written
    assert "Infinity" not in written.decode()


def test_a_patient_without_origin_has_none() -> None:
    """Where no contour tells."""
    file = PatientFile(REPORT, CLINICAL)
    assert PatientFile.from_json(json.loads(json.dumps(file.to_json()))) == file
