"""Label images from a model, on the images' own grid."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from cmrpipe.learn.network import build
from cmrpipe.learn.saved import Model


class Predictor:
    """A model made ready.

    Parameters
    ----------
    model : as it was read
    batch_size : images at a time
    accelerator : "auto" takes a GPU when there is one
    """

    def __init__(self, model: Model, batch_size: int, accelerator: Literal["auto", "cpu", "gpu"]) -> None:
        gpu = accelerator == "gpu" or (accelerator == "auto" and torch.cuda.is_available())
        self._device = torch.device("cuda" if gpu else "cpu")
        with torch.random.fork_rng():  # first weights are drawn, then replaced
            self._network = build(model.architecture)
        self._network.load_state_dict(dict(model.weights))
        self._network.eval().to(self._device)
        self._preprocess = model.preprocess
        self._batch_size = batch_size

    def labels(self, images: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        """Labels (n, rows, cols) uint8, values of `cmrpipe.model.Label`, of images (n, rows, cols)."""
        labels = np.empty(images.shape, np.uint8)
        shape = (images.shape[1], images.shape[2])
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            inputs = torch.stack([self._preprocess.image(image) for image in batch]).to(self._device)
            with torch.inference_mode():
                probabilities = self._network(inputs).softmax(dim=1).cpu()
            for i, probability in enumerate(probabilities, start):
                labels[i] = self._preprocess.restore(probability, shape).argmax(0).numpy()
        return labels
