"""Images of one examination in two patients, from their records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.onestudy import FRAME, STUDY, check_studies, study_marks
from cmrpipe.checks.twopatients import CROWD, suspects
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Finding, ImageRecord


def patient(name: str, studies: Iterable[str], frame: str = "") -> PatientLabels:
    """A patient with an image of each of these studies, in the order of their numbers."""
    images = tuple(
        ImageRecord(f"dicoms/{name}/{n}.dcm", "", 1, name, n, study_uid=uid, frame_of_reference_uid=frame)
        for n, uid in enumerate(studies, start=1)
    )
    return PatientLabels(name, images, (), (name,))


def told(*patients: PatientLabels) -> list[Finding]:
    """What is said of them, as the stage asks for it."""
    by_name = {one.patient_id: one for one in patients}
    some = suspects({name: study_marks(one.images) for name, one in by_name.items()})
    return list(check_studies({name: by_name[name] for name in some}))


def left_out(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    """What the quarantine makes of them."""
    return {(row.what, row.name) for row in quarantine_rows(findings, (Code.STUDY_IN_TWO_PATIENTS,))}


def test_examinations_of_their_own_are_nothing() -> None:
    """Also several of one patient, identifiers that are absent, and what stands in a file that cannot be used."""
    assert told(patient("A", ["1.1", "1.2"], "1.9"), patient("B", ["1.3"], "1.8"), patient("C", ["", ""])) == []
    assert told(patient("A", ["", ""]), patient("B", ["", ""])) == []
    broken = patient("B", ["1.1"])
    assert told(patient("A", ["1.1"]), replace(broken, images=(replace(broken.images[0], error="truncated"),))) == []


def test_one_examination_under_two_ids_leaves_both_out() -> None:
    """Told of both with the other's name and what to do; by the study, or the coordinates where these alone tell."""
    for tag, pair in (
        (STUDY, (patient("A", ["1.1"] * 9), patient("B", ["1.1"] * 5))),
        (STUDY, (patient("A", ["1.1"] * 9, "1.5"), patient("B", ["1.1"] * 5, "1.5"))),
        (FRAME, (patient("A", ["1.1"] * 9, "1.5"), patient("B", ["1.2"] * 5, "1.5"))),
    ):
        found = told(*pair)
        assert [(f.patient_id, f.evidence["other_patient"]) for f in found] == [("A", "B"), ("B", "A")]
        assert {f.evidence["identifier"] for f in found} == {tag}
        assert found[0].message.startswith("A and B seem to be one person: 9 of 9 images here and 5 of 5 there")
        assert "keep" in found[0].message
        assert left_out(found) == {("patient", "A"), ("patient", "B")}


def test_coordinates_of_every_image_of_its_own_count_together() -> None:
    """As the Sunnybrook scanners wrote them: what one patient has, each in one image, the other has, too."""
    one, other = patient("A", ["1.1"] * 4), patient("B", ["1.2"] * 4)
    images = [
        tuple(replace(i, frame_of_reference_uid=f"1.3.{i.file_number}") for i in own.images) for own in (one, other)
    ]
    found = told(replace(one, images=images[0]), replace(other, images=images[1]))
    assert [(f.patient_id, f.evidence["images"]) for f in found] == [("A", 4), ("B", 4)]


def test_some_images_in_anothers_folder_leave_out_these_alone() -> None:
    """Of the patient whose smaller part they are; of both where they are a third one's."""
    found = told(patient("A", ["1.1"] * 8), patient("B", [*["1.2"] * 6, "1.1", "1.1"]))
    assert left_out(found) == {("image", "dicoms/B/7.dcm"), ("image", "dicoms/B/8.dcm")}
    assert [(f.instance_number, f.evidence["same_as"]) for f in found] == [(7, "dicoms/A/1.dcm"), (8, "dicoms/A/1.dcm")]
    found = told(*(patient(name, [*[f"1.{name}"] * 3, "1.9"]) for name in "AB"))
    assert left_out(found) == {("image", "dicoms/A/4.dcm"), ("image", "dicoms/B/4.dcm")}


def test_three_are_told_and_what_a_crowd_has_leaves_nothing_out() -> None:
    """An identifier that a program gave to everybody is told once, of the set; others count beside it."""
    assert [f.evidence["patients"] for f in told(*(patient(name, ["1.1"]) for name in "ABC"))] == [2, 2, 2]
    names = [f"P{k:02}" for k in range(CROWD + 1)]
    (found,) = told(*(patient(name, ["1.1"]) for name in names))
    assert (found.patient_id, found.evidence["patients"]) == ("", len(names))
    assert left_out([found]) == set()
    found, *others = told(*(patient(name, ["1.1"], "1.7" if name in names[:2] else "") for name in names))
    assert left_out([found, *others]) == {("patient", "P00"), ("patient", "P01")}
