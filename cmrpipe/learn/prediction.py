"""A trained model made ready: from images to class probabilities on the images' own grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmrpipe.errors import ParamsError
from cmrpipe.learn.looks import LOOKS, PLAIN, Look, agreement, shown
from cmrpipe.learn.network import build, memory_format
from cmrpipe.learn.preprocess import Window
from cmrpipe.learn.saved import Model
from cmrpipe.model import Label

FIRST_LOOKS = 24
"""Images of a patient, at most, that are looked at once to put the window where the model itself sees the heart."""

Images = npt.NDArray[np.generic]
Pair = tuple[float, float]


class Predictor:
    """A model made ready.

    Parameters
    ----------
    model : as it was read
    batch_size : images at a time
    accelerator : "auto" takes a GPU when there is one

    Raises
    ------
    ParamsError : a GPU is asked for, and there is none
    """

    def __init__(self, model: Model, batch_size: int, accelerator: Literal["auto", "cpu", "gpu"]) -> None:
        if accelerator == "gpu" and not torch.cuda.is_available():
            raise ParamsError("evaluate.accelerator gpu", "there is no GPU here that torch can use", "Set it to auto")
        gpu = accelerator != "cpu" and torch.cuda.is_available()
        self.device = torch.device("cuda" if gpu else "cpu")
        with torch.random.fork_rng():  # first weights are drawn, then replaced
            self.network = build(model.architecture)
        self.network.load_state_dict(dict(model.weights))
        self.network.eval().to(self.device, memory_format=memory_format(self.device))  # type: ignore[call-overload]
        self.preprocess = model.preprocess
        self.batch_size = batch_size

    def probabilities(
        self, images: Images, spacing_mm: Pair | None, heart_px: Pair | None, looks: Sequence[Look] = LOOKS
    ) -> Iterator[tuple[Tensor, float]]:
        """What the model says of a patient's images; only a batch is held in memory.

        Parameters
        ----------
        images : (n, rows, cols)
        spacing_mm : between rows, between columns; None when unknown
        heart_px : (row, column) from the cine (see `cmrpipe.heart`), where the model looks first; None when that does
            not say: it looks at whole images first. The window is then moved to where the model sees the heart
        looks : how each image is shown

        Yields
        ------
        probabilities (3, rows, cols) float32 on the CPU, and how far the looks agree, 0 to 1
        """
        shape = (images.shape[1], images.shape[2])
        window = self.preprocess.window(shape, spacing_mm, heart_px)
        seen = self._locate(images, window) if len(images) else None
        if seen is not None:
            window = self.preprocess.window(shape, spacing_mm, seen)
        for start in range(0, len(images), self.batch_size):
            found = self._looks(images[start : start + self.batch_size], window, looks)
            mean, agreed = torch.stack(found).mean(dim=0), agreement(found)
            for probability, value in zip(mean, agreed, strict=True):
                yield self.preprocess.restore(probability, shape, window), float(value)

    def _looks(self, images: Images, window: Window, looks: Sequence[Look]) -> list[Tensor]:
        """Probabilities (n, 3, size, size) of each look, brought back."""
        inputs = torch.stack([self.preprocess.image(image, window) for image in images]).to(self.device)
        with torch.inference_mode():
            return [
                shown(self.network(shown(inputs, look)).softmax(dim=1), look.back()).cpu().clone() for look in looks
            ]

    def _locate(self, images: Images, window: Window) -> Pair | None:
        """Where the model sees the heart through a window: the middle of what most images agree on."""
        shape = (images.shape[1], images.shape[2])
        some = images[np.unique(np.linspace(0, len(images) - 1, FIRST_LOOKS).round().astype(int))]
        total = torch.zeros(shape)
        for start in range(0, len(some), self.batch_size):
            (look,) = self._looks(some[start : start + self.batch_size], window, (PLAIN,))
            for probability in look:
                total += 1 - self.preprocess.restore(probability, shape, window)[Label.BACKGROUND]
        if float(total.max()) < 0.5:
            return None
        weight = (total - total.max() / 2).clamp(min=0).double()
        weight /= weight.sum()
        rows, cols = (torch.arange(n, dtype=torch.float64) for n in shape)
        return float(weight.sum(dim=1) @ rows), float(weight.sum(dim=0) @ cols)
