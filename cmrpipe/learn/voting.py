"""What a model says of one image, in two bytes a pixel, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cmrpipe.learn.looks import LOOKS
from cmrpipe.learn.prediction import Images, Pair, Predictor
from cmrpipe.model import Label

Bytes = npt.NDArray[np.uint8]
SURE = 255
"""Stands for probability 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the model says of one image.

    Attributes
    ----------
    cavity : (rows, cols) uint8, 255 times the probability of cavity
    heart : (rows, cols) uint8, 255 times the probability of cavity or myocardium
    agreement : Dice coefficient of what single looks call heart or cavity, mean over pairs and both, 0 to 1; 1 where
        all looks find nothing
    """

    cavity: Bytes
    heart: Bytes
    agreement: float


def opinions(predictor: Predictor, images: Images, spacing_mm: Pair | None, heart_px: Pair | None) -> Iterator[Opinion]:
    """What the model says of images (n, rows, cols), one after the other (see `Predictor.probabilities`)."""
    for full, agreed in predictor.probabilities(images, spacing_mm, heart_px, LOOKS):
        parts = torch.stack([full[Label.CAVITY], 1 - full[Label.BACKGROUND]])
        cavity, heart = (parts.clamp(0, 1) * SURE).round().to(torch.uint8).numpy()
        yield Opinion(cavity, heart, agreed)
