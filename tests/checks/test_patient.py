"""All checks of one patient at once: what is malformed is told, and stops none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.checks.fit import Image
from cmrpipe.checks.patient import check_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Contour, ContourKind, ContourRecord, Phase, Points, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import stack

LINE = np.array([[100.0, 100.0], [110.0, 110.0], [120.0, 120.0], [130.0, 130.0]])


def codes(samples: Sequence[Sample]) -> set[Code]:
    """What is said of a patient with these contoured images and no others."""
    images = {s.record.path: s.image for s in samples}
    contours = tuple(
        ContourRecord(f"c/{image_number(s.record)}.txt", "x", 1, "O", image_number(s.record), kind, contour.points)
        for s in samples
        for kind, contour in ((ContourKind.ENDO, s.endo), (ContourKind.EPI, s.epi))
        if contour is not None
    )
    labels = PatientLabels("P", tuple(s.record for s in samples), contours, ("O",))
    report = check_patient(labels, samples, lambda record: images[record.path], ValidateParams())
    return {found.code for found in report.findings}


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
