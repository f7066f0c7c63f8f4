"""From a scanner's image to the network's input, and back to the image's own pixels.

An image is scaled to 0..1 between two of its percentiles, padded at the centre to a square with its darkest value, and
resampled to `size` x `size`. The way back undoes each step, so that what a network says is told on the image's grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from cmrpipe.model import Label

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How images are prepared; a model is used with the one it was trained with.

    Attributes
    ----------
    size : rows and columns of the network's input
    percentiles : of each image, in percent; they become 0 and 1, and what lies beyond is clipped
    """

    size: int
    percentiles: tuple[float, float]

    def image(self, image: npt.NDArray[np.generic]) -> Tensor:
        """Network input (1, size, size) float32 of an image (rows, cols)."""
        values = image.astype(np.float32)
        low, high = np.percentile(values, self.percentiles)
        scaled = np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values)
        return self._resample(torch.from_numpy(_square(scaled.astype(np.float32)))[None])

    def label(self, label: npt.NDArray[np.uint8]) -> Tensor:
        """Label image (size, size) uint8 of one (rows, cols): the label that covers most of each new pixel."""
        square = torch.from_numpy(_square(label).astype(np.int64))
        layers = functional.one_hot(square, len(Label)).permute(2, 0, 1).float()
        return self._resample(layers).argmax(0).to(torch.uint8)

    def restore(self, values: Tensor, shape: tuple[int, int]) -> Tensor:
        """Values (k, size, size) on the network's grid, interpolated to (k, rows, cols) of the original image."""
        rows, cols = shape
        side = max(shape)
        square = functional.interpolate(values[None], (side, side), mode="bilinear", align_corners=False)[0]
        top, left = (side - rows) // 2, (side - cols) // 2
        return square[:, top : top + rows, left : left + cols]

    def _resample(self, layers: Tensor) -> Tensor:
        """(k, side, side) float32 resampled to (k, size, size), averaging where that is coarser."""
        size = (self.size, self.size)
        return functional.interpolate(layers[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def _square(image: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Put an image (rows, cols) in the middle of the smallest square that holds it; what is added is 0."""
    rows, cols = image.shape
    side = max(rows, cols)
    square = np.zeros((side, side), image.dtype)
    top, left = (side - rows) // 2, (side - cols) // 2
    square[top : top + rows, left : left + cols] = image
    return square
