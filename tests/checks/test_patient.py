"""All checks of one patient at once: what is malformed is told, and stops none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.checks.fit import Image
from cmrpipe.checks.misfit import measure_fits
from cmrpipe.checks.onestudy import study_marks
from cmrpipe.checks.origins import FITS
from cmrpipe.checks.patient import PatientReport, check_patient
from cmrpipe.checks.twopatients import marks
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Contour, ContourKind, ContourRecord, ImageRecord, Phase, Points, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle, stack

LINE = np.array([[100.0, 100.0], [110.0, 110.0], [120.0, 120.0], [130.0, 130.0]])


def report(samples: Sequence[Sample], *more: ContourRecord, images: Sequence[ImageRecord] = ()) -> PatientReport:
    """What is said of a patient with these contoured images.

    Parameters
    ----------
    more : contour files beside those of the samples
    images : those of the patient, where these are not the samples' alone
    """
    pixels = {s.record.path: s.image for s in samples}
    contours = tuple(
        ContourRecord(f"c/{image_number(s.record)}{end}.txt", "x", 1, "O", image_number(s.record), kind, contour.points)
        for s in samples
        for kind, contour, end in ((ContourKind.ENDO, s.endo, ""), (ContourKind.EPI, s.epi, "-epi"))
        if contour is not None
    )
    records = tuple(images) or tuple(s.record for s in samples)
    labels = PatientLabels("P", records, (*contours, *more), ("O",))
    return check_patient(labels, samples, lambda record: pixels.get(record.path), ValidateParams())


def codes(samples: Sequence[Sample]) -> set[Code]:
    """The codes of its findings."""
    return {found.code for found in report(samples).findings}


def of_contour(said: PatientReport, path: str) -> set[Code]:
    """Those of the findings about one contour file."""
    return {found.code for found in said.findings if found.path == path}


def put(samples: Sequence[Sample], number: int, points: Points) -> list[Sample]:
    """The same with another endocardium in one image."""
    return [drawn(s, points) if image_number(s.record) == number else s for s in samples]


def drawn(one: Sample, points: Points) -> Sample:
    """The same with another endocardium."""
    return replace(one, endo=Contour(ContourKind.ENDO, points))


@pytest.mark.parametrize("phases", [(Phase.ES,), (Phase.ED,), (Phase.ED, Phase.ES)])
@pytest.mark.parametrize("alone", [False, True])
def test_outlines_without_area_stop_nothing(phases: tuple[Phase, ...], alone: bool) -> None:
    """All of a phase or of both, or one which is all that is drawn of a phase: told as what they are."""
    samples = [s if s.phase not in phases else drawn(s, LINE) for s in stack()]
    if alone:
        samples = [s for s in samples if s.phase is not phases[-1] or s.record.slice_index == 0]
    assert Code.CONTOUR_SELF_INTERSECTING in codes(samples)


@pytest.mark.parametrize(
    "spoil",
    [lambda image: image[45:46], lambda image: image[:, 45:46], lambda image: image[:1, :1]],
    ids=["one row", "one column", "one pixel"],
)
@pytest.mark.parametrize("every", [1, 3])
def test_images_of_any_size_stop_nothing(spoil: Callable[[Image], Image], every: int) -> None:
    """Some of a patient's, or all of them; with contours beside them and, where these go round a corner, within."""
    corner = np.array([[0.0, 0.0], [0.4, 0.0], [0.4, 0.4], [0.0, 0.4]])
    samples = [drawn(s, corner) if i % 2 else s for i, s in enumerate(stack())]
    found = codes(
        [s if s.image is None or i % every else replace(s, image=spoil(s.image)) for i, s in enumerate(samples)]
    )
    assert (Code.CONTOUR_MISFIT in found) == (every > 1)  # of images that are left


BOW = np.array([[20.0, 20.0], [90.0, 80.0], [90.0, 20.0], [20.0, 75.0]])
"""An outline that crosses itself, over most of the image."""


def test_a_misshapen_contour_is_told_for_its_shape_alone() -> None:
    """Nor are its neighbours held against it."""
    said = report(put(put(stack(), 21, BOW), 41, BOW))
    assert of_contour(said, "c/21.txt") == of_contour(said, "c/41.txt") == {Code.CONTOUR_SELF_INTERSECTING}
    assert {f.path for f in said.findings if f.path.startswith("c/")} == {"c/21.txt", "c/41.txt"}


def test_a_wall_is_told_of_its_epicardium() -> None:
    """Which is drawn around a cavity that its image and its neighbours bear out."""
    samples = [
        replace(s, epi=Contour(ContourKind.EPI, circle(53, 43.5, 21.9))) if image_number(s.record) == 31 else s
        for s in stack()
    ]
    assert of_contour(report(samples), "c/31-epi.txt") == {Code.WALL_IMPLAUSIBLE}


def test_control_points_in_the_wrong_place_are_told_for_both() -> None:
    """A contour of few points is in its place all the same."""
    few = circle(50 + 3 + 22, 45, 18)[::10]
    assert of_contour(report(put(stack(), 31, few)), "c/31.txt") >= {Code.CONTOUR_COARSE, Code.CONTOUR_MISFIT}


def test_of_two_contours_of_one_image_neither_is_held_against_it() -> None:
    """Nobody knows which of them is meant."""
    samples = put(stack(), 31, circle(75, 45, 18))
    assert Code.CONTOUR_MISFIT in of_contour(report(samples), "c/31.txt")
    again = ContourRecord("c/31b.txt", "y", 1, "O", 31, ContourKind.ENDO, circle(53, 43, 18))
    said = report([replace(s, endo=s.endo) for s in samples], again)
    assert of_contour(said, "c/31.txt") == set()
    assert of_contour(said, "c/31b.txt") == {Code.CONTOUR_DUPLICATE_NUMBER}


def test_contours_that_fit_nowhere_say_nothing_of_the_origin() -> None:
    """Those of a patient that fits do."""
    assert report(stack()).origin is not None
    off = [drawn(s, s.endo.points + np.array([0, 5.0])) for s in stack() if s.endo is not None]
    assert np.median(list(measure_fits(off).values())) > FITS
    said = report(off)
    assert Code.CONTOUR_MISFIT in {f.code for f in said.findings if f.path == "contourfiles/O"}
    assert said.origin is None


def test_what_the_whole_set_needs_of_a_patient() -> None:
    """What is missing, images and contours; marks of pixels and of the examination."""
    samples = [
        replace(s, record=replace(s.record, pixel_crc32=7, pixel_min=0, pixel_max=9, study_uid="1.2.3"))
        for s in stack()
    ]
    lone = ContourRecord("c/99.txt", "z", 1, "O", 99, ContourKind.ENDO, circle(50, 45, 18))
    without = [s for s in samples if image_number(s.record) != 45]
    said = report(without, lone, images=[s.record for s in samples])
    assert {one.what for one in said.missing} == {"image", "endo", "epi"}
    records = [s.record for s in samples]
    assert set(said.marks) == {*marks(records), *study_marks(records)}
    assert min(len(marks(records)), len(study_marks(records))) > 0
