"""Measures of closed polygons and of pairs of them, and the label image made from an endocardium and an epicardium.

Points are (n, 2) float64, x = column and y = row, in pixels, pixel centres at integers from 0; a polygon closes itself.
Lengths and areas are in pixels and square pixels unless a `spacing_mm` (between rows, between columns) is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cmrpipe.model import Label, Points
from cmrpipe.raster import area_mask, following, ranges

Spacing: TypeAlias = tuple[float, float]
"""(between rows, between columns), mm: the order of the DICOM tag PixelSpacing."""

Floats: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.intp]

PIXELS: Spacing = (1.0, 1.0)
"""The spacing that leaves lengths in pixels."""

NO_AREA = 1e-12
"""Square pixels; a polygon with less has no centroid of its own, and the mean of its points stands in."""

_PAIRS = 1 << 20
"""So many pairs of edges, or of points and edges, are compared at a time: memory does not go with their number."""


def scaled(points: Points, spacing_mm: Spacing) -> Points:
    """Points in millimetres, (x, y), from points in pixels."""
    return np.column_stack([points[:, 0] * spacing_mm[1], points[:, 1] * spacing_mm[0]])


def signed_area(points: Points) -> float:
    """Area by the shoelace formula; positive when the points run clockwise as seen on the screen (y down)."""
    near = points - points[:1]  # keeps the products small far away from the origin
    after = following(near)
    return float(np.sum(near[:, 0] * after[:, 1] - after[:, 0] * near[:, 1]) / 2)


def polygon_area(points: Points, spacing_mm: Spacing = PIXELS) -> float:
    """Enclosed area, never negative; square pixels, or mm² with a spacing."""
    return abs(signed_area(points)) * spacing_mm[0] * spacing_mm[1]


def equidistant(points: Points, count: int, start: float = 0.0) -> Points:
    """Points (count, 2) evenly spaced along a closed polygon (n, 2), the first `start` steps after its first point."""
    closed = np.concatenate([points, points[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0, length[-1], count, endpoint=False) + start * length[-1] / count
    return np.column_stack([np.interp(at, length, closed[:, 0]), np.interp(at, length, closed[:, 1])])


def centroid(points: Points) -> tuple[float, float]:
    """Centre of the enclosed area, (x, y) in pixels."""
    near = points - points[:1]
    after = following(near)
    cross = near[:, 0] * after[:, 1] - after[:, 0] * near[:, 1]
    total = float(cross.sum())
    if abs(total) < NO_AREA:
        x, y = points.mean(axis=0)
    else:
        x, y = points[0] + ((near + after) * cross[:, None]).sum(axis=0) / (3 * total)
    return float(x), float(y)


def self_intersections(points: Points) -> int:
    """Number of pairs of edges, not neighbours of one another, that cross.

    Edges that only touch do not count: an outline traced on a grid may pass through one point twice. A crossing that
    falls exactly on a vertex is recognised by the sides on which the outline arrives and leaves.
    """
    points = points[np.any(points != following(points), axis=1)]
    return sum(_crossings(points, i, j) for i, j in _near_edges(points))


def _near_edges(points: Points) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of edges, not neighbours of one another, whose bounding boxes overlap, some at a time: there may be n²."""
    n = len(points)
    if n < 4:  # a triangle's edges are all neighbours
        return
    start, end = points, following(points)
    low, high = np.minimum(start, end), np.maximum(start, end)
    order = np.argsort(low[:, 0], kind="stable")  # only edges that overlap along x are compared
    first, reach = np.arange(1, n + 1), np.searchsorted(low[order, 0], high[order, 0], side="right")
    batch = np.cumsum(reach - first) // _PAIRS
    for at, until in pairwise([0, *(np.flatnonzero(np.diff(batch)) + 1).tolist(), n]):
        edge, other = ranges(first[at:until], reach[at:until])
        i, j = order[at + edge], order[other]
        overlap = (low[i, 1] <= high[j, 1]) & (low[j, 1] <= high[i, 1])
        near = overlap & ~np.isin(np.abs(i - j), (1, n - 1))
        yield i[near], j[near]


def _crossings(points: Points, i: Indices, j: Indices) -> int:
    """Pairs of edges that cross, among candidates: whose ends lie on both sides of each other, or at a vertex."""
    start, end = points, following(points)
    of_i, of_j = _side(start[i], end[i], start[j]), _side(start[j], end[j], start[i])
    across = (of_i * _side(start[i], end[i], end[j]) < 0) & (of_j * _side(start[j], end[j], end[i]) < 0)
    edges = np.concatenate([i[of_i == 0], j[of_j == 0]])
    vertices = np.concatenate([j[of_i == 0], i[of_j == 0]])
    return int(across.sum()) + _crossings_at_vertices(points, edges, vertices)


def rounds(points: Points) -> int:
    """How often an outline runs over the same points: 2 where they were written twice, else 1."""
    points = points[np.any(points != following(points), axis=1)]
    n = len(points)
    periods = (n // k for k in range(n // 3, 1, -1) if n % k == 0)
    return next((n // period for period in periods if np.array_equal(points[period:], points[:-period])), 1)


def canonical_outline(points: Points) -> Points:
    """The same closed outline with a start point and a direction that follow from its points alone.

    Outlines that differ in where they start, in which way they run, or in points repeated in a row (a closing point,
    say) give equal arrays; others do not.

    Parameters
    ----------
    points : (n, 2), n >= 1

    Returns
    -------
    (m, 2), 1 <= m <= n, the same points: of all starts and both directions the first in the order of x, then y
    """
    kept = points[np.any(points != following(points), axis=1)]
    places, ranks = np.unique((kept if len(kept) else points[:1]) + 0.0, axis=0, return_inverse=True)  # no -0.0
    forward: list[int] = ranks.ravel().tolist()
    starts = ((ring, _least_rotation(ring)) for ring in (forward, forward[::-1]))
    return np.asarray(places[min(ring[start:] + ring[:start] for ring, start in starts)])


def _least_rotation(ring: list[int]) -> int:
    """Where a ring of numbers has to start to come first in dictionary order, in time proportional to its length."""
    n = len(ring)
    i, j, equal = 0, 1, 0
    while max(i, j, equal) < n:
        a, b = ring[(i + equal) % n], ring[(j + equal) % n]
        if a == b:
            equal += 1
            continue
        if a > b:
            i += equal + 1
        else:
            j += equal + 1
        if i == j:
            j += 1
        equal = 0
    return min(i, j)


def _side(start: Points, end: Points, point: Points) -> Floats:
    """Sign of the side of the directed line start → end on which a point lies; 0 on the line."""
    along, to = end - start, point - start
    return np.sign(along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0])


def _crossings_at_vertices(points: Points, edges: Indices, vertices: Indices) -> int:
    """Crossings where a vertex lies on another edge or on another vertex, among those that lie on an edge's line."""
    n = len(points)
    found: set[tuple[int, int]] = set()
    for edge, other in zip(edges.tolist(), vertices.tolist(), strict=True):
        a, b, vertex = points[edge], points[(edge + 1) % n], points[other]
        ab, av = b - a, vertex - a
        if not 0 <= float(ab @ av) < float(ab @ ab):
            continue
        before = points[edge - 1] if np.array_equal(vertex, a) else a
        arm_in, arm_out = before - vertex, b - vertex
        sides = [_in_sector(arm_in, arm_out, points[k % n] - vertex) for k in (other - 1, other + 1)]
        if sides[0] * sides[1] < 0:
            at_vertex = np.array_equal(vertex, a)
            found.add((min(edge, other), max(edge, other)) if at_vertex else (edge, other))
    return len(found)


def _in_sector(arm_in: Floats, arm_out: Floats, arm: Floats) -> int:
    """Whether an arm from a corner points between `arm_out` and `arm_in` (1), not between (-1), or along one (0)."""
    turn = 2 * np.pi
    base = float(np.arctan2(arm_out[1], arm_out[0]))
    wide = (float(np.arctan2(arm_in[1], arm_in[0])) - base) % turn
    here = (float(np.arctan2(arm[1], arm[0])) - base) % turn
    if here in (0.0, wide):
        return 0
    return 1 if here < wide else -1


def contains_points(polygon: Points, points: Points) -> npt.NDArray[np.bool_]:
    """Whether each of (m, 2) points lies inside a polygon, by the even-odd rule; on the border, either answer."""
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order, 0], points[order, 1]
    after = following(polygon)
    first = np.searchsorted(y, np.minimum(polygon[:, 1], after[:, 1]), side="left")
    last = np.searchsorted(y, np.maximum(polygon[:, 1], after[:, 1]), side="left")
    edge, k = ranges(first, last)  # edges that pass the point's height, none of them level
    a, b = polygon[edge], after[edge]
    crossing = a[:, 0] + (y[k] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    inside = np.empty(len(points), dtype=np.bool_)
    inside[order] = np.bincount(k[x[k] < crossing], minlength=len(points)) % 2 == 1
    return inside


def distances(points: Points, polygon: Points) -> Floats:
    """Shortest distance of each of (m, 2) points to a polygon's outline, (m,)."""
    if len(points) == 0:
        return np.zeros(0)
    some = max(1, _PAIRS // len(polygon))
    if len(points) > some:
        return np.concatenate([distances(points[at : at + some], polygon) for at in range(0, len(points), some)])
    edges = following(polygon) - polygon
    length = np.hypot(edges[:, 0], edges[:, 1])
    to_start = np.sqrt((points[:, :1] - polygon[:, 0]) ** 2 + (points[:, 1:] - polygon[:, 1]) ** 2)
    # no point of an edge is nearer than its start by more than its length
    k, edge = np.nonzero(to_start - length <= to_start.min(axis=1, keepdims=True))
    to, along = points[k] - polygon[edge], edges[edge]
    t = np.clip((to * along).sum(axis=1) / np.where(length > 0, length**2, 1.0)[edge], 0.0, 1.0)
    gap = to - t[:, None] * along
    starts = np.searchsorted(k, np.arange(len(points)))
    return np.asarray(np.minimum.reduceat(np.hypot(gap[:, 0], gap[:, 1]), starts))


def protrusion(inner: Points, outer: Points) -> float:
    """How far the inner polygon's points reach out of the outer one, pixels; 0 when all lie inside or on it."""
    outside = inner[~contains_points(outer, inner)]
    return float(distances(outside, outer).max()) if len(outside) else 0.0


@dataclass(frozen=True, slots=True)
class Wall:
    """Thickness between two borders, mm; `minimum_mm` is negative where the inner border leaves the outer one."""

    mean_mm: float
    minimum_mm: float


def wall_thickness(endo: Points, epi: Points, spacing_mm: Spacing) -> Wall:
    """Thickness of the myocardium between endocardium and epicardium.

    Every border's points see the other border at some shortest distance. The minimum is the smallest of these, exact
    for polygons that do not cross; the mean weighs each point with its share of its border's length and averages both
    directions, so that neither border's curvature nor its density of points decides.
    """
    inner, outer = scaled(endo, spacing_mm), scaled(epi, spacing_mm)
    from_inner = np.where(contains_points(outer, inner), 1.0, -1.0) * distances(inner, outer)
    from_outer = np.where(contains_points(inner, outer), -1.0, 1.0) * distances(outer, inner)
    mean = (np.average(from_inner, weights=_share(inner)) + np.average(from_outer, weights=_share(outer))) / 2
    return Wall(float(mean), float(min(from_inner.min(), from_outer.min())))


def _share(points: Points) -> Floats:
    """Length of outline nearest to each point: half of both its edges; equal shares when there is no length."""
    steps = following(points) - points
    length = np.hypot(steps[:, 0], steps[:, 1])
    share = (length + np.roll(length, 1)) / 2
    return share if share.sum() > 0 else np.ones(len(points))


def label_image(endo: Points | None, epi: Points | None, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Label image of one slice: 0 background, 1 cavity, 2 myocardium.

    The myocardium is what lies inside the epicardium and outside the cavity, and is known only where both borders are:
    an endocardium alone gives the cavity, an epicardium alone gives nothing.

    Parameters
    ----------
    endo, epi : (n, 2) points in pixels, or None when not drawn
    shape : (rows, columns)

    Returns
    -------
    (rows, columns) uint8
    """
    label = np.full(shape, Label.BACKGROUND, dtype=np.uint8)
    if endo is None:
        return label
    if epi is not None:
        label[area_mask(epi, shape)] = Label.MYOCARDIUM
    label[area_mask(endo, shape)] = Label.CAVITY
    return label
