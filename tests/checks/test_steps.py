"""How a contour's points follow one another: lost, jutting out, too few."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from cmrpipe.checks.contours import check_shape
from cmrpipe.checks.steps import rounding_share
from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import equidistant, polygon_area
from cmrpipe.model import Contour, ContourKind, ContourRecord, Finding, Mask, Points
from cmrpipe.params import ValidateParams
from cmrpipe.raster import area_mask
from tests.checks.drawn import circle
from tests.checks.traced import traced


def told(points: Points) -> list[Finding]:
    """What the checks of shape say of a contour."""
    record = ContourRecord("contourfiles/A/i-contours/1.txt", "", 1, "A", 1, ContourKind.ENDO, points)
    return list(check_shape(record, Contour(ContourKind.ENDO, points), None, "P", ValidateParams()))


def codes(points: Points) -> list[Code]:
    """Their codes."""
    return [found.code for found in told(points)]


def share(many: Iterable[Points], code: Code) -> float:
    """How many of several contours are told so."""
    return float(np.mean([code in codes(points) for points in many]))


@pytest.fixture(scope="module")
def real(shared_data: Path) -> list[Points]:
    """The outlines of the 30 real patients, each content once."""
    return list({points.tobytes(): points for points in traced(shared_data).values()}.values())


def large(real: list[Points], radius: float) -> Iterator[Points]:
    """Those that are not smaller than a circle of so many pixels."""
    return (points for points in real if polygon_area(points) >= np.pi * radius**2)


def lose(points: Points, part: float, rng: np.random.Generator) -> Points:
    """Without some of its points in a row, in the middle of the file."""
    kept = np.roll(points, int(rng.integers(len(points))), axis=0)[int(part * len(points)) :]
    return np.roll(kept, len(kept) // 2, axis=0)


def stray(points: Points, pixels: float, rng: np.random.Generator) -> Points:
    """One coordinate of one point is so many pixels off."""
    wrong = points.copy()
    wrong[int(rng.integers(len(points))), int(rng.integers(2))] += pixels * float(rng.choice((-1, 1)))
    return wrong


def corners(points: Points) -> Points:
    """An outline traced on a grid without the points in the midst of straight runs."""
    points = points[np.any(points != np.roll(points, -1, axis=0), axis=1)]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    return np.asarray(points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]])


def clicked(points: Points, count: int, rng: np.random.Generator) -> Points:
    """Points at uneven steps along an outline."""
    at = np.cumsum(rng.gamma(4.0, size=count))
    return np.asarray(equidistant(points, 1000)[(999 * at / at[-1]).astype(int)])


def test_real_contours_are_whole(real: list[Points]) -> None:
    """All 563 of them, whatever their size."""
    assert len(real) == 563
    assert [found.message for points in real for found in told(points)] == []


@pytest.mark.parametrize(("part", "least"), [(0.1, 0.95), (0.2, 0.99)])
def test_points_lost_in_the_middle_are_told(real: list[Points], part: float, least: float) -> None:
    """From a tenth of the outline on."""
    rng = np.random.default_rng(1)
    assert share((lose(points, part, rng) for points in large(real, 3)), Code.CONTOUR_OPEN) >= least


def test_the_gap_is_named_with_its_place() -> None:
    """In the middle of the file by the point before it, at the end as the ends."""
    points = circle(50, 50, 15)
    (found,) = told(np.roll(points[30:], 20, axis=0))
    assert (
        "is open: after x 65.0, y 49.2 (from 0) two points are 21.8 pixels apart, its other points up to 0.79."
        in found.message
    )
    (found,) = told(points[30:])
    assert "is open: its ends are 21.8 pixels apart, its other points up to 0.79." in found.message


@pytest.mark.parametrize(("pixels", "least"), [(6, 0.98), (10, 1.0), (20, 1.0)])
def test_a_wrong_digit_is_told(real: list[Points], pixels: float, least: float) -> None:
    """As a spike, or where it makes the outline cross itself as that."""
    rng = np.random.default_rng(2)
    found = [codes(stray(points, pixels, rng)) for points in large(real, 3)]
    spikes = sum(some == [Code.CONTOUR_SPIKE] for some in found)
    assert spikes + sum(some == [Code.CONTOUR_SELF_INTERSECTING] for some in found) >= least * len(found)
    assert spikes >= 0.8 * len(found)


def test_a_spike_is_no_gap_and_a_lone_point_no_spike() -> None:
    """What juts out is told by its place; a point of the outline that stands alone amidst lost ones is in order."""
    points = circle(50, 50, 15)
    wrong = points.copy()
    wrong[30, 1] += 12
    (found,) = told(wrong)
    assert found.code is Code.CONTOUR_SPIKE
    assert "has a point that juts out by 12.0 pixels, at x 50.0, y 77.0 counted from 0." in found.message
    alone = np.concatenate([points[:10], points[25:26], points[40:]])
    assert codes(alone) == [Code.CONTOUR_OPEN]


def sides(step: float = 0.5, side: float = 40.0) -> Points:
    """A square, traced at even steps from its corner at the origin along x."""
    along = np.arange(0, side, step)
    none = np.zeros_like(along)
    ways = [(along, none), (none + side, along), (side - along, none + side), (none, side - along)]
    return np.concatenate([np.column_stack(way) for way in ways]) + 20


def jutting(step: float, detour: float) -> Points:
    """One of its points stands out of a side, `step` from both its neighbours, which are `detour` times less apart."""
    points, half = sides(), step / detour
    off = np.abs(points - [40, 20])
    points = points[(off[:, 0] >= half) | (off[:, 1] > 0)]
    at = int(np.flatnonzero((points[:, 0] > 40) & (points[:, 1] == 20))[0])
    ends = np.array([[40 - half, 20], [40, 20 - np.sqrt(step**2 - half**2)], [40 + half, 20]])
    return np.insert(points, at, ends, axis=0)


@pytest.mark.parametrize(("detour", "spike"), [(1.4, False), (1.8, False), (2.5, True)])
def test_a_point_juts_out_where_the_way_over_it_is_a_detour(detour: float, spike: bool) -> None:
    """Twice as long as past it; a corner is none, however long its two steps."""
    found = told(jutting(2.5, detour))
    assert [f.code for f in found] == [Code.CONTOUR_SPIKE] * spike
    assert all(f.evidence["out_px"] == pytest.approx(2.5) and f.evidence["step_px"] == 0.5 for f in found)


def test_of_the_two_steps_over_a_spike_the_shorter_counts() -> None:
    """That is how far it stands out at least."""
    points = sides()
    at = int(np.flatnonzero((points == [40, 20]).all(axis=1))[0])
    points[at] = 40, 16
    (found,) = told(np.delete(points, range(at + 1, at + 6), axis=0))
    assert found.code is Code.CONTOUR_SPIKE
    assert found.evidence["out_px"] == pytest.approx(np.hypot(4, 0.5), abs=1e-3)


@pytest.mark.parametrize(("lost", "gap"), [(20, False), (32, True)])
def test_a_gap_is_a_part_of_the_outline(lost: int, gap: bool) -> None:
    """A twelfth of it: what a smaller one cuts off is next to nothing, however short the other steps are."""
    assert codes(np.roll(np.delete(sides(), range(10, 9 + lost), axis=0), 50, axis=0)) == [Code.CONTOUR_OPEN] * gap


@pytest.mark.parametrize(("radius", "coarse"), [(1.9, False), (2.1, True)])
def test_points_a_pixel_apart_were_traced(radius: float, coarse: bool) -> None:
    """Of eight points 1.45 pixels apart the outline of a few pixels may be made, of such 1.6 pixels apart not."""
    assert (Code.CONTOUR_COARSE in codes(equidistant(circle(30, 30, radius), 8))) == coarse


@pytest.mark.parametrize(("side", "coarse"), [(3.5, False), (5.0, True)])
def test_a_polygon_of_long_sides_is_no_outline_of_pixels(side: float, coarse: bool) -> None:
    """Though they run along rows, columns and diagonals: straight runs of a few pixels do."""
    leg = side / math.sqrt(2)
    turns = [(side, 0), (leg, leg), (0, side), (-leg, leg), (-side, 0), (-leg, -leg), (0, -side), (leg, -leg)]
    assert codes(np.cumsum(turns, axis=0) + 30) == [Code.CONTOUR_COARSE] * coarse


def test_control_points_are_told_with_what_is_lost() -> None:
    """As a share of the curve's area; either way round, and however often each is written."""
    points = equidistant(circle(50, 50, 20), 8)
    for same in (points, points[::-1], points.repeat(2, axis=0)):
        (found,) = told(same)
        assert (found.code, found.evidence["points"]) == (Code.CONTOUR_COARSE, 8)
        lost = rounding_share(points)
        assert found.evidence["lost_share"] == pytest.approx(lost / (1 + lost), abs=1e-5)
        assert found.evidence["area_px"] == pytest.approx(polygon_area(points), abs=0.01)
        assert found.evidence["step_px"] == pytest.approx(np.linalg.norm(points[1] - points[0]), abs=1e-3)


@pytest.mark.parametrize("count", [6, 8, 12, 16, 20])
def test_control_points_are_told(real: list[Points], count: int) -> None:
    """Of all contours that are larger than 5 pixels."""
    several = [equidistant(points, count, 0.3) for points in large(real, 5)]
    assert len(several) > 500
    assert share(several, Code.CONTOUR_COARSE) == 1.0


def test_corners_alone_and_clicked_outlines_are_whole(real: list[Points]) -> None:
    """Neither open nor with a spike: without the points of straight runs; 24 points at uneven steps."""
    rng = np.random.default_rng(3)
    for points in large(real, 3):
        for other in (corners(points), clicked(points, 24, rng)):
            assert not {Code.CONTOUR_OPEN, Code.CONTOUR_SPIKE} & set(codes(other))


def test_many_clicked_points_are_enough(real: list[Points]) -> None:
    """40 at uneven steps are no control points, nor are corners, but for some of the smallest."""
    rng = np.random.default_rng(4)
    assert share((clicked(points, 40, rng) for points in large(real, 3)), Code.CONTOUR_COARSE) == 0.0
    assert share(map(corners, large(real, 3)), Code.CONTOUR_COARSE) < 0.01


def of_mask(mask: Mask, along: str) -> Points:
    """The corners of a mask's outline, along the centres of its pixels or their edges."""
    times = 2 if along == "edges" else 1  # no diagonal is left then
    drawn = mask.astype(np.uint8).repeat(times, axis=0).repeat(times, axis=1)
    found, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(max(found, key=cv2.contourArea)[:, 0] / times)


@pytest.mark.parametrize("along", ["centres", "edges"])
@pytest.mark.parametrize(("times", "radius"), [(1.0, 3), (2.0, 7)])
def test_outlines_of_masks_are_whole(real: list[Points], times: float, radius: float, along: str) -> None:
    """With their corners alone, also where they were drawn on a matrix half as large."""
    for points in list(large(real, radius))[::3]:
        found = codes(times * of_mask(area_mask(points, (256, 256)), along))
        assert not {Code.CONTOUR_OPEN, Code.CONTOUR_COARSE} & set(found)


def test_a_flat_side_of_a_mask_is_no_gap() -> None:
    """Of corners alone, however long beside the others; with one end of that side lost it is one."""
    mask = area_mask(circle(50, 50, 40), (96, 96))
    mask[:40] = False
    points = of_mask(mask, "edges")
    steps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    assert codes(points) == []
    assert codes(np.delete(points, int(steps.argmax()), axis=0)) == [Code.CONTOUR_OPEN]
    off = np.random.default_rng(6).choice((-1, 1), points.shape)
    assert codes(points + 0.005 * off) == [], "rounded to hundredths"
    assert Code.CONTOUR_OPEN in codes(points + 0.15 * off), "along no row"


def test_a_gap_in_a_masks_outline_of_all_its_pixels_is_told() -> None:
    """Steps that go on straight ahead are not corners, rounded or not."""
    mask = area_mask(circle(50, 50, 30), (96, 96)).astype(np.uint8)
    (outline,), _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    lost = outline[30:, 0].astype(np.float64)
    off = np.random.default_rng(7).choice((-1, 1), lost.shape)
    assert codes(lost) == codes(lost + 0.005 * off) == [Code.CONTOUR_OPEN]


@pytest.mark.parametrize("count", [8, 13, 40])
def test_the_curve_through_points_of_a_circle_is_nearly_the_circle(count: int) -> None:
    """So what it gains is what a polygon of so many corners lacks; either way round."""
    angle = 2 * np.pi * np.arange(count) / count
    points = 20 * np.column_stack([np.cos(angle), np.sin(angle)]) + 50
    lacks = np.pi * 20**2 / polygon_area(points) - 1
    assert rounding_share(points) == pytest.approx(lacks, rel=0.2)
    assert rounding_share(points[::-1]) == pytest.approx(rounding_share(points))


def catmull_rom(points: Points, each: int) -> Points:
    """Points on the curve, from its usual matrix."""
    before, here, after, later = (np.roll(points, k, axis=0)[:, None] for k in (1, 0, -1, -2))
    t = (np.arange(each) / each)[None, :, None]
    curve = 2 * here + (after - before) * t + (2 * before - 5 * here + 4 * after - later) * t**2
    return np.asarray((curve + (3 * here - before - 3 * after + later) * t**3) / 2).reshape(-1, 2)


@pytest.mark.parametrize("way", [np.asarray, np.flip], ids=["as they are", "flipped"])
def test_the_gain_is_the_curves_area(way: Callable[[Points], Points]) -> None:
    """Of random outlines, against the area of many points on the curve."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 12))
        points = way(rng.uniform(8, 12, 12)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))
        area = polygon_area(catmull_rom(points, 400))
        assert rounding_share(points) == pytest.approx(area / polygon_area(points) - 1, abs=1e-4)
