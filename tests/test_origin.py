"""The shift that fits contours to edges best: known on drawn images, and plausible on the real ones."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.model import Points
from cmrpipe.origin import (
    CONFIDENCE,
    REACH,
    Response,
    Shift,
    edge_response,
    patient_shift,
    peak,
    set_shift,
)
from cmrpipe.raster import area_coverage
from cmrpipe.readers.contours import read_contour
from cmrpipe.readers.pixels import decode_pixels

SHAPE = (90, 110)
NOISE = np.random.default_rng(2).integers(0, 500, SHAPE, dtype=np.int16)
ORIGINALS = {  # link.csv of final_data
    "SCD0000101": "SC-HF-I-1",
    "SCD0000201": "SC-HF-I-2",
    "SCD0000301": "SC-HF-I-4",
    "SCD0000401": "SC-HF-I-5",
    "SCD0000501": "SC-HF-I-6",
}


def oval(x: float, y: float, a: float, b: float) -> Points:
    """An upright ellipse of 200 points."""
    angle = np.linspace(0, 2 * math.pi, 200, endpoint=False)
    return np.column_stack([x + a * np.cos(angle), y + b * np.sin(angle)])


def bright(points: Points, seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """A cavity of 400 in a surrounding of 100, blurred a little, as int16."""
    image = 100 + 300 * area_coverage(points, SHAPE)
    for axis in (0, 1):
        image = (np.roll(image, 1, axis) + 2 * image + np.roll(image, -1, axis)) / 4
    return np.round(image + np.random.default_rng(seed).normal(0, noise, SHAPE)).astype(np.int16)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(st.floats(-2.9, 2.9), st.floats(-2.9, 2.9), st.floats(7, 20), st.floats(7, 20))
def test_a_known_shift_is_found(dx: float, dy: float, a: float, b: float) -> None:
    """A contour drawn off its edge by a known shift is put back to within 0.15 pixels."""
    true = oval(52.3, 44.7, a, b)
    response = edge_response(bright(true), true - (dx, dy))
    assert response is not None
    assert response.shape == (2 * REACH + 1, 2 * REACH + 1)
    assert peak(response) == pytest.approx((dx, dy), abs=0.15)


def test_noise_sets_the_error() -> None:
    """With noise, the shift of a patient lies within three standard errors, and less noise means a smaller error."""
    found = {}
    for noise in (20.0, 80.0):
        responses = []
        for seed in range(16):
            true = oval(52 + seed / 5, 44 - seed / 7, 9 + seed / 2, 14 - seed / 3)
            response = edge_response(bright(true, seed, noise), true - (0.6, -0.9))
            assert response is not None
            responses.append(response)
        shift = patient_shift(responses)
        assert shift is not None
        assert abs(shift.x - 0.6) < 3 * shift.error_x + 0.05
        assert abs(shift.y + 0.9) < 3 * shift.error_y + 0.05
        found[noise] = shift
    assert found[20.0].error_x < found[80.0].error_x
    assert found[20.0].contours == 16


@pytest.mark.parametrize(
    "points",
    [oval(3, 40, 12, 12), oval(50, 3, 12, 12), oval(107, 40, 12, 12), oval(50, 88, 12, 12), oval(-50, 40, 9, 9)],
    ids=["left", "top", "right", "bottom", "outside"],
)
def test_beside_the_image_there_is_no_answer(points: Points) -> None:
    """A contour that would leave the image when moved about measures nothing, whatever the image shows."""
    assert edge_response(NOISE, points) is None


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("far", [False, True])
def test_a_contour_may_come_within_its_reach_of_the_border(axis: int, far: bool) -> None:
    """Two pixels more are for what it covers of the outermost one, and for the pixel beside that."""
    low = np.array([40.0, 40.0])
    low[axis] = SHAPE[1 - axis] - 1 - (REACH + 2) - 9 if far else REACH + 2
    points = low + 9 * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    assert edge_response(NOISE, points) is not None
    points[:, axis] += 0.01 if far else -0.01
    assert edge_response(NOISE, points) is None


def test_the_response_is_the_fall_along_the_contour() -> None:
    """For each whole shift: what a plain sum over the covered pixels gives, up to scale, on an image without order."""
    image = NOISE.astype(float)
    fall = 4 * image - sum(np.roll(image, step, axis) for axis in (0, 1) for step in (-1, 1))
    points = oval(50.3, 41.2, 11, 7)
    moves = range(-REACH, REACH + 1)
    plain = np.array([[(area_coverage(points + np.array([x, y]), SHAPE) * fall).sum() for x in moves] for y in moves])
    assert edge_response(NOISE, points) == pytest.approx(plain / np.abs(plain).max(), abs=1e-9)


def test_without_edges_there_is_no_answer() -> None:
    """A constant image measures nothing, nor do no contours."""
    assert edge_response(np.full(SHAPE, 7, dtype=np.uint8), oval(50, 40, 12, 12)) is None
    assert patient_shift([]) is None
    assert set_shift({}) is None
    assert set_shift({"P": []}) is None


def response_at(x: float, y: float) -> Response:
    """A smooth response with its top at a shift."""
    row, column = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    return np.asarray(1 - 0.02 * ((column - x) ** 2 + (row - y) ** 2))


@pytest.mark.parametrize("top", [(REACH, 0), (0, -REACH), (REACH + 3, 1)])
def test_a_top_at_the_border_is_none(top: tuple[float, float]) -> None:
    """A shift that is larger than what was looked at is not reported as its limit."""
    assert peak(response_at(*top)) is None


def test_patients_weigh_the_same() -> None:
    """A patient with many contours does not outvote the others; the error is that between patients."""
    shift = set_shift({"A": [response_at(1, 0)] * 30, "B": [response_at(0, 0)], "C": [response_at(0.5, 0)]})
    assert shift is not None
    assert (shift.x, shift.y) == pytest.approx((0.5, 0))
    assert shift.error_x == pytest.approx(0.5 / math.sqrt(3), rel=1e-6)
    assert (shift.contours, shift.patients) == (32, 3)


def test_one_contour_has_no_error() -> None:
    """A single contour gives a shift of unknown certainty."""
    shift = patient_shift([response_at(2, 0)])
    assert shift is not None
    assert math.isinf(shift.error_x)


def errors_off(shift: Shift) -> float:
    """By how many standard errors a shift differs from none, along the worse axis."""
    return max(abs(shift.x) / shift.error_x, abs(shift.y) / shift.error_y)


def test_sunnybrook_counts_from_one(final_data: Path) -> None:
    """On the real contours an origin of 1 agrees with the images, and origins of 0 and 2 do not."""
    shifts = {}
    for origin in (0.0, 1.0, 2.0):
        by_patient = {}
        for patient, original in ORIGINALS.items():
            found = []
            for path in sorted((final_data / "contourfiles" / original / "i-contours").glob("*.txt")):
                record = read_contour(path.read_bytes(), f"contourfiles/{original}/i-contours/{path.name}", origin)
                assert record.points is not None
                image_file = final_data / "dicoms" / patient / f"{record.number}.dcm"
                image = decode_pixels(image_file.read_bytes(), image_file)
                found.append(edge_response(image, record.points))
            by_patient[patient] = [response for response in found if response is not None]
        shifts[origin] = set_shift(by_patient)
        if origin == 1.0:
            for responses in by_patient.values():
                shift = patient_shift(responses)
                assert shift is not None
                assert max(abs(shift.x), abs(shift.y)) < 1.0
    assert all(shift is not None and shift.contours == 96 for shift in shifts.values())
    assert {origin: errors_off(shift) > CONFIDENCE for origin, shift in shifts.items() if shift} == {
        0.0: True,
        1.0: False,
        2.0: True,
    }
