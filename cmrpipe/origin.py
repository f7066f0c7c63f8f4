"""Which shift makes endocardial contours fit the edges of their images best: a measurement of the declared origin.

Blood is brighter than myocardium, so across the true border the image falls off outwards. How much it falls along a
whole contour is the flux of its gradient, which by Gauss's theorem is the sum of its Laplacian over the enclosed
pixels. That sum, for the contour moved by whole pixels, is a correlation of two small arrays: the contour's exact
pixel coverage and the negative Laplacian. Its highest point, refined between pixels by a paraboloid, is the shift that
fits best.

One contour says little: papillary muscles, trabeculae and the expert's hand move its peak by a pixel either way. So the
responses are added up over a patient's contours, and over the patients of a set, each with the same weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cmrpipe.model import Points
from cmrpipe.raster import area_coverage

REACH = 4
"""Largest shift looked at, in whole pixels either way, along x and y."""

CONFIDENCE = 3.0
"""A shift below this many standard errors is no disagreement."""

Response: TypeAlias = npt.NDArray[np.float64]
"""(2 REACH + 1, 2 REACH + 1) float64, shift along y then x from -REACH; at most 1; higher fits better."""

_MOVES = np.argwhere(np.ones((2 * REACH + 1, 2 * REACH + 1), dtype=np.bool_))
"""All shifts as (row, column) into the part of the image around the contour, in the response's order."""

_OFFSETS = np.arange(-1, 2, dtype=np.float64)
_X, _Y = (grid.ravel() for grid in np.meshgrid(_OFFSETS, _OFFSETS))
_PARABOLOID = np.linalg.pinv(np.column_stack([np.ones(9), _X, _Y, _X**2, _X * _Y, _Y**2]))
"""Least-squares coefficients of a paraboloid through 3 x 3 values, row by row."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The shift that fits best, pixels, to be added to the contours' coordinates, with its standard errors.

    Attributes
    ----------
    x, y : along the columns and the rows
    error_x, error_y : standard errors (jackknife over contours or patients); infinite when there is only one
    contours, patients : number of contours, and of patients, that it was measured on
    """

    x: float
    y: float
    error_x: float
    error_y: float
    contours: int
    patients: int = 1


def edge_response(image: npt.NDArray[np.generic], points: Points) -> Response | None:
    """How well an endocardial contour fits the edges of its image when it is moved by whole pixels.

    Parameters
    ----------
    image : (rows, columns), any numeric type
    points : (n, 2) contour in pixel-centre coordinates from 0, the declared origin taken off

    Returns
    -------
    the response, scaled so that its largest magnitude is 1; None where the contour, moved about, leaves the image or
    nothing changes along it
    """
    margin = REACH + 1  # the Laplacian needs a pixel more
    left, top = np.floor(points.min(axis=0)).astype(int) - 1
    right, bottom = np.ceil(points.max(axis=0)).astype(int) + 2
    rows, columns = image.shape
    if top < margin or left < margin or bottom + margin > rows or right + margin > columns:
        return None
    coverage = area_coverage(points - (left, top), (bottom - top, right - left))
    near = image[top - margin : bottom + margin, left - margin : right + margin].astype(np.float64)
    fall = 4 * near[1:-1, 1:-1] - near[:-2, 1:-1] - near[2:, 1:-1] - near[1:-1, :-2] - near[1:-1, 2:]
    # coverage changes at the border only: its sum with `fall` is that of its steps with the sums of `fall` to the right
    to_the_right = np.cumsum(np.pad(fall, ((0, 0), (0, 1)))[:, ::-1], axis=1)[:, ::-1]
    steps = np.diff(coverage, axis=1, prepend=0.0, append=0.0)
    row, column = np.nonzero(steps)
    width = to_the_right.shape[1]
    places = (row * width + column) + _MOVES[:, :1] * width + _MOVES[:, 1:]
    response = (to_the_right.ravel()[places] @ steps[row, column]).reshape(2 * REACH + 1, 2 * REACH + 1)
    largest = float(np.abs(response).max())
    return response / largest if largest > 0 else None


def peak(response: Response) -> tuple[float, float] | None:
    """Shift (x, y) in pixels of the highest point, refined by a paraboloid; None at the border of the response."""
    row, column = np.unravel_index(int(response.argmax()), response.shape)
    if not (0 < row < 2 * REACH and 0 < column < 2 * REACH):
        return None
    _, bx, by, axx, axy, ayy = _PARABOLOID @ response[row - 1 : row + 2, column - 1 : column + 2].ravel()
    determinant = 4 * axx * ayy - axy**2
    if axx >= 0 or determinant <= 0:  # a ridge, not a top
        return None
    x, y = (axy * by - 2 * ayy * bx) / determinant, (axy * bx - 2 * axx * by) / determinant
    return float(column - REACH + np.clip(x, -1, 1)), float(row - REACH + np.clip(y, -1, 1))


def patient_shift(responses: Sequence[Response]) -> Shift | None:
    """The shift of one patient's contours, with its standard error over contours; None when none fits best."""
    return _jackknife(responses, len(responses), 1)


def set_shift(by_patient: Mapping[str, Sequence[Response]]) -> Shift | None:
    """The shift of a whole set, each patient with the same weight, with its standard error over patients."""
    means = [np.mean(responses, axis=0) for _, responses in sorted(by_patient.items()) if len(responses)]
    return _jackknife(means, sum(map(len, by_patient.values())), len(means))


def _jackknife(parts: Sequence[Response], contours: int, patients: int) -> Shift | None:
    """Peak of the sum, and its standard error from leaving out each part in turn (Efron and Stein 1981)."""
    if not parts:
        return None
    total = np.sum(parts, axis=0)
    whole = peak(total)
    if whole is None:
        return None
    others = [peak(total - part) for part in parts]
    found = np.array([other for other in others if other is not None])
    if len(found) < len(parts):  # a shift that one part decides is not known
        return Shift(*whole, np.inf, np.inf, contours, patients)
    error = np.sqrt((len(found) - 1) * found.var(axis=0))
    return Shift(*whole, float(error[0]), float(error[1]), contours, patients)
