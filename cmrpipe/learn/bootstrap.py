"""Confidence intervals of means, by drawing patients with replacement (Efron's percentile bootstrap).

Patients are drawn, never images: images of one heart are near copies, and an interval over images would be too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of a figure over resampled sets of patients."""

    low: float
    high: float


def interval(groups: Sequence[Sequence[float]], seed: int) -> Interval | None:
    """Interval of the mean over all values, which come in groups (a group a patient); None for fewer than two groups.

    Groups without values are no patients. The same values and seed give the same interval.
    """
    filled = [group for group in groups if len(group)]
    sums, counts = np.array([sum(group) for group in filled]), np.array([len(group) for group in filled])
    return _percentiles(len(filled), seed, lambda drawn: sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))


def _percentiles(patients: int, seed: int, statistic: Callable[[npt.NDArray[np.int64]], Floats]) -> Interval | None:
    if patients < 2:
        return None
    drawn = np.random.default_rng(seed).integers(patients, size=(RESAMPLES, patients))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(statistic(drawn), (tail, 1 - tail))
    return Interval(float(low), float(high))
