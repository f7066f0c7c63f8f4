"""How far two borders lie apart, in millimetres (or in pixels, with a spacing of 1 by 1).

The border of a mask is its set of pixels that have a neighbour outside, by an edge; outside the image all is outside.
The rule for empty masks: two empty masks have no distance (None). Where only one of them is empty, every distance is
the image's diagonal, the largest there can be, so that a heart that is missed makes every mean worse, never better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import Spacing, distances, scaled
from cmrpipe.model import Mask, Points
from cmrpipe.outline import outline

_PERCENTILE = 95
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances of two borders.

    Attributes
    ----------
    hd95 : the larger of the 95th percentiles of the distances from either border to the other (Hausdorff)
    asd : mean over the distances from both borders' pixels to the other border (average symmetric surface distance)
    """

    hd95: float
    asd: float


def border(mask: Mask) -> Mask:
    """Pixels of a mask (rows, cols) with a neighbour outside."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def diagonal(shape: tuple[int, ...], spacing: Spacing) -> float:
    """Distance of an image's opposite corners."""
    return float(np.hypot(shape[0] * spacing[0], shape[1] * spacing[1]))


def _nearest(points: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distance of each of (n, 2) points to the nearest of (m, 2) others."""
    step = max(1, _BLOCK // len(others))
    squares = [
        ((points[i : i + step, None] - others) ** 2).sum(axis=2).min(axis=1) for i in range(0, len(points), step)
    ]
    return np.asarray(np.sqrt(np.concatenate(squares)))


def border_distances(predicted: Mask, expert: Mask, spacing: Spacing) -> Distances | None:
    """Distances of the borders of two (rows, cols) masks; None when both are empty.

    `spacing` is that between rows and between columns.
    """
    full = [bool(predicted.any()), bool(expert.any())]
    if not any(full):
        return None
    if not all(full):
        return Distances(*[diagonal(expert.shape, spacing)] * 2)
    a, b = (np.argwhere(border(mask)) * np.asarray(spacing) for mask in (predicted, expert))
    to, back = _nearest(a, b), _nearest(b, a)
    hd95 = max(np.percentile(to, _PERCENTILE), np.percentile(back, _PERCENTILE))
    return Distances(float(hd95), float(np.concatenate([to, back]).mean()))


def perpendicular_distance(predicted: Points, expert: Points, spacing: Spacing) -> float:
    """Average perpendicular distance (APD) from a predicted contour to the expert's.

    The mean, over the predicted contour's points (n, 2), of the distance to the expert's outline, as in the evaluation
    of Radau et al., MIDAS Journal 2009 (hdl:10380/3070).
    """
    return float(distances(scaled(predicted, spacing), scaled(expert, spacing)).mean())


def average_perpendicular_distance(predicted: Mask, expert: Mask, spacing: Spacing) -> float | None:
    """APD of the outlines of two (rows, cols) masks, each the largest where there are several; None: both empty."""
    ours, theirs = outline(predicted), outline(expert)
    if ours is None and theirs is None:
        return None
    if ours is None or theirs is None:
        return diagonal(expert.shape, spacing)
    return perpendicular_distance(ours, theirs, spacing)
