"""One contour by itself and against its image's size."""

from __future__ import annotations

import numpy as np
import pytest

from cmrpipe.checks.contours import check_pairs, check_shape
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Contour, ContourKind, ContourRecord, ImageRecord, Phase, Points, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle

ROWS, COLUMNS = 64, 72


def codes(points: Points) -> list[Code]:
    """What is said of a contour."""
    record = ContourRecord("contourfiles/O/1.txt", "", 1, "O", 1, ContourKind.ENDO, points)
    image = ImageRecord("dicoms/P/1.dcm", "", 1, "P", file_number=1, rows=ROWS, columns=COLUMNS)
    return [f.code for f in check_shape(record, Contour(ContourKind.ENDO, points), image, "P", ValidateParams())]


def arc(degrees: float, points: int) -> Points:
    """Part of a circle of radius 10 in the middle of the image."""
    angle = np.radians(np.linspace(0, degrees, points))
    return np.column_stack([36 + 10 * np.cos(angle), 32 + 10 * np.sin(angle)])


@pytest.mark.parametrize(("degrees", "told"), [(359, False), (335, False), (270, True)])
def test_a_contour_is_open_where_much_of_it_is_missing(degrees: float, told: bool) -> None:
    """A gap of many steps between dense points is none as long as it is short: 4 pixels of 60, say."""
    assert codes(arc(degrees, 400)) == ([Code.CONTOUR_OPEN] if told else [])


def test_a_few_points_far_apart_make_no_open_contour() -> None:
    """The gap of an eighth of the whole is a step like the others."""
    assert Code.CONTOUR_OPEN not in codes(arc(315, 8))


@pytest.mark.parametrize(("beyond", "told"), [(0.0, False), (0.4, False), (0.6, True), (1.2, True)])
@pytest.mark.parametrize("side", range(4))
def test_a_contour_may_lie_on_the_edge_of_its_image_and_not_beyond(side: int, beyond: float, told: bool) -> None:
    """The edge is half a pixel beyond the centres of the outermost pixels, on all four sides."""
    points = arc(359, 100)
    axis, low = side % 2, side < 2
    last = (COLUMNS - 1, ROWS - 1)[axis]
    points[:, axis] += (-beyond - points[:, axis].min()) if low else (last + beyond - points[:, axis].max())
    assert codes(points) == ([Code.CONTOUR_OUT_OF_BOUNDS] if told else [])


@pytest.mark.parametrize(
    ("spacing_mm", "out_px", "told"),
    [
        (None, 0.9, False),
        (None, 1.4, True),
        (1.3, 0.9, False),
        (1.3, 1.4, True),
        (2.7, 0.9, False),
        (0.7, 1.4, False),
        (0.7, 2.2, True),
        (0.07, 1.4, True),
    ],
)
def test_how_far_an_endocardium_may_leave_its_epicardium(spacing_mm: float | None, out_px: float, told: bool) -> None:
    """A pixel, or 1.3 mm where that is more; a spacing in another unit gives no leave."""
    spacing = None if spacing_mm is None else (spacing_mm, spacing_mm)
    image = ImageRecord("dicoms/P/1.dcm", "", 1, "P", file_number=1, pixel_spacing_mm=spacing)
    endo, epi = circle(36 + 6 + out_px, 32, 10), circle(36, 32, 16)
    one = Sample(image, None, Contour(ContourKind.ENDO, endo), Contour(ContourKind.EPI, epi), Phase.ED)
    found = list(check_pairs(PatientLabels("P", (image,), (), ("O",)), [one], ValidateParams()))
    assert [f.code for f in found] == ([Code.ENDO_OUTSIDE_EPI] if told else [])
