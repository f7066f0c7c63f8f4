"""Images and contours that are to be expected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmrpipe.checks.missing import (
    Missing,
    Why,
    check_contours,
    check_images,
    expected_frames,
    missing_contours,
    missing_images,
)
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ContourKind, ContourRecord, ImageRecord, Phase, Sample
from tests.checks.drawn import circle, sample

SLICES, FRAMES = 4, 6


def images(having: int) -> tuple[ImageRecord, ...]:
    """Slices with all frames but the last, which only some have."""
    return tuple(
        ImageRecord(f"dicoms/P/{s}-{f}.dcm", "", 1, "P", file_number=s * FRAMES + f, slice_index=s, frame=f)
        for s in range(SLICES)
        for f in range(1, FRAMES + 1)
        if f < FRAMES or s < having
    )


@pytest.mark.parametrize(("having", "expected"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_frame_is_expected_that_more_than_half_of_the_slices_have(having: int, expected: bool) -> None:
    """At half of them nobody can say which half is right."""
    labels = PatientLabels("P", images(having), (), ())
    assert expected_frames(labels.grid()) == tuple(range(1, FRAMES + 1 if expected else FRAMES))
    told = missing_images(labels)
    holes = [(s, FRAMES, (s + 1) * FRAMES) for s in range(having, SLICES)] if expected else []
    assert [(item.slice_index, item.frame, item.instance_number) for item in told] == holes


@pytest.mark.parametrize("said", [None, 1, FRAMES - 2, FRAMES - 1, FRAMES])
def test_no_more_frames_are_expected_than_the_slice_says(said: int | None) -> None:
    """Retrospective gating gives slices frames of their own number; a header that says fewer than there are is none."""
    some = tuple(
        replace(image, frames_per_slice=said if image.slice_index == SLICES - 1 else None) for image in images(3)
    )
    told = missing_images(PatientLabels("P", some, (), ()))
    assert [item.frame for item in told] == ([] if said == FRAMES - 1 else [FRAMES])


GRID = tuple(
    ImageRecord(f"dicoms/P/{10 * s + f}.dcm", "", 1, "P", file_number=10 * s + f, slice_index=s, frame=f)
    for s in range(7)
    for f in range(1, 7)
)
DRAWN = PatientLabels("P", GRID, (), ("O",))
ENDO, EPI = ContourKind.ENDO.value, ContourKind.EPI.value


def drawn(ed: dict[int, bool], es: tuple[int, ...]) -> list[Sample]:
    """Endocardia at end-diastole, with an epicardium or without, and at end-systole; slice 5 a frame later."""
    samples = [sample(s, Phase.ED, circle(40, 40, 9), epi=circle(40, 40, 14) if epi else None) for s, epi in ed.items()]
    late = {"frame": 2, "file_number": 52}
    samples = [replace(s, record=replace(s.record, **late)) if s.record.slice_index == 5 else s for s in samples]  # type: ignore[arg-type]
    return [*samples, *(sample(s, Phase.ES, circle(40, 40, 6)) for s in es)]


def test_holes_between_drawn_slices_are_told_apart_from_the_protocol() -> None:
    """With the place, and the number of the image at the frame that most slices have; each hole is one finding."""
    samples = drawn({1: True, 2: True, 4: True, 5: False}, (2, 3, 4))
    samples.append(sample(6, Phase.ED, None, epi=circle(40, 40, 14)))
    missing = missing_contours(DRAWN, samples)
    assert all(item.patient_id == "P" for item in missing)
    told = {(item.what, item.slice_index, item.frame, item.instance_number, item.why) for item in missing}
    assert len(missing) == len(told)
    assert told == {
        (ENDO, 3, 1, 31, Why.HOLE),
        (EPI, 5, 2, 52, Why.HOLE),
        *((ENDO, s, 1, 10 * s + 1, Why.PROTOCOL) for s in (0, 6)),
        *((ENDO, s, 5, 10 * s + 5, Why.PROTOCOL) for s in (0, 1, 5, 6)),
        *((EPI, s, 5, 10 * s + 5, Why.PROTOCOL) for s in (2, 3, 4)),
    }
    found = list(check_contours(DRAWN, samples, missing))
    assert [(f.code, f.patient_id, f.instance_number, f.path) for f in found] == [
        (Code.CONTOUR_MISSING, "P", 31, "contourfiles/O"),
        (Code.ENDO_WITHOUT_EPI, "P", 52, "contourfiles/O"),
        (Code.EPI_WITHOUT_ENDO, "P", 61, "dicoms/P/61.dcm"),
        (Code.CONTOUR_NOT_DRAWN, "P", None, "contourfiles/O"),
    ]
    places = [(f.evidence["slice_index"], f.evidence["frame"]) for f in found[:3]]
    assert places == [(3, 1), (5, 2), (6, 1)]
    assert (found[3].evidence["endo"], found[3].evidence["epi"]) == (6, 3)
    assert "6 endocardial contours beyond the drawn slices, 3 epicardial" in found[3].message


def test_without_any_epicardium_none_is_a_hole() -> None:
    """Nor is anything told of a patient in whom all is drawn."""
    missing = missing_contours(DRAWN, drawn(dict.fromkeys(range(7), False), ()))
    assert {(item.what, item.why) for item in missing} == {(EPI, Why.PROTOCOL)}
    assert len(missing) == 7
    whole = drawn(dict.fromkeys(range(7), True), ())
    assert missing_contours(DRAWN, whole) == []
    assert list(check_contours(DRAWN, whole, [])) == []
    assert missing_contours(DRAWN, []) == []


def test_contours_without_an_image_of_their_own_are_told() -> None:
    """None has the number, or two have; a hole is told with its number, and not a second time for its contour."""
    images = [image for image in GRID if image.file_number not in (33, 61, 62, 63, 64, 65, 66)]
    images.append(replace(GRID[0], path="dicoms/P/011.dcm", file_number=11, slice_index=1))
    contours = [ContourRecord(f"{n}.txt", "", 1, "O", n, ContourKind.ENDO) for n in (11, 12, 33, 61)]
    labels = PatientLabels("P", tuple(images), tuple(contours), ("O",))
    missing = missing_images(labels)
    assert missing == [
        Missing("P", "image", 3, 3, 33, Why.HOLE),
        Missing("P", "image", None, None, 61, Why.NO_IMAGE),
    ]
    found = list(check_images(labels, missing))
    assert [(f.code, f.patient_id, f.instance_number, f.path) for f in found] == [
        (Code.IMAGE_MISSING, "P", 33, "dicoms/P"),
        (Code.IMAGE_DUPLICATE_NUMBER, "P", 11, "11.txt"),
        (Code.CONTOUR_WITHOUT_IMAGE, "P", 33, "33.txt"),
        (Code.CONTOUR_WITHOUT_IMAGE, "P", 61, "61.txt"),
    ]
    assert (found[0].evidence["slice_index"], found[0].evidence["frame"], found[1].evidence["images"]) == (3, 3, 2)
    assert "number 33" in found[0].message
    assert next(check_images(DRAWN, [])).code is Code.CONTOURS_MISSING
    assert list(check_images(PatientLabels("P", GRID, (), ()), [])) == []
