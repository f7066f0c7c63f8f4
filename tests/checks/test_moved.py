"""Outlines that are another one moved."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.checks.moved import APART_PX, SMALL, Form, apart, candidates, form
from cmrpipe.geometry import canonical_outline, equidistant
from cmrpipe.model import Points
from tests.checks.drawn import circle
from tests.checks.traced import traced


@pytest.fixture(scope="module")
def real(shared_data: Path) -> dict[str, Points]:
    """The outlines of the 30 real patients by path."""
    return {path: canonical_outline(points) for path, points in traced(shared_data).items()}


def ones(outlines: list[Points]) -> set[tuple[int, int]]:
    """Which of several are one, by both steps."""
    pairs = candidates([form(points) for points in outlines]).tolist()
    return {(i, j) for i, j in pairs if apart(outlines[i], outlines[j]) <= APART_PX}


def test_start_direction_and_place_do_not_count() -> None:
    """Of random points; the distance is what the best of all starts gives, counted one by one."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.normal(0, 10, (2, 17, 2))
        other = np.roll(a[::-1], 5, axis=0) + rng.normal(0, 50, 2)
        assert apart(a, other) == pytest.approx(0, abs=1e-5)
        near = a - a.mean(axis=0), b - b.mean(axis=0)
        rings = (np.roll(ring, k, axis=0) for ring in (near[1], near[1][::-1]) for k in range(17))
        expected = min(np.sqrt(((near[0] - ring) ** 2).sum(axis=1).mean()) for ring in rings)
        assert apart(a, b) == pytest.approx(float(expected))
        assert apart(a, b[:-1]) == float("inf")


def test_candidates_miss_nothing() -> None:
    """All pairs whose points lie as near as the limit are among them; few others are."""
    rng = np.random.default_rng(2)
    outlines = []
    for k in range(60):
        points = circle(40, 40, rng.uniform(8, 20))[: 110 + k % 3] * rng.uniform(0.9, 1.1, 2)
        step = rng.normal(0, 1, points.shape)
        step -= step.mean(axis=0)
        outlines += [points, points + 7 + step * APART_PX / np.sqrt((step**2).sum(axis=1).mean())]
    found = {(i, j) for i, j in candidates([form(points) for points in outlines]).tolist()}
    assert {(2 * k, 2 * k + 1) for k in range(60)} <= found
    assert len(found) < 80
    assert all(i < j for i, j in found)
    assert candidates([]).shape == candidates([SMALL, SMALL]).shape == (0, 2)


@pytest.mark.parametrize("way", [(1.0, 0.0), (0.0, 1.0), (math.sqrt(0.5), math.sqrt(0.5))])
def test_no_outline_within_the_limit_is_missed(way: tuple[float, float]) -> None:
    """Stretched in one direction the spread there differs by all of the distance; that limits both steps."""
    points = circle(40, 40, 15) - 40
    stretch = np.outer(points @ way, way)
    stretch /= np.sqrt((stretch**2).sum(axis=1).mean())
    for px, one in ((0.9999 * APART_PX, True), (1.1 * APART_PX, False)):
        other = points + px * stretch
        assert apart(points, other) == pytest.approx(px, abs=1e-6)
        assert (len(candidates([form(points), form(other)])) == 1) == one
        assert ones([points, other + 9]) == ({(0, 1)} if one else set())


@pytest.mark.parametrize(("px", "one"), [(0.015, True), (0.03, False)])
def test_points_of_rounded_coordinates_are_the_same(px: float, one: bool) -> None:
    """Of hundredths of a pixel."""
    points = circle(40, 40, 15)
    step = np.random.default_rng(8).normal(0, 1, points.shape)
    step *= px / np.sqrt((step**2).sum(axis=1).mean())
    assert ones([points, points + step]) == ({(0, 1)} if one else set())


def test_small_outlines_are_not_looked_at() -> None:
    """Equal ones of a radius below 6 pixels are nothing."""
    assert form(circle(30, 30, 5.9)) == SMALL
    assert ones([circle(30, 30, 5.9), circle(50, 30, 5.9), circle(30, 30, 6.1), circle(50, 30, 6.1)]) == {(2, 3)}


def test_no_real_outline_is_another_one_moved(real: dict[str, Points]) -> None:
    """But for the nine that are another patient's as they are."""
    paths = list(real)
    found = {(paths[i], paths[j]) for i, j in ones(list(real.values()))}
    assert len(found) == 9
    assert all(np.array_equal(real[one], real[other]) for one, other in found)
    assert {(one.split("/")[1], other.split("/")[1]) for one, other in found} == {("SC-HF-I-1", "SC-HF-I-6")}


def test_real_outlines_that_were_moved_are_found(real: dict[str, Points]) -> None:
    """By any way, to hundredths of a pixel or back on their grid; with other points on the same outline none."""
    rng = np.random.default_rng(3)
    every = [points for points in real.values() if form(points) != SMALL]
    assert len(every) > 540
    for points in every[::3]:
        by = rng.uniform(-9, 9, 2)
        start = int(rng.integers(len(points)))
        again = np.round(np.roll(points[::-1], start, axis=0) + by, 2)
        regridded = np.round(2 * (points + by)) / 2
        resampled = equidistant(points, len(points), 0.5) + by
        assert ones([points, again, regridded, resampled]) == set(combinations(range(3), 2))


def test_forms_of_many_outlines_are_compared_quickly() -> None:
    """20,000 of 60 to 300 points, which come near each other as real ones do: a handful of candidates an outline."""
    rng = np.random.default_rng(4)
    numbers = rng.integers(60, 300, 20_000)
    spreads = numbers[:, None] * 0.08 + rng.normal(0, 0.6, (20_000, 3))
    forms = [Form(int(n), 0, 0, *map(float, some)) for n, some in zip(numbers, spreads, strict=True)]
    assert len(candidates(forms)) < 1000
