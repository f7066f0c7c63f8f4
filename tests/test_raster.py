"""The half-area rule, on shapes of known area and on the real contours."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.geometry import polygon_area
from cmrpipe.model import Points
from cmrpipe.raster import area_coverage, area_mask
from cmrpipe.readers.contours import read_contour
from tests.solid import is_solid

SHAPE = (48, 80)  # rows differ from columns on purpose

coordinate = st.floats(-30, 110, allow_nan=False)
polygons = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=12).map(lambda p: np.array(p, dtype=float))
repeatable = settings(derandomize=True, max_examples=150, deadline=None)


def ellipse(x: float, y: float, a: float, b: float, turn: float = 0.0, points: int = 720) -> Points:
    """Regular points on an ellipse with centre (x, y), half axes a and b in pixels, turned by radians."""
    angle = np.linspace(0, 2 * math.pi, points, endpoint=False)
    along, across = a * np.cos(angle), b * np.sin(angle)
    c, s = math.cos(turn), math.sin(turn)
    return np.column_stack([x + c * along - s * across, y + s * along + c * across])


def supersampled(points: Points, shape: tuple[int, int], n: int = 24) -> np.ndarray:
    """Coverage by testing n × n points in each pixel, even-odd rule."""
    rows, cols = shape
    y = (np.arange(rows * n) + 0.5) / n - 0.5
    x = (np.arange(cols * n) + 0.5) / n - 0.5
    inside = np.zeros((rows * n, cols * n), dtype=bool)
    ends = np.roll(points, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(points, ends, strict=True):
        spans = (y0 > y) != (y1 > y)
        at = x0 + (y[spans] - y0) / (y1 - y0) * (x1 - x0)
        inside[spans] ^= x[None, :] < at[:, None]
    return np.asarray(inside.reshape(rows, n, cols, n).mean(axis=(1, 3)))


@repeatable
@given(st.floats(20, 28), st.floats(18, 30), st.floats(0.3, 15), st.floats(0.3, 15), st.floats(0, math.pi))
def test_coverage_sums_to_the_area(x: float, y: float, a: float, b: float, turn: float) -> None:
    """Within the image, the coverage of all pixels adds up to the polygon's shoelace area, exactly."""
    points = ellipse(x, y, a, b, turn)
    assert area_coverage(points, SHAPE).sum() == pytest.approx(polygon_area(points), abs=1e-8)


@repeatable
@given(st.floats(20, 50), st.floats(20, 28), st.floats(4, 15), st.floats(4, 15), st.floats(0, math.pi))
def test_mask_area_of_ellipses(x: float, y: float, a: float, b: float, turn: float) -> None:
    """The mask of an ellipse anywhere has its area, give or take half of each pixel on the border."""
    points = ellipse(x, y, a, b, turn)
    coverage = area_coverage(points, SHAPE)
    border = ((coverage > 0) & (coverage < 1)).sum()
    assert abs(area_mask(points, SHAPE).sum() - math.pi * a * b) <= border / 2


def test_mask_area_of_ellipses_has_no_bias() -> None:
    """Over 600 ellipses off the pixel grid, the mean area error is below 0.1 %."""
    draw = np.random.default_rng(5)
    errors = []
    for _ in range(600):
        a, b, x, y, turn = draw.uniform([8, 8, 20, 20, 0], [18, 18, 55, 27, math.pi])
        errors.append(area_mask(ellipse(x, y, a, b, turn), SHAPE).sum() / (math.pi * a * b) - 1)
    assert abs(np.mean(errors)) < 0.001


@settings(derandomize=True, max_examples=60, deadline=None)
@given(coordinate, coordinate, st.floats(0.1, 40), st.floats(0.1, 40), st.floats(0, math.pi))
def test_coverage_agrees_with_supersampling(x: float, y: float, a: float, b: float, turn: float) -> None:
    """Anywhere in, across or outside the image, a pixel's coverage is what counting points in it says."""
    points = ellipse(x, y, a, b, turn, points=40)
    assert np.abs(area_coverage(points, SHAPE) - supersampled(points, SHAPE)).max() < 0.06


@repeatable
@given(polygons)
def test_clipping_changes_nothing_inside(points: Points) -> None:
    """A contour that leaves the image fills the pixels inside just as in a larger image."""
    margin = 32
    large = area_mask(points + margin, (SHAPE[0] + 2 * margin, SHAPE[1] + 2 * margin))
    assert np.array_equal(area_mask(points, SHAPE), large[margin : margin + SHAPE[0], margin : margin + SHAPE[1]])


@repeatable
@given(polygons)
def test_direction_and_start_do_not_matter(points: Points) -> None:
    """The same outline drawn the other way round, or from another point, covers the same."""
    coverage = area_coverage(points, SHAPE)
    assert np.allclose(area_coverage(points[::-1], SHAPE), coverage, atol=1e-9)
    assert np.allclose(area_coverage(np.roll(points, 2, axis=0), SHAPE), coverage, atol=1e-9)
    assert coverage.min() >= 0
    assert coverage.max() <= 1


def test_rows_and_columns_are_not_exchanged() -> None:
    """The first coordinate counts columns, the second rows."""
    mask = area_mask(np.array([[60.6, 0.6], [70.4, 0.6], [70.4, 4.4], [60.6, 4.4]]), SHAPE)
    assert np.argwhere(mask).min(axis=0).tolist() == [1, 61]
    assert np.argwhere(mask).max(axis=0).tolist() == [4, 70]


def test_half_of_a_pixel_is_enough() -> None:
    """A pixel belongs from half its area on; an exact half belongs on the left and upper side only."""

    def pixels(width: float, start: float = 9.5) -> int:
        box = np.array([[start, 9.5], [start + width, 9.5], [start + width, 10.5], [start, 10.5]])
        return int(area_mask(box, SHAPE).sum())

    assert [pixels(w) for w in (0.49, 0.51, 1.49, 1.51)] == [0, 1, 1, 2]
    half_left = np.array([[9.0, 9.5], [10.5, 9.5], [10.5, 10.5], [9.0, 10.5]])
    assert np.argwhere(area_mask(half_left, SHAPE)).tolist() == [[10, 10], [10, 9]][::-1]
    half_right = np.array([[9.5, 9.5], [11.0, 9.5], [11.0, 10.5], [9.5, 10.5]])
    assert np.argwhere(area_mask(half_right, SHAPE)).tolist() == [[10, 10]]


@repeatable
@given(st.floats(0, 3), st.integers(0, 7), st.integers(0, 6))
def test_neighbours_share_no_pixel(turn: float, i: int, j: int) -> None:
    """Two halves of a region on the half-pixel grid are disjoint and together are the region."""
    outline = np.round(ellipse(30, 24, 15, 12, turn, points=16) * 2) / 2
    first, second = sorted([i, i + 2 + j])
    left, right = outline[first : second + 1], np.concatenate([outline[second:], outline[: first + 1]])
    whole, a, b = (area_coverage(p, SHAPE) for p in (outline, left, right))
    assert np.allclose(a + b, whole, atol=1e-9)
    assert not (area_mask(left, SHAPE) & area_mask(right, SHAPE) & (whole > 1 - 1e-9)).any()


def test_every_lobe_of_a_crossing_contour_is_filled() -> None:
    """A figure of eight has two lobes of opposite direction; both are inside."""
    eight = np.array([[10.5, 10.5], [30.5, 30.5], [30.5, 10.5], [10.5, 30.5]])
    mask = area_mask(eight, SHAPE)
    assert mask[20, 13]
    assert mask[20, 28]
    assert not mask[12, 20]


@pytest.mark.parametrize(
    "points",
    [np.zeros((0, 2)), np.array([[5.0, 5.0]]), np.array([[5.0, 5.0], [9.0, 9.0]]), np.full((6, 2), 7.25)],
    ids=["no point", "one point", "two points", "one point six times"],
)
def test_without_area_no_pixel(points: Points) -> None:
    """What encloses nothing fills nothing."""
    assert not area_mask(points, SHAPE).any()


@pytest.mark.parametrize("centre", [(-50, 20), (200, 20), (30, -50), (30, 200)])
def test_outside_the_image_no_pixel(centre: tuple[float, float]) -> None:
    """A contour beside the image fills nothing, on any side."""
    assert not area_mask(ellipse(*centre, 10, 10), SHAPE).any()


def test_far_away_points_cost_nothing() -> None:
    """A contour around the whole image, however large, fills it at once."""
    start = time.perf_counter()
    assert area_mask(np.array([[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]]), SHAPE).all()
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_not_a_number_is_refused(value: float) -> None:
    """Points that are no numbers are an error, not an empty mask."""
    with pytest.raises(ValueError, match="finite"):
        area_mask(np.array([[1.0, 1.0], [5.0, value], [5.0, 1.0]]), SHAPE)


def test_real_contours_keep_their_area(shared_data: Path) -> None:
    """Over the 142 real contours the mean bias is within 0.2 %, and 95 % are within 1.5 %."""
    paths = sorted((shared_data / "final_data" / "contourfiles").rglob("*.txt"))
    errors = []
    for path in paths:
        points = read_contour(path.read_bytes(), path.name, 1.0).points
        assert points is not None
        errors.append(area_mask(points, (256, 256)).sum() / polygon_area(points) - 1)
    assert len(errors) == 142
    assert abs(np.mean(errors)) <= 0.002
    assert np.percentile(np.abs(errors), 95) <= 0.015


def test_real_masks_are_solid(shared_data: Path) -> None:
    """Every real contour gives one region without holes."""
    for path in sorted((shared_data / "final_data" / "contourfiles").rglob("*.txt")):
        points = read_contour(path.read_bytes(), path.name, 1.0).points
        assert points is not None
        assert is_solid(area_mask(points, (256, 256))), path.name
