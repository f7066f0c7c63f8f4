"""How well an endocardial contour fits an image: blood inside, darker wall along the whole outside.

Two looks at the image, both as a share between -1 and 1 (the sum of differences over the sum of their magnitudes: 1
when the image falls outwards everywhere along the contour): the edge itself, from just inside to just outside, and the
whole inside's mean against a band outside. Trabeculae and papillary muscles spoil the first, bright neighbours the
second; a contour in the wrong place spoils both. With blood inside and muscle outside both are 1 whatever the image's
contrast, so that no intensity enters a threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import equidistant, polygon_area, signed_area
from cmrpipe.model import ImageRecord, Points

Image = npt.NDArray[np.generic]
Pixels = Callable[[ImageRecord], Image | None]
"""Gives an image's pixels, None where they cannot be read."""

OUTLINE = 64
"""Points at equal distances along a contour at which the image is looked at."""
BAND_PX = np.array([1.0, 2.0, 3.0])
"""Distances of the band outside."""
INSIDE = np.array([0.15, 0.35, 0.55, 0.75, 0.9])
"""Where the inside is looked at, in shares of the way from centre to contour; weighed by the area they stand for."""
SMALLEST_IMAGE = 8
"""Rows and columns below which an image is not looked at."""
EDGE_SHARE, EDGE_PX = 0.15, (1.0, 2.5)
"""Half width of the edge as a share of the contour's radius, and its limits in pixels."""


def inside(points: Points, shape: tuple[int, ...]) -> bool:
    """Whether an image of (rows, columns) is large enough to be looked at, and a contour in it, up to half a pixel."""
    if min(shape) < SMALLEST_IMAGE:
        return False
    return bool((points >= -0.5).all() and (points <= np.array([shape[1], shape[0]]) - 0.5).all())


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A contour as the image is looked at along it: (64, 2) points and outward unit normals, x and y in pixels."""

    points: Points
    normals: Points
    radius: float


def outline(points: Points) -> Outline:
    """Equidistant points along a contour, smoothed by a pixel or so, and their outward normals."""
    even = equidistant(points, OUTLINE)
    for _ in range(2):
        even = (np.roll(even, 1, axis=0) + 2 * even + np.roll(even, -1, axis=0)) / 4
    along = np.roll(even, -2, axis=0) - np.roll(even, 2, axis=0)
    normals = np.column_stack([along[:, 1], -along[:, 0]])
    if signed_area(even) < 0:
        normals = -normals
    normals /= np.maximum(np.hypot(normals[:, 0], normals[:, 1]), 1e-9)[:, None]
    return Outline(even, normals, float(np.sqrt(polygon_area(points) / np.pi)))


def sample(image: Image, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Bilinear values of a (rows, columns) image at (..., 2) places; outside, those of its border."""
    rows, columns = image.shape
    x = np.clip(places[..., 0], 0, columns - 1.001)
    y = np.clip(places[..., 1], 0, rows - 1.001)
    j, i = x.astype(np.intp), y.astype(np.intp)
    fx, fy = x - j, y - i
    flat = image.ravel()
    at = i * columns + j
    upper = flat[at] * (1 - fx) + flat[at + 1] * fx
    lower = flat[at + columns] * (1 - fx) + flat[at + columns + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, dtype=np.float64)


def _share(falls: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum over sum of magnitudes, along the last axis; 0 where nothing changes."""
    total = np.abs(falls).sum(axis=-1)
    return np.asarray(falls.sum(axis=-1) / np.where(total > 0, total, 1.0))


def _places(line: Outline) -> npt.NDArray[np.float64]:
    """Where the image is looked at, (10, 64, 2): just inside, just outside, five lines inside, three of the band."""
    step = float(np.clip(EDGE_SHARE * line.radius, *EDGE_PX)) * line.normals
    centre = line.points.mean(axis=0)
    inside = centre + INSIDE[:, None, None] * (line.points - centre)
    band = line.points + BAND_PX[:, None, None] * line.normals
    return np.concatenate([[line.points - step, line.points + step], inside, band])


def _fits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fits from values at `_places`, (..., 10, 64) to (...)."""
    last = 2 + len(INSIDE)
    blood = np.average(values[..., 2:last, :].mean(axis=-1), axis=-1, weights=INSIDE)
    edge = _share(values[..., 0, :] - values[..., 1, :])
    return np.asarray((edge + _share(blood[..., None] - values[..., last:, :].mean(axis=-2))) / 2)


def fit(image: Image, points: Points) -> float:
    """Fit of an endocardial contour to an image, -1 to 1: mean of both looks, see the module's docstring.

    Parameters
    ----------
    image : (rows, columns), any numeric type, at least 2 x 2
    points : (n, 2) in pixel-centre coordinates from 0
    """
    return float(_fits(sample(image, _places(outline(points)))))


def shifted_fits(image: Image, points: Points, moves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fits of a contour that is moved, (m,); `moves` are (m, 2) shifts along x and y in pixels."""
    return _fits(sample(image, _places(outline(points)) + moves[:, None, None, :]))
