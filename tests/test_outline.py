"""Outlines of masks and fields."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import find_contours, label

from cmrpipe.geometry import polygon_area
from cmrpipe.model import Mask
from cmrpipe.outline import outline, outlines
from cmrpipe.raster import area_mask


def random_mask(seed: int, rows: int, cols: int, share: float) -> Mask:
    """A mask with about this share of its pixels set, without order."""
    return np.random.default_rng(seed).random((rows, cols)) < share


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.floats(0, 1))
def test_the_same_lines_as_scikit_image(seed: int, rows: int, cols: int, share: float) -> None:
    """On random masks, empty, full and touching the border: as many lines, and the same points on them."""
    mask = random_mask(seed, rows, cols, share)
    theirs = find_contours(np.pad(mask.astype(float), 1), 0.5, fully_connected="low")
    ours = outlines(mask)
    assert len(ours) == len(theirs)
    expected = np.array(sorted((x - 1, y - 1) for line in theirs for y, x in line[:-1])).reshape(-1, 2)
    found = np.array(sorted(tuple(point) for line in ours for point in line.tolist())).reshape(-1, 2)
    assert found == pytest.approx(expected)


@given(st.integers(0, 10**6))
def test_a_smooth_field_gives_its_level_line(seed: int) -> None:
    """A round hill: every point lies on the circle, to a fraction of a pixel."""
    rng = np.random.default_rng(seed)
    x0, y0, radius = rng.uniform(18, 22), rng.uniform(14, 17), rng.uniform(4, 9)
    y, x = np.mgrid[:32, :40]
    points = outline(1 / (1 + np.exp(np.hypot(x - x0, y - y0) - radius)))
    assert points is not None
    assert np.hypot(points[:, 0] - x0, points[:, 1] - y0) == pytest.approx(radius, abs=0.05)


@given(st.integers(0, 10**6))
def test_an_outline_drawn_again_is_the_mask(seed: int) -> None:
    """Mask to polygon to mask: at most the sharpest corners change."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 9 + rng.uniform(0, 3) * np.cos(angle * 2 + rng.uniform(0, 6))
    mask = area_mask(np.column_stack([20 + radius * np.cos(angle), 16 + radius * np.sin(angle)]), (32, 40))
    points = outline(mask)
    assert points is not None
    assert np.count_nonzero(area_mask(points, mask.shape) != mask) <= 0.02 * mask.sum() + 2
    assert polygon_area(points) == pytest.approx(mask.sum(), rel=0.03)


def test_the_largest_comes_first_and_holes_have_lines_of_their_own() -> None:
    """A ring and a small square: outer border, hole, square."""
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:12] = True
    mask[5:9, 5:9] = False
    mask[15:17, 15:17] = True
    assert int(label(mask).max()) == 2
    assert [round(polygon_area(line), 1) for line in outlines(mask)] == [99.5, 15.5, 3.5]


def test_nothing_has_no_outline() -> None:
    """Of an empty mask, and of values that are all below."""
    assert outline(np.zeros((4, 5), bool)) is None
    assert outline(np.full((4, 5), -3.0)) is None


def test_one_pixel_is_a_diamond_around_its_centre() -> None:
    """X is the column, y the row."""
    mask = np.zeros((4, 6), bool)
    mask[1, 4] = True
    points = outline(mask)
    assert points is not None
    assert sorted(map(tuple, points.tolist())) == [(3.5, 1.0), (4.0, 0.5), (4.0, 1.5), (4.5, 1.0)]
