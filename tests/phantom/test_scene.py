"""The phantom's heart: shapes, motion, and images that show them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.phantom.curve import Curve
from cmrpipe.phantom.image import backdrop, draw_contrast, render
from cmrpipe.phantom.scene import Grid, draw_anatomy, filling, section
from cmrpipe.phantom.thorax import draw_thorax
from cmrpipe.phantom.truth import shoelace

GRID = Grid(slices=8, frames=10, rows=128, columns=128)
waves = st.tuples(*[st.complex_numbers(max_magnitude=0.05, allow_nan=False, allow_infinity=False)] * 3)


@given(st.floats(3, 60), waves, st.floats(0, 6))
def test_curve_area_is_exact(radius: float, coefficients: tuple[complex, ...], start: float) -> None:
    """The closed formula is the limit of the polygon's area."""
    curve = Curve(31.5, 17.25, radius, coefficients)
    area, centre = shoelace(curve.points(4000, start))
    assert area == pytest.approx(curve.area, rel=1e-5)
    assert np.hypot(centre[0] - 31.5, centre[1] - 17.25) < 0.2 * radius


@given(st.floats(5, 40), waves)
def test_curve_distance(radius: float, coefficients: tuple[complex, ...]) -> None:
    """Distance is zero on the border, negative inside, and grows by one a pixel across it."""
    curve = Curve(50.0, 40.0, radius, coefficients)
    points = curve.points(60, 0.1)
    x, y = points.T
    assert np.abs(curve.distance(x, y)).max() < 1e-9
    outward = points - [50.0, 40.0]
    length = np.linalg.norm(outward, axis=1)
    for step in (-0.5, 0.5):
        moved = points + step * outward / length[:, None]
        found = curve.distance(*moved.T)
        assert np.all(np.sign(found) == np.sign(step))
        assert np.abs(found).min() > 0.4
        assert np.abs(found).max() <= 0.5 + 1e-9


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 14), st.integers(2, 20))
def test_ventricle_is_plausible(seed: int, slices: int, frames: int) -> None:
    """Endocardium inside epicardium, walls of 5 mm or more, systole smaller and thicker, neighbours alike."""
    grid = Grid(slices, frames, 128, 96)
    anatomy = draw_anatomy(np.random.default_rng(seed), grid)
    previous = None
    for position in grid.lv:
        ed, es = section(anatomy, grid, position, grid.ed_frame), section(anatomy, grid, position, grid.es_frame)
        assert ed.endo is not None
        assert es.endo is not None
        wall = []
        for cut in (ed, es):
            assert cut.endo is not None
            assert cut.epi is not None
            inner, outer = cut.endo.points(180, 0.0), cut.epi.points(180, 0.0)
            wall.append(np.linalg.norm(outer - inner, axis=1).min() * anatomy.spacing_mm)
            assert outer.min() > 0
            assert outer[:, 0].max() < grid.columns - 1
            assert outer[:, 1].max() < grid.rows - 1
        assert wall[1] > wall[0] > 4.5
        assert es.endo.area == pytest.approx((1 - anatomy.ef) * ed.endo.area)
        if previous is not None and slices >= 8:
            assert 0.5 < ed.endo.area / previous < 1.0
        previous = ed.endo.area


@pytest.mark.parametrize("frames", [2, 3, 4, 10, 20, 30])
def test_cycle(frames: int) -> None:
    """Fullest at the ED frame, emptiest at the ES frame, between 0 and 1 elsewhere."""
    grid = Grid(8, frames, 128, 128)
    curve = [filling(grid, frame) for frame in range(1, frames + 1)]
    assert int(np.argmax(curve)) + 1 == grid.ed_frame
    assert int(np.argmin(curve)) + 1 == grid.es_frame
    assert (min(curve), max(curve)) == pytest.approx((0.0, 1.0))


@pytest.mark.parametrize("seed", range(4))
def test_borders_are_where_the_contours_say(seed: int) -> None:
    """Across the contour, signal passes midway between blood and muscle: within a third of a pixel on average."""
    rng = np.random.default_rng(seed)
    anatomy, thorax, contrast = draw_anatomy(rng, GRID), draw_thorax(rng), draw_contrast(rng)
    for position in (2, 4):
        back = backdrop(anatomy, thorax, GRID, position)
        image = render(anatomy, contrast, GRID, back, position, GRID.ed_frame, rng).astype(float)
        cut = section(anatomy, GRID, position, GRID.ed_frame)
        assert cut.endo
        points = cut.endo.points(90, 0.0)
        outward = (points - cut.middle) / np.linalg.norm(points - cut.middle, axis=1)[:, None]
        steps = np.arange(-3.0, 3.01, 0.25)
        at = points[None] + steps[:, None, None] * outward[None]
        left, top = np.floor(at[..., 0]).astype(int), np.floor(at[..., 1]).astype(int)
        u, v = at[..., 0] - left, at[..., 1] - top
        profile = (
            image[top, left] * (1 - u) * (1 - v)
            + image[top, left + 1] * u * (1 - v)
            + image[top + 1, left] * (1 - u) * v
            + image[top + 1, left + 1] * u * v
        ).mean(axis=1)
        half = (profile[0] + profile[-1]) / 2
        assert profile[0] > 2 * profile[-1]
        crossing = np.interp(-half, -profile, steps)
        assert abs(crossing) < 0.33


def test_images_of_a_patient_all_differ() -> None:
    """Noise makes every image its own; blood stands out of it."""
    rng = np.random.default_rng(3)
    grid = Grid(3, 4, 64, 64)
    anatomy, thorax, contrast = draw_anatomy(rng, grid), draw_thorax(rng), draw_contrast(rng)
    seen = set()
    for position in range(3):
        back = backdrop(anatomy, thorax, grid, position)
        for frame in range(1, 5):
            seen.add(render(anatomy, contrast, grid, back, position, frame, rng).tobytes())
    assert len(seen) == 12
