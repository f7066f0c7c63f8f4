"""Images of one examination in two patients, from their records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.onestudy import FRAME, STUDY, check_studies, study_marks
from cmrpipe.checks.twopatients import CROWD, suspects
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Finding, ImageRecord


def patient(name: str, studies: Iterable[str], frame: str = "", **header: Any) -> PatientLabels:
    """A patient with an image of each of these studies, in the order of their numbers."""
    images = tuple(
        ImageRecord(f"dicoms/{name}/{n}.dcm", "", 1, name, n, study_uid=uid, frame_of_reference_uid=frame, **header)
        for n, uid in enumerate(studies, start=1)
    )
    return PatientLabels(name, images, (), (name,))


OBLIQUE = (0.712221, 0.701112, -0.0343949, -0.307716, 0.267798, -0.913015)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def told(*patients: PatientLabels, beside: int = 9) -> list[Finding]:
    """What is said of them among so many others, as the stage asks for it."""
    by_name = {one.patient_id: one for one in patients}
    some = suspects({name: study_marks(one.images) for name, one in by_name.items()})
    return list(check_studies({name: by_name[name] for name in some}, len(patients) + beside))


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
    """Told of both with the other's name and what to do; by the study, or the coordinates, and another thing."""
    for tag, (study, frame, header) in (
        (STUDY, ("1.1", "1.5", {})),
        (STUDY, ("1.1", "", {"series_uid": "1.6"})),
        (STUDY, ("1.1", "", {"orientation": OBLIQUE})),
        (STUDY, ("1.1", "", {"orientation": OBLIQUE, "series_uid": "1.6", "instance_number": 1})),
        (FRAME, ("1.2", "1.5", {"series_uid": "1.6"})),
    ):
        found = told(patient("A", ["1.1"] * 9, frame, **header), patient("B", [study] * 5, frame, **header), beside=0)
        assert [(f.patient_id, f.evidence["other_patient"]) for f in found] == [("A", "B"), ("B", "A")]
        assert {f.evidence["identifier"] for f in found} == {tag}
        assert found[0].message.startswith("A and B seem to be one person: 9 of 9 images here and 5 of 5 there")
        assert "keep" in found[0].message
        assert left_out(found) == {("patient", "A"), ("patient", "B")}


@pytest.mark.parametrize("header", [{}, {"orientation": AXIAL}, {"series_uid": "1.1"}])
@pytest.mark.parametrize("frame", ["", "1.1"])
def test_one_identifier_alone_leaves_nothing_out(header: dict[str, Any], frame: str) -> None:
    """A text that a program wrote, for one tag or for all of them; told once, at the first."""
    for count in (2, 4):
        found = told(*(patient(name, ["1.1"] * 5, frame, **header) for name in "ABCD"[:count]))
        assert [(f.code, f.severity, f.patient_id) for f in found] == [(Code.STUDY_UID_SHARED, Severity.WARNING, "A")]
        assert (found[0].evidence["patients"], found[0].evidence["other_patient"]) == (count, "B")
        assert left_out(found) == set()
    (alone,) = told(*(patient(name, [f"2.{name}"] * 5, "1.1", **header) for name in "AB"), beside=0)
    assert (alone.code, alone.evidence["identifier"]) == (Code.STUDY_UID_SHARED, FRAME)


@pytest.mark.parametrize("header", [{"orientation": OBLIQUE}, {"instance_number": 1}])
def test_a_series_that_cannot_be_one_is_no_second_fact(header: dict[str, Any]) -> None:
    """Of images in another direction, or of one number: a program wrote a text for each tag."""
    other = {"orientation": AXIAL} if "orientation" in header else {**header, "sop_uid": "1.8"}
    found = told(
        patient("A", ["1.1"] * 5, "1.5", series_uid="1.6", **header),
        patient("B", ["1.1"] * 5, "1.5", series_uid="1.6", **other),
        beside=0,
    )
    assert [f.code for f in found] == [Code.STUDY_UID_SHARED]


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


@pytest.mark.parametrize("here", [3, 4])
def test_from_half_of_its_images_on_they_are_the_patient(here: int) -> None:
    """Below that they are images in another's folder."""
    other = patient("B", [*["1.2"] * (8 - here), *["1.1"] * here], orientation=OBLIQUE)
    found = told(patient("A", ["1.1"] * 8, orientation=OBLIQUE), other)
    images = {("image", f"dicoms/B/{n}.dcm") for n in range(6, 9)}
    assert left_out(found) == ({("patient", "A"), ("patient", "B")} if here == 4 else images)


def test_three_of_many_are_told() -> None:
    """Each with both others, where more than one thing is common."""
    found = told(*(patient(name, ["1.1"], "1.5") for name in "ABC"))
    assert [(f.code, f.evidence["patients"]) for f in found] == [(Code.STUDY_IN_TWO_PATIENTS, 2)] * 3


@pytest.mark.parametrize(("count", "beside"), [(CROWD + 1, 50), (3, 0), (3, 2), (5, 4)])
def test_what_a_crowd_has_leaves_nothing_out(count: int, beside: int) -> None:
    """Nine patients, or three who are most of the set: told once for a tag, of the set; others count beside it."""
    names = [f"P{k:02}" for k in range(count)]
    for extra in ({}, {"series_uid": "1.6"}, {"orientation": OBLIQUE}):
        (found,) = told(*(patient(name, ["1.1"], **extra) for name in names), beside=beside)
        assert (found.code, found.patient_id, found.evidence["patients"]) == (Code.STUDY_UID_SHARED, "", count)
        assert left_out([found]) == set()
    twins = [patient(name, ["1.1"], "1.7", series_uid="1.6") for name in names[:2]]
    found, *others = told(*twins, *(patient(name, ["1.1"]) for name in names[2:]), beside=beside)
    assert left_out([found, *others]) == {("patient", "P00"), ("patient", "P01")}
