"""Outlines of regions: the closed line along which a field of values passes a level (marching squares).

The way back from a mask or a probability map to the points that a contour file holds; `cmrpipe.raster` goes the other
way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import polygon_area
from cmrpipe.model import Points

HALF = 0.5
"""The level of a mask's border, and of a probability's."""

_TOP, _RIGHT, _BOTTOM, _LEFT = range(4)
_CASES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((_TOP, _LEFT),),
    2: ((_RIGHT, _TOP),),
    3: ((_RIGHT, _LEFT),),
    4: ((_BOTTOM, _RIGHT),),
    5: ((_TOP, _LEFT), (_BOTTOM, _RIGHT)),
    6: ((_BOTTOM, _TOP),),
    7: ((_BOTTOM, _LEFT),),
    8: ((_LEFT, _BOTTOM),),
    9: ((_TOP, _BOTTOM),),
    10: ((_RIGHT, _TOP), (_LEFT, _BOTTOM)),
    11: ((_RIGHT, _BOTTOM),),
    12: ((_LEFT, _RIGHT),),
    13: ((_TOP, _RIGHT),),
    14: ((_LEFT, _TOP),),
}
"""For the corners of a cell that are inside (1 top left, 2 top right, 4 bottom right, 8 bottom left): from which side
to which the line runs, the inside on its right. Corners that only touch are apart (4-neighbourhood)."""


def outlines(field: npt.NDArray[np.generic], level: float = HALF) -> list[Points]:
    """All closed lines along which a field passes a level, the one that encloses most first.

    Parameters
    ----------
    field : (rows, cols), a mask, or values of which those from `level` up are inside; outside the image all is outside
    level : where between two pixel centres the line runs is interpolated linearly

    Returns
    -------
    each (n, 2) float64, x = column and y = row, pixel centres at integers from 0; outer borders and those of holes
    """
    low = min(float(field.min(initial=0)), 0.0) if field.dtype != np.bool_ else 0.0
    values = np.pad(field.astype(np.float64), 1, constant_values=min(low, level - HALF))
    inside = values >= level
    width = values.shape[1]
    code = (
        inside[:-1, :-1] * np.uint8(1)
        + inside[:-1, 1:] * np.uint8(2)
        + inside[1:, 1:] * np.uint8(4)
        + inside[1:, :-1] * np.uint8(8)
    )
    rows, cols = np.nonzero((code > 0) & (code < 15))
    at = rows * width + cols
    # names of a cell's four sides: those between neighbours in a row are even, those between neighbours in a column odd
    sides = np.stack([2 * at, 2 * (at + 1) + 1, 2 * (at + width), 2 * at + 1], axis=1)
    following: dict[int, int] = {}
    for cell, case in zip(sides.tolist(), code[rows, cols].tolist(), strict=True):
        for start, end in _CASES[case]:
            following[cell[start]] = cell[end]
    lines = []
    while following:
        first, side = following.popitem()
        loop = [first]
        while side != first:
            loop.append(side)
            side = following.pop(side)
        lines.append(_points(np.array(loop), values, level))
    return sorted(lines, key=lambda points: -polygon_area(points))


def _points(sides: npt.NDArray[np.int64], values: npt.NDArray[np.float64], level: float) -> Points:
    """Where the line crosses each of these sides."""
    row, col = np.divmod(sides // 2, values.shape[1])
    down = sides % 2
    near, far = values[row, col], values[row + down, col + 1 - down]
    share = (level - near) / (far - near)
    return np.column_stack([col + share * (1 - down), row + share * down]) - 1.0


def outline(field: npt.NDArray[np.generic], level: float = HALF) -> Points | None:
    """The outline that encloses most (see `outlines`); None where there is none with three points."""
    found = outlines(field, level)
    return found[0] if found and len(found[0]) >= 3 else None
