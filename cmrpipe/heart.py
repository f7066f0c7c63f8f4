"""Where the heart is, from the cine alone: the heart moves, most of the rest stays.

How much each pixel changes over the frames of its slice (standard deviation, relative to the range of the slice's
values) is averaged over slices. Lungs, vessels and the right ventricle move too, so the map is weighted by a bell about
the image's centre, where short-axis series are planned to have the heart; the centre of mass of what exceeds half of
the weighted maximum is the answer. No label has a part in it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

SMOOTH = 1 / 32
"""Standard deviation of the Gaussian that smooths the map, as a share of the image's longer side."""
PRIOR = 0.12
"""Standard deviation of the bell about the centre, the same way."""
LEVEL = 0.5
"""Share of the weighted maximum above which a pixel counts."""
FEWEST_FRAMES = 2
DIGITS = 2
"""Decimals of the answer. Sums and exponentials differ in their last bits from one kind of processor to another, and in
old kernels from one place in memory to another; what is stored must not."""

Floats = npt.NDArray[np.float64]


def motion(frames: npt.NDArray[np.generic]) -> Floats:
    """How much each pixel of one slice (frames, rows, cols) changes over time, relative to the slice's range."""
    values = frames.astype(np.float64)
    low, high = np.percentile(values, (1, 99))
    found: Floats = values.std(axis=0) / (high - low) if high > low else np.zeros(values.shape[1:])
    return found


def _bell(n: int, centre: float, sigma: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((np.arange(n) - centre) / sigma) ** 2), dtype=np.float64)


def _smooth(image: Floats, sigma: float) -> Floats:
    """A Gaussian over both axes; beyond the border there is nothing."""
    reach = max(1, round(3 * sigma))
    kernel = _bell(2 * reach + 1, reach, sigma)
    kernel /= kernel.sum()
    for axis in (0, 1):
        image = np.apply_along_axis(np.convolve, axis, image, kernel, mode="full")
        image = np.take(image, np.arange(reach, image.shape[axis] - reach), axis=axis)
    return image


def heart_centre(slices: Iterable[npt.NDArray[np.generic]]) -> tuple[float, float] | None:
    """Where the left ventricle is about.

    Parameters
    ----------
    slices : for every slice its frames (frames, rows, cols), in any order; those with a single frame, and those of
        another size than the first, are passed over

    Returns
    -------
    (row, column) in pixels, to `DIGITS` decimals, pixel centres at integers from 0; None where nothing moves or no
    slice has two frames
    """
    total: Floats | None = None
    for frames in slices:
        if len(frames) >= FEWEST_FRAMES and (total is None or total.shape == frames.shape[1:]):
            found = motion(frames)
            total = found if total is None else total + found
    if total is None or not total.any():
        return None
    rows, cols = total.shape
    side = max(rows, cols)
    bell = _bell(rows, (rows - 1) / 2, PRIOR * side)[:, None] * _bell(cols, (cols - 1) / 2, PRIOR * side)
    weight = _smooth(total, SMOOTH * side) * bell
    weight = np.clip(weight - LEVEL * weight.max(), 0, None)
    weight /= weight.sum()
    row, column = (float(weight.sum(axis=1 - axis) @ np.arange(weight.shape[axis])) for axis in (0, 1))
    return round(row, DIGITS), round(column, DIGITS)
