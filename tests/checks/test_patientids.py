"""Names of patients in headers against those of folders, from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.patientids import check_patient_id, settle
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams

RENAMED, MISMATCH = Code.PATIENT_RENAMED, Code.IMAGE_PATIENT_MISMATCH


def told(names: Mapping[str, Sequence[str]]) -> list[Finding]:
    """What is said of folders whose images name these patients."""
    found: list[Finding] = []
    for folder, ids in names.items():
        images = [
            ImageRecord(f"dicoms/{folder}/{n}.dcm", "", 1, folder, n, header_patient_id=name)
            for n, name in enumerate(ids, start=1)
        ]
        found += check_patient_id(folder, images)
    return settle(found, names)


def left_out(findings: Sequence[Finding]) -> set[str]:
    """Names in quarantine by the default rules."""
    return {row.name for row in quarantine_rows(findings, ValidateParams().quarantine)}


def test_a_scheme_of_its_own_is_a_warning_a_patient() -> None:
    """One to one with the folders: told once each, nothing is left out."""
    found = told({f"SCD{k}": [f"ANON-00{k}"] * 9 for k in range(1, 4)})
    assert [(f.code, f.severity, f.evidence["images"]) for f in found] == [(RENAMED, Severity.WARNING, 9)] * 3
    assert left_out(found) == set()
    assert told({"SCD1": ["scd-0001"] * 3, "SCD2": ["", ""]}) == []


def test_one_foreign_image_is_an_error() -> None:
    """Among images with the folder's name, without one, or of another scheme; it alone is left out."""
    for others in ("A", "", "ANON-1"):
        found = told({"A": [others, "X", others], "B": ["B"]})
        assert [f.code for f in found] == [RENAMED, MISMATCH] if others == "ANON-1" else [MISMATCH]
        assert left_out(found) == {"dicoms/A/2.dcm"}


def test_an_odd_image_hides_no_scheme() -> None:
    """One without a name, or one with the folder's; most of the images decide, and half of them do not."""
    for odd, gone in (("", set()), ("-", {"dicoms/A/5.dcm"}), ("A", {"dicoms/A/5.dcm"})):
        found = told({"A": [*["ANON-1"] * 4, odd, *["anon_1"] * 4], "B": ["B"]})
        assert (found[0].code, found[0].evidence["images"]) == (RENAMED, 8)
        assert found[0].message.startswith("A: 8 of 9 images carry PatientID ANON-1, which")
        assert left_out(found) == gone
        assert "A" in left_out(told({"A": [*["ANON-1"] * 4, odd], "B": ["ANON-1"]}))
    assert left_out(told({"A": ["A", "ANON-1"] * 2})) == {"dicoms/A/2.dcm", "dicoms/A/4.dcm"}


def test_a_name_that_is_anothers_is_an_error() -> None:
    """A folder's, those of two exchanged folders, or that of images elsewhere; told once, the patient left out."""
    assert left_out(told({"A": ["B"] * 3, "B": ["B"] * 3})) == {"A"}
    assert left_out(told({"A": ["B"] * 3, "B": ["A"] * 3})) == {"A", "B"}
    assert left_out(told({"A": ["ANON"] * 3, "B": ["anon"] * 3, "C": ["ANON2"] * 3})) == {"A", "B"}
    found = told({"A": ["ANON"] * 3, "B": ["B", "ANON", "B"]})
    assert left_out(found) == {"A", "dicoms/B/2.dcm"}
    assert {(f.code, f.patient_id, f.path) for f in found} == {
        (MISMATCH, "A", "dicoms/A"),
        (MISMATCH, "B", "dicoms/B/2.dcm"),
    }
