"""Fit of contours to images, and the causes of bad ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.checks.causes import EXCHANGES, Suspect, find_cause
from cmrpipe.checks.fit import fit, inside, outline, shifted_fits
from cmrpipe.checks.misfit import measure_fits, whole_patient
from cmrpipe.model import ImageRecord, Phase, Points
from cmrpipe.params import ValidateParams
from tests.checks.drawn import SHAPE, circle, heart, sample, stack


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.floats(30, 80), st.floats(30, 64), st.floats(4, 20), st.booleans())
def test_the_true_border_fits_perfectly(x: float, y: float, radius: float, backwards: bool) -> None:
    """A contour on its cavity's border has a fit of almost 1, whatever its direction."""
    points = circle(x, y, radius)
    assert fit(heart(x, y, radius), points[::-1] if backwards else points) > 0.97


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.floats(0, 6.28), st.floats(7, 20), st.floats(1.0, 1.6))
def test_a_contour_beside_its_cavity_does_not(angle: float, radius: float, away: float) -> None:
    """Moved by its radius or more, it fits badly."""
    step = away * radius * np.array([np.cos(angle), np.sin(angle)])
    assert fit(heart(55, 47, radius), circle(55, 47, radius) + step) < 0.6


def test_contrast_does_not_matter() -> None:
    """An image scaled and offset has the same fit; a constant one has none."""
    image, points = heart(50, 40, 12), circle(53, 42, 12)
    assert fit(3.5 * image.astype(np.float64) + 70, points) == pytest.approx(fit(image, points), abs=1e-9)
    assert fit(np.full(SHAPE, 7, dtype=np.uint8), points) == 0


def test_moved_fits_are_those_of_moved_contours() -> None:
    """`shifted_fits` gives what `fit` gives for each shift."""
    image, points = heart(50, 40, 12), circle(48, 43, 12)
    moves = np.array([[0.0, 0.0], [2.0, -3.0], [-5.0, 1.0]])
    assert shifted_fits(image, points, moves) == pytest.approx([fit(image, points + move) for move in moves])


def test_outline_is_even_and_looks_outwards() -> None:
    """64 points on the contour, unit normals away from the centre, the radius of the circle of equal area."""
    line = outline(circle(30, 20, 9)[::-1])
    assert line.points.shape == line.normals.shape == (64, 2)
    assert line.radius == pytest.approx(9, rel=1e-3)
    assert np.einsum("ij,ij->i", line.normals, line.points - (30, 20)) == pytest.approx(np.full(64, 9), rel=0.01)


def _never(_: ImageRecord) -> None:
    return None


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_is_recognised(name: str) -> None:
    """Contours drawn where an exchange of coordinates puts them: that exchange is named."""
    suspects = []
    for x, y, radius in ((70, 30, 12), (72, 31, 10), (68, 28, 14)):
        image, true = heart(x, y, radius), circle(x, y, radius)
        back: Points = EXCHANGES[name](true, SHAPE)
        suspects.append(Suspect(sample(0, Phase.ED, back).record, image, np.ascontiguousarray(back)))
    now = float(np.median([fit(s.image, s.points) for s in suspects]))
    cause = find_cause(suspects, now, {}, _never)
    assert cause.name == name
    assert cause.fit > 0.95


def test_a_shift_is_measured() -> None:
    """Contours moved together: the shift is named with its amount, and what would bring them back."""
    suspects = [
        Suspect(sample(0, Phase.ED, None).record, heart(x, y, 9), circle(x + 13, y - 11, 9))
        for x, y in ((55, 50), (50, 45))
    ]
    cause = find_cause(suspects, 0.0, {}, _never)
    off = -int(cause.tried["shift_x_px"]), -int(cause.tried["shift_y_px"])
    assert cause.name == f"shifted by +{off[0]}, {off[1]} pixels (x, y)"
    assert cause.tried["shift_x_px"] == pytest.approx(-13, abs=1)
    assert cause.tried["shift_y_px"] == pytest.approx(11, abs=1)


def test_contours_on_other_images_are_recognised() -> None:
    """A patient numbered a frame too early: the image one frame later is named."""
    centres = [(30 + 5 * f, 30 + 3 * (f % 4) * (f % 3)) for f in range(9)]
    records = {(0, f + 1): sample(0, Phase.ED, None).record for f in range(9)}
    records = {key: ImageRecord(f"{key[1]}", "", 0, "P", slice_index=0, frame=key[1]) for key in records}
    images = {str(f + 1): heart(*centres[f], 6 + f % 3) for f in range(9)}
    suspects = [
        Suspect(records[0, f + 1], images[str(f + 1)], circle(*centres[f + 1], 6 + (f + 1) % 3)) for f in range(8)
    ]
    now = float(np.median([fit(s.image, s.points) for s in suspects]))
    cause = find_cause(suspects, now, records, lambda record: images[record.path])
    assert cause.name == "drawn on the image 1 frames later"


@pytest.mark.parametrize(("on", "words"), [(1, "1 slice further"), (-1, "1 slice before"), (2, "2 slices further")])
def test_contours_of_another_slice_are_recognised(on: int, words: str) -> None:
    """A patient numbered off by a slice or two; slices beyond the stack have no image."""
    centres = [(32 + 8 * s, 62 - 5 * s * (s % 2)) for s in range(6)]
    records = {(s, 1): ImageRecord(f"{s}", "", 0, "P", slice_index=s, frame=1) for s in range(6)}
    images = {str(s): heart(*centre, 8) for s, centre in enumerate(centres)}
    suspects = [
        Suspect(records[s, 1], images[str(s)], circle(*centres[s + on], 8)) for s in range(6) if 0 <= s + on < 6
    ]
    now = float(np.median([fit(s.image, s.points) for s in suspects]))
    assert find_cause(suspects, now, records, lambda record: images[record.path]).name == f"drawn on the image {words}"


def test_a_patient_is_judged_by_its_median() -> None:
    """One bad contour is no bad patient, most of them are, and two contours say nothing."""
    limits = ValidateParams()
    assert not whole_patient({1: 1.0, 2: 1.0, 3: 0.0}, limits)
    assert whole_patient({1: 0.2, 2: 0.3, 3: 1.0}, limits)
    assert not whole_patient({1: 0.0, 2: 0.0}, limits)


def test_contours_that_leave_the_image_have_no_fit() -> None:
    """Only what lies within the image is measured."""
    samples = stack()
    assert set(measure_fits(samples)) == {10 * i + n for i in range(7) for n in (1, 5)}
    assert not inside(circle(3, 20, 9), SHAPE)
    assert inside(circle(30, 20, 9), SHAPE)
    assert not inside(circle(3, 3, 3), (7, 112))
