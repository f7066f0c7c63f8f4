"""How well an endocardial contour fits an image: blood inside, darker wall along the whole outside.

Two looks at the image, both as a share between -1 and 1 (the sum of differences over the sum of their magnitudes, 1 when
the image falls outwards everywhere along the contour): the edge itself, from just inside to just outside, and the whole
inside's mean against a band outside. Trabeculae and papillary muscles spoil the first, bright neighbours the second; a
contour in the wrong place spoils both. Where a band has blood inside and muscle outside both are 1 whatever the image's
contrast, so that no intensity enters a threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import polygon_area, signed_area
from cmrpipe.model import ImageRecord, Points

Image = npt.NDArray[np.generic]
Pixels = Callable[[ImageRecord], Image | None]
"""Gives an image's pixels, None where they cannot be read."""

OUTLINE = 64
"""Points at equal distances along a contour at which the image is looked at."""
BAND_PX = np.array([1.0, 2.0, 3.0])
"""Distances of the band outside."""
INSIDE = np.array([0.15, 0.35, 0.55, 0.75, 0.9])
"""Where the inside is looked at, as shares of the way from the centre to the contour; weighed by the area they stand for."""
EDGE_SHARE, EDGE_PX = 0.15, (1.0, 2.5)
"""Half width of the edge as a share of the contour's radius, and its limits in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A contour as the image is looked at along it: (64, 2) points and outward unit normals, x and y in pixels."""

    points: Points
    normals: Points
    radius: float


def outline(points: Points) -> Outline:
    """Equidistant points along a contour, smoothed by a pixel or so, and their outward normals."""
    closed = np.concatenate([points, points[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0, length[-1], OUTLINE, endpoint=False)
    even = np.column_stack([np.interp(at, length, closed[:, 0]), np.interp(at, length, closed[:, 1])])
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


def _share(falls: npt.NDArray[np.float64]) -> float:
    total = float(np.abs(falls).sum())
    return float(falls.sum()) / total if total > 0 else 0.0


def edge_places(line: Outline) -> tuple[Points, Points]:
    """Places just inside and just outside of a contour, (64, 2) each."""
    step = float(np.clip(EDGE_SHARE * line.radius, *EDGE_PX)) * line.normals
    return line.points - step, line.points + step


def fit(image: Image, points: Points) -> float:
    """Fit of an endocardial contour to an image, -1 to 1: mean of both looks, see the module's docstring.

    Parameters
    ----------
    image : (rows, columns), any numeric type, at least 2 x 2
    points : (n, 2) in pixel-centre coordinates from 0
    """
    line = outline(points)
    centre = line.points.mean(axis=0)
    inside = centre + INSIDE[:, None, None] * (line.points - centre)
    band = line.points + BAND_PX[:, None, None] * line.normals
    near, far, *rest = sample(image, np.concatenate([np.stack(edge_places(line)), inside, band]))
    blood = float(np.average(np.mean(rest[: len(INSIDE)], axis=1), weights=INSIDE))
    return (_share(near - far) + _share(blood - np.mean(rest[len(INSIDE) :], axis=0))) / 2


def shift_falls(image: Image, points: Points, reach: int) -> npt.NDArray[np.float64]:
    """How much the image falls along a contour that is moved by whole pixels.

    Returns
    -------
    (2 reach + 1, 2 reach + 1), shift along y then x from -reach, scaled to a largest magnitude of 1
    """
    near, far = edge_places(outline(points))
    steps = np.arange(-reach, reach + 1, dtype=np.float64)
    moves = np.stack(np.meshgrid(steps, steps), axis=-1)[:, :, None, :]
    falls = (sample(image, near + moves) - sample(image, far + moves)).mean(axis=2)
    return np.asarray(falls / max(float(np.abs(falls).max()), 1e-9))
