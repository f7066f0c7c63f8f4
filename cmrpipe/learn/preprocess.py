"""From a scanner's image to the network's input, and back to the image's own pixels.

The input is a window of `size` x `size` pixels of `pixel_mm` millimetres about the heart, where the cine says where
that is (see `cmrpipe.heart`), else the whole image, as coarse as it must be to fit. Two percentiles of the window's
middle become 0 and 1: near a surface coil fat is so bright that the heart is dark and flat on the whole image's scale.
What a network says is told on the image's grid again. No label has a part in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from cmrpipe.model import Label

_BLUR_FROM = 1.25
"""Image pixels a window pixel from which an image is averaged before it is sampled."""
_MIDDLE = 0.5
"""Side of the part of the window that its values are scaled by, as a share of the window's."""
_DARKEST, _BRIGHTEST = -0.25, 1.5
"""Scaled values beyond are clipped."""


@dataclass(frozen=True, slots=True)
class Window:
    """Where the network's input lies in an image.

    Attributes
    ----------
    centre : (row, column) of its middle in the image, pixel centres at integers from 0
    step : image pixels a window pixel, along (rows, columns)
    """

    centre: tuple[float, float]
    step: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How images are prepared; a model is used with the one it was trained with.

    Attributes
    ----------
    size : rows and columns of the network's input
    percentiles : of the middle half of the window, in percent; they become 0 and 1
    pixel_mm : side of the window's pixels; where an image's spacing is not known, its own pixels are kept
    """

    size: int
    percentiles: tuple[float, float]
    pixel_mm: float = 1.4

    def __post_init__(self) -> None:
        low, high = self.percentiles
        if not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"the size of the network's input is {self.size!r}, not a whole number above 0")
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles are {low!r} and {high!r}, not two ascending numbers from 0 to 100")
        if not 0 < self.pixel_mm < math.inf:
            raise ValueError(f"pixel_mm is {self.pixel_mm!r}, not a length")

    def window(
        self,
        shape: tuple[int, int],
        spacing_mm: tuple[float, float] | None = None,
        heart_px: tuple[float, float] | None = None,
    ) -> Window:
        """The window of an image.

        Parameters
        ----------
        shape : (rows, cols) of the image
        spacing_mm : between rows, between columns; None, or a header's zero, when unknown
        heart_px : (row, column) of the heart; None takes the whole image
        """
        known = spacing_mm if spacing_mm is not None and min(spacing_mm) > 0 else (self.pixel_mm, self.pixel_mm)
        steps = (self.pixel_mm / known[0], self.pixel_mm / known[1])
        if heart_px is not None:
            return Window((float(heart_px[0]), float(heart_px[1])), steps)
        wider = max(1.0, *(n / (step * self.size) for n, step in zip(shape, steps, strict=True)))
        return Window(((shape[0] - 1) / 2, (shape[1] - 1) / 2), (steps[0] * wider, steps[1] * wider))

    def image(self, image: npt.NDArray[np.generic], window: Window, margin: int = 0) -> Tensor:
        """Network input (1, size, size) float32 of an image (rows, cols), and `margin` pixels more on each side.

        Values from -0.25 to 1.5; 0 throughout where the middle is of one value. Outside the image is as dark as it gets
        in the image.
        """
        values = image.astype(np.float32)
        low, high = np.percentile(self._middle(values, window), self.percentiles)
        darkest = values.min()
        sampled = _sampled(torch.from_numpy(values - darkest)[None], window, self.size + 2 * margin)
        if high <= low:
            return torch.zeros_like(sampled)
        return ((sampled - float(low - darkest)) / float(high - low)).clamp(_DARKEST, _BRIGHTEST)

    def _middle(self, values: npt.NDArray[np.float32], window: Window) -> npt.NDArray[np.float32]:
        """Those of the image's pixels (rows, cols) that lie in the middle of the window."""
        parts = []
        for n, centre, step in zip(values.shape, window.centre, window.step, strict=True):
            half = _MIDDLE * self.size * step / 2
            first = min(max(0, round(centre - half)), n - 1)
            parts.append(slice(first, max(first + 1, round(centre + half))))
        return values[parts[0], parts[1]]

    def label(self, label: npt.NDArray[np.uint8], window: Window, margin: int = 0) -> Tensor:
        """Label image (size, size) uint8 of one (rows, cols): the label that covers most of each new pixel."""
        layers = torch.stack([torch.from_numpy(label == value) for value in Label]).float()
        found = _sampled(layers, window, self.size + 2 * margin)
        found[Label.BACKGROUND] += 1 - found.sum(dim=0)  # outside the image
        return found.argmax(0).to(torch.uint8)

    def restore(self, probabilities: Tensor, shape: tuple[int, int], window: Window) -> Tensor:
        """Probabilities (3, size, size) on the image's own grid (3, rows, cols); beyond the window is background."""
        device, middle = probabilities.device, (self.size - 1) / 2
        places = [
            (torch.arange(n, dtype=torch.float32, device=device) - centre) / step + middle
            for n, centre, step in zip(shape, window.centre, window.step, strict=True)
        ]
        full = _at(probabilities, places[0], places[1])
        full[Label.BACKGROUND] += 1 - full.sum(dim=0)
        return full


def _at(layers: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Layers (k, h, w) interpolated at places given in their pixels, (k, len(rows), len(cols)); outside is 0."""
    height, width = layers.shape[1:]
    y, x = (2 * rows + 1) / height - 1, (2 * cols + 1) / width - 1
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)
    return functional.grid_sample(layers[None], grid[None], mode="bilinear", align_corners=False)[0]


def _sampled(layers: Tensor, window: Window, size: int) -> Tensor:
    """Layers (k, rows, cols) of an image in a window of size x size pixels."""
    shape = layers.shape[1:]
    if max(window.step) > _BLUR_FROM:
        smaller = [max(1, round(n / max(1.0, step))) for n, step in zip(shape, window.step, strict=True)]
        layers = functional.interpolate(layers[None], smaller, mode="bilinear", align_corners=False, antialias=True)[0]
    places = []
    for n, left, centre, step in zip(shape, layers.shape[1:], window.centre, window.step, strict=True):
        at = centre + (torch.arange(size, dtype=torch.float32) - (size - 1) / 2) * step
        places.append((at + 0.5) * (left / n) - 0.5)
    return _at(layers, places[0], places[1])
