"""Measures of polygons, the label image, and the shape of masks."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.geometry import (
    canonical_outline,
    centroid,
    contains_points,
    distances,
    label_image,
    polygon_area,
    protrusion,
    rounds,
    scaled,
    self_intersections,
    signed_area,
    wall_thickness,
)
from cmrpipe.model import Points
from tests.solid import is_solid

repeatable = settings(derandomize=True, max_examples=100, deadline=None)


def ring(x: float, y: float, a: float, b: float, points: int = 360) -> Points:
    """Regular points on an upright ellipse, clockwise on the screen."""
    angle = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return np.column_stack([x + a * np.cos(angle), y + b * np.sin(angle)])


SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


@repeatable
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.1, 50), st.floats(0.1, 50))
def test_area_and_centroid_of_an_ellipse(x: float, y: float, a: float, b: float) -> None:
    """An ellipse anywhere has area πab and its centre as centroid."""
    points = ring(x, y, a, b)
    assert polygon_area(points) == pytest.approx(math.pi * a * b, rel=1e-3)
    assert centroid(points) == pytest.approx((x, y), abs=1e-6)


CORNERS = st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.5]), st.integers(0, 2)), min_size=1, max_size=9)


@repeatable
@given(CORNERS, st.data())
def test_one_outline_has_one_form(corners: list[tuple[float, float]], data: st.DataObject) -> None:
    """Whatever its start, its direction, and however often a point is repeated in a row; its points stay the same."""
    points = np.array(corners, dtype=np.float64)
    form = canonical_outline(points)
    start, back = data.draw(st.integers(0, len(points))), data.draw(st.booleans())
    repeats = data.draw(st.lists(st.integers(1, 3), min_size=len(points), max_size=len(points)))
    other = np.roll(np.repeat(points, repeats, axis=0), start, axis=0)
    assert np.array_equal(canonical_outline(other[::-1] if back else other), form)
    assert np.array_equal(canonical_outline(np.concatenate([other, other[:1]])), form)
    assert {*map(tuple, form.tolist())} == {*map(tuple, points.tolist())}
    assert np.array_equal(canonical_outline(form), form)


def test_other_outlines_have_other_forms() -> None:
    """Moved, mirrored, with a point less, or through the same points in another order."""
    points = ring(20, 30, 9, 6, 40) + np.linspace(0, 1, 40)[:, None]
    form = canonical_outline(points)
    exchanged = points.copy()
    exchanged[[3, 8]] = exchanged[[8, 3]]
    for other in (points + 0.01, points[:, ::-1], points[1:], exchanged):
        assert not np.array_equal(canonical_outline(other), form)
    assert not np.signbit(canonical_outline(-0.0 * points)).any()


def test_spacing_is_rows_then_columns() -> None:
    """Lengths along x take the distance between columns, lengths along y that between rows."""
    flat = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 1.0], [0.0, 1.0]])
    assert scaled(flat, (3.0, 0.5)).tolist() == [[0.0, 0.0], [5.0, 0.0], [5.0, 3.0], [0.0, 3.0]]
    assert polygon_area(flat, (3.0, 0.5)) == pytest.approx(15.0)


def test_area_has_a_sign_by_direction() -> None:
    """Clockwise on the screen is positive; the plain area has no sign."""
    assert signed_area(SQUARE) == 4
    assert signed_area(SQUARE[::-1]) == -4
    assert polygon_area(SQUARE[::-1]) == 4


def test_centroid_of_a_line() -> None:
    """Without area, the mean of the points stands in."""
    assert centroid(np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]])) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("points", "crossings"),
    [
        (SQUARE, 0),
        (ring(0, 0, 5, 3), 0),
        (np.array([[0, 0], [2, 2], [2, 0], [0, 2]]), 1),
        (np.array([[0, 0], [1, 1], [2, 2], [2, 0], [1, 1], [0, 2]]), 1),
        (np.array([[0, 0], [2, 2], [2, 0], [1, 1], [0, 2]]), 1),
        (np.array([[0, 0], [1, 1], [2, 0], [2, 2], [1, 1], [0, 2]]), 0),
        (np.array([[0, 0], [4, 0], [4, 4], [2, 0], [0, 4]]), 0),
        (np.array([[0, 0], [0, 0], [2, 0], [2, 2], [2, 2], [0, 2]]), 0),
        (np.array([[0, 0], [2, 0], [1, 1]]), 0),
    ],
    ids=["square", "ellipse", "bow tie", "bow tie through two vertices", "bow tie through one vertex",
         "touching at a vertex", "touching an edge", "points twice", "triangle"],
)  # fmt: skip
def test_self_intersections(points: Points, crossings: int) -> None:
    """Crossings are counted, on vertices too; touching is not crossing."""
    points = np.asarray(points, dtype=float)
    assert self_intersections(points) == crossings
    assert self_intersections(points[::-1]) == crossings
    assert self_intersections(np.roll(points, 1, axis=0)) == crossings


def test_outlines_of_thousands_of_points_fit_in_memory() -> None:
    """Every edge of a zigzag overlaps all others: they are compared some at a time."""
    points = np.column_stack([np.tile([20.0, 100.0], 3_000), np.linspace(20, 100, 6_000)])
    tracemalloc.start()
    try:
        assert self_intersections(points) == 5_997
        assert distances(points, points + np.array([0.0, 500.0])).min() == pytest.approx(420, abs=0.1)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pairs", [1, 7, 40, 1000])
def test_how_many_are_compared_at_a_time_changes_nothing(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances, point by point, and crossings are those of all at once; points written twice are no hindrance."""
    draw = np.random.default_rng(3)
    polygon, points = np.repeat(draw.uniform(0, 30, (20, 2)), 2, axis=0), draw.uniform(-10, 40, (31, 2))
    away, crossings = distances(points, polygon), self_intersections(polygon)
    densely = np.concatenate([np.linspace(a, b, 500) for a, b in zip(polygon, np.roll(polygon, -1, 0), strict=True)])
    assert away == pytest.approx(np.hypot(*(points[:, None] - densely).T).min(axis=0), abs=0.05)
    monkeypatch.setattr("cmrpipe.geometry._PAIRS", pairs)
    assert np.array_equal(distances(points, polygon), away)
    assert self_intersections(polygon) == crossings > 20


@pytest.mark.parametrize("times", [1, 2, 3])
def test_rounds(times: int) -> None:
    """An outline whose points were written again, with its end point repeated or not."""
    ring = np.array([[1.0, 1.0], [6.0, 1.5], [7.0, 6.0], [4.0, 8.0], [1.5, 6.0], [2.0, 3.0]])
    assert rounds(np.tile(ring, (times, 1))) == times
    assert rounds(np.tile(np.concatenate([ring, ring[:1]]), (times, 1))) == times
    assert rounds(np.array([[0.0, 0.0], [5.0, 0.0], [9.0, 0.0], [5.0, 0.0]])) == 1


@repeatable
@given(st.integers(0, 59), st.integers(2, 57))
def test_exchanged_points_cross(i: int, step: int) -> None:
    """Two points of a circle that change places make it cross itself."""
    points = ring(0, 0, 10, 10, 60)
    j = (i + step) % 60
    points[[i, j]] = points[[j, i]]
    assert self_intersections(points) > 0


@repeatable
@given(st.floats(-20, 20), st.floats(-20, 20))
def test_contains_points_of_an_ellipse(x: float, y: float) -> None:
    """A point is inside an ellipse when its equation says so, its very border aside."""
    value = (x / 15) ** 2 + (y / 8) ** 2
    if abs(value - 1) > 1e-2:
        assert contains_points(ring(0, 0, 15, 8), np.array([[x, y]]))[0] == (value < 1)


def test_protrusion_is_the_distance_outside() -> None:
    """Zero inside; moved out to one side, as far as the circle's edge reaches out."""
    outer = ring(0, 0, 10, 10, 720)
    assert protrusion(ring(1, 1, 6, 6), outer) == 0
    assert protrusion(ring(7, 0, 6, 6), outer) == pytest.approx(3.0, abs=1e-3)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.floats(5, 20), st.floats(1, 10), st.floats(0, 0.9), st.floats(0, 6.28))
def test_wall_between_circles(radius: float, wall: float, off: float, angle: float) -> None:
    """Concentric circles: the difference of radii; moved apart, the minimum sinks by just the move."""
    move = off * wall
    inner = ring(move * math.cos(angle), move * math.sin(angle), radius, radius, 240)
    found = wall_thickness(inner, ring(0, 0, radius + wall, radius + wall, 240), (1.5, 1.5))
    assert found.minimum_mm == pytest.approx(1.5 * (wall - move), abs=0.02)
    concentric = wall_thickness(ring(3, 4, radius, radius), ring(3, 4, radius + wall, radius + wall), (1.5, 1.5))
    assert concentric.mean_mm == pytest.approx(1.5 * wall, rel=0.01)


@pytest.mark.parametrize("dense", ["inner", "outer"])
def test_mean_wall_does_not_depend_on_where_points_are_dense(dense: str) -> None:
    """Nine tenths of a border's points lie where the wall is thin: its mean is that of even points."""
    even = np.linspace(0, 2 * math.pi, 360, endpoint=False)
    uneven = np.concatenate([np.linspace(-0.5, 0.5, 900), np.linspace(0.6, 2 * math.pi - 0.6, 100)])

    def borders(inner: Points, outer: Points) -> tuple[Points, Points]:
        circles = [np.column_stack([np.cos(angle), np.sin(angle)]) for angle in (inner, outer)]
        return 8 * circles[0] + (4, 0), 15 * circles[1]

    expected = wall_thickness(*borders(even, even), (1.0, 1.0))
    found = wall_thickness(*(borders(uneven, even) if dense == "inner" else borders(even, uneven)), (1.0, 1.0))
    assert found.mean_mm == pytest.approx(expected.mean_mm, rel=0.005)
    assert found.minimum_mm == pytest.approx(3, abs=0.01)


def test_wall_where_borders_cross() -> None:
    """An endocardium that leaves the epicardium has negative thickness there."""
    assert wall_thickness(ring(7, 0, 6, 6), ring(0, 0, 10, 10), (2.0, 2.0)).minimum_mm == pytest.approx(-6, abs=0.01)


def test_wall_knows_rows_from_columns() -> None:
    """The wall of an upright ellipse in pixels is even in millimetres when the spacing makes it a circle."""
    inner, outer = ring(0, 0, 10, 5), ring(0, 0, 14, 7)
    found = wall_thickness(inner, outer, (2.0, 1.0))
    assert found.minimum_mm == pytest.approx(4.0, abs=0.01)
    assert found.mean_mm == pytest.approx(4.0, abs=0.01)


def test_the_thinnest_wall_is_seen_from_either_border() -> None:
    """Where one border has no point near it: at the middle of a long edge."""
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    assert wall_thickness(ring(0, 0, 6, 6), 10 * square, (1.0, 1.0)).minimum_mm == pytest.approx(4)
    dented = np.concatenate([10 * square[:3], [[0.0, 6.0]], 10 * square[3:]])
    assert wall_thickness(4 * square, dented, (1.0, 1.0)).minimum_mm == pytest.approx(2)


def test_wall_around_a_point() -> None:
    """An endocardium without extent has no share of length to weigh its points with: they count alike."""
    found = wall_thickness(np.full((3, 2), 5.0), ring(5, 5, 4, 4), (1.0, 1.0))
    assert (found.mean_mm, found.minimum_mm) == pytest.approx((4, 4), abs=0.01)


def test_label_image_values() -> None:
    """Cavity 1, myocardium 2, background 0; the ring only where both borders are known."""
    endo, epi, shape = ring(20, 12, 6, 5), ring(20, 12, 9, 8), (24, 40)
    label = label_image(endo, epi, shape)
    assert label.dtype == np.uint8
    assert (label[12, 20], label[12, 27], label[12, 31]) == (1, 2, 0)
    assert set(np.unique(label_image(endo, None, shape))) == {0, 1}
    assert not label_image(None, epi, shape).any()
    assert not label_image(None, None, shape).any()
    assert is_solid(label > 0)


def test_cavity_wins_where_borders_cross() -> None:
    """A cavity that leaves the epicardium stays a cavity there."""
    label = label_image(ring(26, 12, 6, 6), ring(20, 12, 9, 9), (24, 40))
    assert label[12, 31] == 1
