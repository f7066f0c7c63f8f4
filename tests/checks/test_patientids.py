"""Names of patients in headers against those of folders, from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.patientids import check_patient_id, settle
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams

RENAMED, MISMATCH, SHARED = Code.PATIENT_RENAMED, Code.IMAGE_PATIENT_MISMATCH, Code.PATIENT_ID_SHARED


def told(names: Mapping[str, Sequence[str]], studies: Mapping[str, str] | None = None) -> list[Finding]:
    """What is said of folders whose images name these patients, each folder of a study or of none."""
    found: list[Finding] = []
    for folder, ids in names.items():
        study = (studies or {}).get(folder, "")
        images = [
            ImageRecord(f"dicoms/{folder}/{n}.dcm", "", 1, folder, n, header_patient_id=name, study_uid=study)
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
    for odd, gone in (("", set()), ("-", set()), ("A", {"dicoms/A/5.dcm"})):
        found = told({"A": [*["ANON-1"] * 4, odd, *["anon_1"] * 4], "B": ["B"]})
        assert (found[0].code, found[0].evidence["images"]) == (RENAMED, 8)
        assert found[0].message.startswith("A: 8 of 9 images carry PatientID ANON-1, which")
        assert left_out(found) == gone
        assert "A" in left_out(told({"A": [*["ANON-1"] * 4, odd], "B": ["ANON-1"]}))
    assert left_out(told({"A": ["A", "ANON-1"] * 2})) == {"dicoms/A/2.dcm", "dicoms/A/4.dcm"}
    assert left_out(told({"A": ["ANON-1", "A"] * 2})) == {"dicoms/A/1.dcm", "dicoms/A/3.dcm"}
    assert left_out(told({"A": ["ANON-1", "", "ANON-1", ""]})) == {"dicoms/A/1.dcm", "dicoms/A/3.dcm"}


def test_signs_alone_name_nobody() -> None:
    """What programs write over a name: as good as none, of one folder or of all."""
    for masked in ("***", "-", "?"):
        assert told({"A": [masked] * 3, "B": ["B"]}) == told({f"P{k}": [masked] * 3 for k in range(9)}) == []


def test_images_that_cannot_be_read_name_nobody() -> None:
    """Nor do they count for how many there are."""
    images = [ImageRecord(f"dicoms/A/{n}.dcm", "", 1, "A", n, header_patient_id="X") for n in (1, 2, 3)]
    broken = [replace(image, error="truncated") for image in images * 2]
    (found,) = check_patient_id("A", [*images[:1], *broken])
    assert (found.code, found.evidence["images"], found.evidence["usable_images"]) == (RENAMED, 1, 1)
    assert list(check_patient_id("A", broken)) == []


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


def test_a_name_that_everybody_was_given_is_told_once() -> None:
    """Of three folders who are most of the set, or of nine; an image with a name of somebody's is an error still."""
    names = {f"P{k}": ["ANONYMOUS"] * 3 for k in range(1, 4)}
    for others in ({}, {"A": ["A"] * 3, "B": ["B", "anonymous", "B"]}):
        (found,) = told({**names, **others})
        assert (found.code, found.severity, found.path, found.evidence["patients"]) == (
            SHARED,
            Severity.WARNING,
            "dicoms",
            3,
        )
    found, _ = told({**names, "P3": ["ANONYMOUS", "P1", "ANONYMOUS"]})[::-1]
    assert (found.code, left_out(told({**names, "P3": ["ANONYMOUS", "P1", "ANONYMOUS"]}))) == (
        SHARED,
        {"dicoms/P3/2.dcm"},
    )
    apart = {f"Q{k}": [f"Q{k}"] for k in range(20)}
    assert left_out(told({**names, **apart})) == set(names)
    assert "3 folders (P1, P2, P3) carry PatientID ANONYMOUS" in told(names)[0].message
    backwards = dict(reversed([*names.items(), ("P4", ["ANONYMOUS"])]))
    assert "4 folders (P1, P2, P3 ...) carry" in told(backwards)[0].message
    assert [f.code for f in told(names, {name: f"1.{name}" for name in names})] == [SHARED], "visits of nobody"
    assert {f.patient_id: f.evidence["other_patient"] for f in told({**names, **apart})} == {
        "P1": "P2",
        "P2": "P1",
        "P3": "P1",
    }
    nine = {f"P{k}": ["ANONYMOUS"] * 3 for k in range(9)}
    assert [f.code for f in told({**nine, **apart})] == [SHARED]


def test_of_visits_of_one_person_the_first_is_used() -> None:
    """Each a study of its own: nobody is learnt from and tested on; where one study is named, or none, both are out."""
    visits, others = {"A": ["ANON"] * 3, "B": ["anon"] * 3}, {f"Q{k}": [f"Q{k}"] for k in range(5)}
    (found,) = told({**visits, **others}, {"A": "1.1", "B": "1.2"})
    assert (found.code, found.path, found.evidence["other_patient"]) == (Code.PERSON_IN_TWO_PATIENTS, "dicoms/B", "A")
    assert left_out([found]) == {"B"}
    backwards = dict(reversed([*visits.items(), *others.items()]))
    assert left_out(told(backwards, {"A": "1.1", "B": "1.2"})) == {"B"}
    three = told({**visits, "C": ["Anon"] * 3, **others}, {"A": "1.1", "B": "1.2", "C": "1.3"})
    assert left_out(three) == {"B", "C"}
    for studies in ({"A": "1.1", "B": "1.1"}, {"A": "1.1"}):
        assert left_out(told({**visits, **others}, studies)) == {"A", "B"}
    assert left_out(told({**visits, "Q": ["Q", "ANON", "Q"]}, {"A": "1.1", "B": "1.2"})) == {"A", "B", "dicoms/Q/2.dcm"}
    assert left_out(told({"A": ["B"] * 3, "B": ["B"] * 3}, {"A": "1.1", "B": "1.2"})) == {"A"}
