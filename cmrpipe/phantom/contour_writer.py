"""Phantom contours as the Sunnybrook layout writes them: `x y` a line, pixels counted from 1, not closed."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from cmrpipe.model import ContourKind, Points
from cmrpipe.phantom.curve import Curve
from cmrpipe.readers.layouts import CONTOURS

ORIGIN = 1.0
"""Coordinate of the first pixel's centre in the files."""

STEP_PX = 0.7
FEWEST_POINTS = 60

_FOLDER = {ContourKind.ENDO: "i-contours", ContourKind.EPI: "o-contours"}
_LETTER = {ContourKind.ENDO: "i", ContourKind.EPI: "o"}


def contour_path(original_id: str, number: int, kind: ContourKind) -> PurePosixPath:
    """Path of a contour file relative to the data set's root."""
    name = f"IM-0001-{number:04d}-{_LETTER[kind]}contour-manual.txt"
    return PurePosixPath(CONTOURS, original_id, _FOLDER[kind], name)


def trace(curve: Curve, rng: np.random.Generator) -> Points:
    """Points of a border as a file holds them, (n, 2), to a hundredth of a pixel, in pixel-centre coordinates from 0.

    A hundredth and not the half-pixel grid of real files, so that the polygon's area is the border's.
    """
    count = max(FEWEST_POINTS, int(np.ceil(2.0 * np.pi * curve.radius / STEP_PX)))
    return np.round(curve.points(count, rng.uniform(0.0, 2.0 * np.pi)) + ORIGIN, 2) - ORIGIN


def contour_text(points: Points) -> str:
    """The text of a contour file."""
    return "".join(f"{x + ORIGIN:.2f} {y + ORIGIN:.2f}\n" for x, y in points.tolist())
