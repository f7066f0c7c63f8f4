"""The probability from which a pixel is cavity: the one that promises the best Dice coefficient.

Where a model is sure, that is one half. Where it is not, as in a cavity of a few pixels, half is too strict: the
threshold of the highest expected F1 (which for pixels is Dice) is half of that F1 itself (Lipton, Elkan and
Narayanaswamy, ECML PKDD 2014, Optimal thresholding of classifiers to maximize F1 measure).
"""

from __future__ import annotations

import numpy as np

from cmrpipe.learn.voting import SURE, Bytes

LOWEST = 26
"""Of 255, a tenth; what is less likely is not drawn."""

HALF = 128


def best_level(probability: Bytes) -> float:
    """Level at which to draw the border, between two values of 255: 127.5 for a half, less where nobody is sure.

    Parameters
    ----------
    probability : (rows, cols) uint8, 255 times the probability

    Returns
    -------
    the level from LOWEST to HALF, less 0.5, at which 2 sum(p inside) / (pixels inside + sum(p)) is highest: the Dice
    coefficient to be expected of a region if pixels were independent, but for terms of the order of 1 / pixels
    """
    values = np.arange(SURE + 1)
    pixels = np.bincount(probability.ravel(), minlength=SURE + 1)
    inside = pixels[::-1].cumsum()[::-1]
    mass = (pixels * values)[::-1].cumsum()[::-1] / SURE
    dice = 2 * mass / np.maximum(inside + mass[0], 1)
    levels = values[LOWEST : HALF + 1]
    return float(levels[::-1][dice[levels[::-1]].argmax()]) - 0.5
