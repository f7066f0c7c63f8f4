"""Images that stand in two patients, from their records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from cmrpipe.checks.finding import finding
from cmrpipe.checks.onestudy import study_marks
from cmrpipe.checks.twopatients import COMPARED, CROWD, Both, Shared, check_shared, marks, suspects
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ContourKind, ContourRecord, ImageRecord


def image(patient: str, number: int, pixels: int | None, uid: str = "") -> ImageRecord:
    """An image of 8 by 8 pixels with this checksum."""
    path = f"dicoms/{patient}/{number}.dcm"
    top = None if pixels is None else 99
    return ImageRecord(
        path, "", 1, patient, number, rows=8, columns=8, pixel_crc32=pixels, pixel_min=0, pixel_max=top, sop_uid=uid
    )


def contour(patient: str, number: int) -> str:
    """Path of an endocardial contour."""
    return f"contourfiles/{patient}/{number}.txt"


def patient(name: str, images: Sequence[ImageRecord], drawn: Sequence[int] = ()) -> PatientLabels:
    """A patient with endocardial contours on some images."""
    records = [ContourRecord(contour(name, n), "", 1, name, n, ContourKind.ENDO) for n in drawn]
    return PatientLabels(name, tuple(images), tuple(records), (name,))


def shared(*patients: PatientLabels, equal: bool = True) -> Shared:
    """What these patients have in common, as the stage asks for it."""
    by_name = {one.patient_id: one for one in patients}
    some = suspects({name: marks(one.images) for name, one in by_name.items()})
    return check_shared({name: by_name[name] for name in some}, lambda *_: equal)


@pytest.mark.parametrize("of", [marks, study_marks])
def test_marks_are_in_one_order(of: Callable[[Sequence[ImageRecord]], tuple[str, ...]]) -> None:
    """Whatever the order of the images: the manifest keeps them, whose bytes must be the same in every process."""
    images = [replace(image("A", n, n, f"1.{n}"), study_uid=f"2.{n}") for n in range(12)]
    assert len(set(of(images))) >= 12
    assert of(images) == of(images[::-1]) == tuple(sorted(of(images)))


def test_patients_with_images_of_their_own_share_nothing() -> None:
    """Other pixels and other UIDs; absent UIDs, and twins within a patient, are none in common."""
    found = shared(patient("A", [image("A", 1, 5, "1.1"), image("A", 2, 5, "")]), patient("B", [image("B", 1, 6, "")]))
    assert (found.findings, found.same) == ((), frozenset())


def test_equal_pixels_are_told_once_for_two_patients() -> None:
    """With both names, how many, what to do; contours on these images are in doubt in both, those on others are not."""
    one = patient("A", [image("A", n, n, f"1.{n}") for n in range(1, 30)], [1, 2, 29])
    other = patient("B", [image("B", 100 + n, n, f"2.{n}") for n in range(1, 29)], [101, 120])
    (found,) = shared(one, other).findings
    assert (found.code, found.patient_id, found.path) == (Code.IMAGE_IN_TWO_PATIENTS, "A", "dicoms/A")
    assert found.message.startswith("A and B share 28 images: 28 with equal pixels, 0 with one SOPInstanceUID")
    assert "keep one id" in found.message
    assert {"other_patient": "B", "images": 28, "contours": 2, "other_contours": 2}.items() <= found.evidence.items()
    names = {contour("A", 1), contour("A", 2), contour("B", 101), contour("B", 120)}
    assert shared(one, other).in_doubt == {Code.IMAGE_IN_TWO_PATIENTS: names, Code.INSTANCE_IN_TWO_PATIENTS: set()}


def test_blank_and_unreadable_images_do_not_count() -> None:
    """All pixels equal, pixels that nobody decoded, files that cannot be used."""
    for change in ({"pixel_max": 0}, {"pixel_crc32": None}, {"error": "truncated"}):
        sets = [patient(name, [replace(image(name, 1, 7, "1.1"), **change)]) for name in "AB"]
        without = [replace(one, images=tuple(replace(i, sop_uid="") for i in one.images)) for one in sets]
        assert shared(*without).findings == ()
        codes = [found.code for found in shared(*sets).findings]
        assert codes == ([] if "error" in change else [Code.INSTANCE_IN_TWO_PATIENTS])


def test_one_instance_with_other_pixels_has_its_own_code() -> None:
    """It leaves nothing out by rule, unless equal pixels say that the patients have images in common."""
    one = patient("A", [image("A", 1, 5, "1.1"), image("A", 2, 6, "1.2")], [1, 2])
    other = patient("B", [image("B", 1, 7, "1.1"), image("B", 2, 8)], [1, 2])
    found = shared(one, other)
    assert [(f.code, f.evidence["images"]) for f in found.findings] == [(Code.INSTANCE_IN_TWO_PATIENTS, 1)]
    assert "share the SOPInstanceUID of 1 image with other pixels" in found.findings[0].message
    assert found.in_doubt[Code.IMAGE_IN_TWO_PATIENTS] == frozenset()
    copied = patient("B", [image("B", 1, 7, "1.1"), image("B", 2, 6)], [1, 2])
    (told,) = shared(one, copied).findings
    assert (told.code, told.evidence["images"]) == (Code.IMAGE_IN_TWO_PATIENTS, 2)
    assert (told.evidence["equal_pixels"], told.evidence["one_instance"]) == (1, 1)


def test_an_identifier_in_common_hides_no_copied_contour() -> None:
    """Where a program gives everybody the same UIDs, a copied contour is told; one image leaves out its own alone."""
    one = patient("A", [image("A", 1, 5, "1.1"), image("A", 2, 6, "1.2")], [1, 2])
    other = patient("B", [image("B", 1, 7, "1.1"), image("B", 2, 8, "1.2")], [1, 2])
    copy = finding(Code.CONTOUR_COPIED, "a copy", patient_id="B", path=contour("B", 1), same_as=contour("A", 1))
    assert shared(one, other).without_echoes([copy]) == [copy]
    mixed = shared(one, patient("B", [image("B", 1, 7, "1.1"), image("B", 2, 6, "1.2")], [1, 2]))
    assert mixed.in_doubt[Code.IMAGE_IN_TWO_PATIENTS] == {contour("A", 2), contour("B", 2)}
    assert mixed.without_echoes([copy]) == [copy]


def test_pixels_are_compared_before_anything_is_said() -> None:
    """Equal checksums of other pixels are nothing; of many that are equal only some are looked at."""
    one, other = (patient(name, [image(name, n, n) for n in range(1, 30)]) for name in "AB")
    assert shared(one, other, equal=False).findings == ()
    looked: list[Both] = []

    def equal(first: ImageRecord, later: ImageRecord) -> bool:
        looked.append((first, later))
        return True

    (found,) = check_shared({"A": one, "B": other}, equal).findings
    assert (found.evidence["images"], len(looked)) == (29, COMPARED)
    (found,) = check_shared({"A": one, "B": other}, lambda first, _: first.file_number == 3).findings
    assert found.evidence["images"] == 1


def test_three_patients_are_told_two_by_two_and_a_crowd_beside_the_first() -> None:
    """Exact for each two of few; where a program gave all the same UIDs the list grows with the patients."""
    names = [f"P{k:02}" for k in range(30)]
    every = [patient(name, [image(name, n, None, f"1.{n}") for n in (1, 2)]) for name in names]
    told = [(f.patient_id, f.evidence["other_patient"]) for f in shared(*every[:3]).findings]
    assert told == [("P00", "P01"), ("P00", "P02"), ("P01", "P02")]
    assert len(names) > CROWD
    told = [(f.patient_id, f.evidence["other_patient"]) for f in shared(*every).findings]
    assert told == [("P00", name) for name in names[1:]]


def test_equal_contours_on_one_image_are_not_told_again() -> None:
    """Copies between two files of one image go; those on other images, and other findings, stay."""
    found = shared(*(patient(name, [image(name, 1, 5), image(name, 2, ord(name))], [1, 2]) for name in "AB"))
    copies = [
        finding(Code.CONTOUR_COPIED, "", path=contour(a, n), same_as=contour(b, m))
        for a, n, b, m in (("A", 1, "B", 1), ("B", 1, "A", 1), ("A", 2, "B", 2), ("A", 1, "B", 2))
    ]
    other = finding(Code.CONTOUR_MISFIT, "", path=contour("A", 1))
    assert found.without_echoes([*copies, other]) == [*copies[2:], other]
