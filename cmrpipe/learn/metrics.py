"""Overlap of two masks.

The rule for empty masks: where neither the model nor the expert marked anything there is nothing to measure, and the
image does not count (None), for a perfect score there would flatter every mean. Where only one of them did, it is 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cmrpipe.model import Mask


def dice(predicted: Mask, expert: Mask) -> float | None:
    """Dice coefficient 2 |A and B| / (|A| + |B|) of two (rows, cols) masks (Dice, Ecology 26:297, 1945)."""
    total = int(np.count_nonzero(predicted)) + int(np.count_nonzero(expert))
    if total == 0:
        return None
    return 2 * int(np.count_nonzero(predicted & expert)) / total


def jaccard(predicted: Mask, expert: Mask) -> float | None:
    """Jaccard index |A and B| / |A or B| of two (rows, cols) masks."""
    union = int(np.count_nonzero(predicted | expert))
    if union == 0:
        return None
    return int(np.count_nonzero(predicted & expert)) / union


def under_rate(predicted: Mask, expert: Mask) -> float | None:
    """Under-segmentation rate |B not A| / |A or B|: the expert's pixels B that were not found.

    With the union below the line, it lies between 0 and 1, is there whenever either mask is not empty, and adds up to 1
    with the over-segmentation rate and the Jaccard index.
    """
    union = int(np.count_nonzero(predicted | expert))
    return None if union == 0 else int(np.count_nonzero(expert & ~predicted)) / union


def over_rate(predicted: Mask, expert: Mask) -> float | None:
    """Over-segmentation rate |A not B| / |A or B|: marked pixels A that are not the expert's (see `under_rate`)."""
    return under_rate(expert, predicted)


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are there; None when none is."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
