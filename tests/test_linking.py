"""Which image a contour's number stands for."""

from __future__ import annotations

from dataclasses import replace

from cmrpipe.linking import PatientLabels
from cmrpipe.model import ContourKind, ContourRecord, ImageRecord


def image(name: str, slice_index: int | None = 0, number: int | None = None, uid: str = "") -> ImageRecord:
    """A readable image of the series S; without a place in the stack, of another series."""
    series = "S" if slice_index is not None else "T"
    stem = int(name.partition(".")[0])
    path = f"dicoms/P/{name}"
    return ImageRecord(
        path, "", 1, "P", stem, number, slice_index, 1, series_uid=series, sop_uid=uid or path, rows=8, columns=8
    )


def labels(*images: ImageRecord) -> PatientLabels:
    """A patient with these images."""
    return PatientLabels("P", images, (), ())


def test_two_images_of_one_number_stand_for_none() -> None:
    """Whichever came first would be a guess."""
    patient = labels(image("048.dcm"), image("48.dcm", 3), image("49.dcm"))
    assert list(patient.by_number()) == [49]
    assert [i.path for i in patient.sharing()[48]] == ["dicoms/P/048.dcm", "dicoms/P/48.dcm"]


def test_a_copy_of_an_image_takes_nothing_away() -> None:
    """Two files of one instance, by UID or by series and InstanceNumber: the first by path."""
    for other in (image("48.dcm", uid="1"), image("48.dcm", number=48)):
        patient = labels(image("048.dcm", number=48, uid="1"), other)
        assert (patient.by_number()[48].path, patient.sharing()) == ("dicoms/P/048.dcm", {})


def test_two_files_of_one_instance_with_other_pixels_stand_for_none() -> None:
    """As where a copy is called `99 (1).dcm` and holds something else: nobody can tell which is the image."""
    first, second = image("48.dcm", number=48, uid="1"), image("048.dcm", number=48, uid="1")
    patient = labels(replace(first, pixel_crc32=1), replace(second, pixel_crc32=2))
    assert patient.by_number() == {}
    assert len(patient.sharing()[48]) == 2


def test_the_stack_comes_before_other_series() -> None:
    """A localizer that has the number, too, does not take the contour."""
    patient = labels(image("048.dcm", None), image("48.dcm"))
    assert (patient.by_number()[48].path, patient.sharing()) == ("dicoms/P/48.dcm", {})


def test_contours_stand_under_their_number_and_kind() -> None:
    """By ascending number, however folders list them; what cannot be read, or has no number or kind, under none."""
    endo, epi = ContourKind.ENDO, ContourKind.EPI
    rows = [(48, endo, ""), (48, endo, ""), (68, endo, "empty"), (None, endo, ""), (88, None, ""), (28, epi, "")]
    contours = [ContourRecord(str(i), "", 0, "SC", *row[:2], error=row[2]) for i, row in enumerate(rows)]
    found = PatientLabels("P", (), tuple(contours), ("SC",)).contours_by_number()
    told = [(number, kind, [c.path for c in some]) for number, kinds in found.items() for kind, some in kinds.items()]
    assert told == [(28, epi, ["5"]), (48, endo, ["0", "1"])]


def test_of_images_at_one_place_the_first_stands_there() -> None:
    """Whoever looks for a slice's image at a frame finds the same one; what has no place is none."""
    first, again, elsewhere = image("48.dcm"), image("49.dcm"), image("50.dcm", 3)
    patient = labels(replace(image("47.dcm"), error="truncated"), first, again, elsewhere, image("51.dcm", None))
    assert patient.grid() == {(0, 1): first, (3, 1): elsewhere}
