"""Agreement of two ways to measure, after Bland and Altman (Lancet 1986;327:307)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmrpipe.learn.bootstrap import interval

SPAN = 1.96
"""Standard deviations between bias and limit of agreement."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Differences, model less expert.

    Attributes
    ----------
    n : patients
    bias : mean difference
    bias_low, bias_high : its 95 % interval over patients; None for fewer than two
    sd : standard deviation of the differences (n - 1); None for fewer than two
    low, high : limits of agreement, bias -/+ 1.96 SD; None for fewer than two
    mean_absolute : mean of the differences' sizes
    """

    n: int
    bias: float
    bias_low: float | None
    bias_high: float | None
    sd: float | None
    low: float | None
    high: float | None
    mean_absolute: float


def agreement(model: Sequence[float], expert: Sequence[float], seed: int) -> Agreement | None:
    """Agreement of paired values; None without any."""
    differences = np.subtract(model, expert, dtype=np.float64)
    if not len(differences):
        return None
    bias, size = float(differences.mean()), float(np.abs(differences).mean())
    reach = interval([[float(value)] for value in differences], seed)
    if reach is None:
        return Agreement(len(differences), bias, None, None, None, None, None, size)
    sd = float(differences.std(ddof=1))
    return Agreement(len(differences), bias, reach.low, reach.high, sd, bias - SPAN * sd, bias + SPAN * sd, size)
