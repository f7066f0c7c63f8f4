"""Outlines that are another one moved: the same points in another place, whatever their start and direction.

A contour carried over from the next slice and nudged; one person's once more, with images that were cut. Two outlines
are one when they have as many points, and these lie `APART_PX` apart at most once their means lie on one another. Of
the 572 contours of the 30 real patients no others of as many points are nearer than 0.49 pixels, of 1,920 phantom
contours none nearer than 0.04.

Shape alone would not do. By their radii in 64 directions, outlines of different real patients come as near as 0.33
pixels among 103,711 pairs, phantoms' as near as 0.02, and a thousand patients have a thousand times as many pairs; an
outline with other points on it differs from itself by 0.05 to 0.25. Such a one, moved, is not seen.

Outlines are arrays (n, 2) without points repeated in a row, as `cmrpipe.geometry.canonical_outline` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cmrpipe.geometry import Indices, polygon_area
from cmrpipe.model import Points
from cmrpipe.raster import ranges

APART_PX = 0.02
"""Root mean square distance of points that are the same but for rounding to hundredths of a pixel, and more."""
LEAST_PX = 6.0
"""Radius of a circle of an outline's area below which it is not looked at, as 17 of the 572 are not: on a grid small
ones are soon equal. Of 1.1 million pairs of real shapes that were drawn on whole pixels 436 are with a radius of 3 to 4
pixels, 34 of 4 to 5, 2 of 5 to 6, 1 of 6 to 7, and none of 7 to 10."""
_DIGITS = 6


class Form(NamedTuple):
    """What is kept of an outline: its number of points (0 where it is too small), their mean, and how they spread.

    Spreads are standard deviations along x, along y and along the diagonal, pixels. Outlines whose points lie so far
    apart (root mean square, means on one another) differ in each of them by that at most: the triangle inequality.
    """

    points: int = 0
    x: float = 0.0
    y: float = 0.0
    wide: float = 0.0
    high: float = 0.0
    slant: float = 0.0


SMALL = Form()
"""Of an outline that is too small to be looked at."""


def form(points: Points) -> Form:
    """The form of an outline."""
    if polygon_area(points) < np.pi * LEAST_PX**2:
        return SMALL
    along = np.column_stack([points, points @ np.full(2, np.sqrt(0.5))])
    x, y, wide, high, slant = (round(float(value), _DIGITS) for value in (*points.mean(axis=0), *along.std(axis=0)))
    return Form(len(points), x, y, wide, high, slant)


def candidates(forms: Sequence[Form]) -> Indices:
    """Pairs of outlines (m, 2), the first before the second, that may be one: as many points, about equal spreads."""
    values = np.array(forms, dtype=np.float64).reshape(-1, len(Form._fields))
    looked = np.flatnonzero(values[:, 0] > 0)
    spreads = values[looked, 3:]
    limit = APART_PX + 10.0**-_DIGITS
    # numbers of points lie apart by more than any spread reaches, so that one axis parts them
    axis = values[looked, 0] * (spreads.max(initial=0.0) + 1) + spreads[:, 0]
    order = np.argsort(axis, kind="stable")
    upto = np.searchsorted(axis[order], axis[order] + limit, side="right")
    first, second = (order[k] for k in ranges(np.arange(1, len(order) + 1), upto))
    near = np.all(np.abs(spreads[first] - spreads[second]) <= limit, axis=1)
    return np.sort(np.column_stack([looked[first[near]], looked[second[near]]]), axis=1)


def apart(one: Points, other: Points) -> float:
    """Root mean square distance of two outlines' points, pixels, at the best start and direction, means on one another.

    The sum of products of all starts at once is a circular correlation, by the Fourier transform of x + iy. Infinite
    where the numbers of points differ.
    """
    if len(one) != len(other):
        return float("inf")
    a, b = (ring - ring.mean() for ring in (points @ np.array([1, 1j]) for points in (one, other)))
    spectrum = np.fft.fft(a)
    common = max(float(np.fft.ifft(spectrum * np.conj(np.fft.fft(ring))).real.max()) for ring in (b, b[::-1]))
    return float(np.sqrt(max(0.0, np.mean(np.abs(a) ** 2 + np.abs(b) ** 2) - 2 * common / len(a))))
