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
        self.device = torch.device("cuda" if gpu else "cpu")
        with torch.random.fork_rng():  # first weights are drawn, then replaced
            self.network = build(model.architecture)
        self.network.load_state_dict(dict(model.weights))
        self.network.eval().to(self.device)
        self.preprocess = model.preprocess
        self.batch_size = batch_size

    def labels(self, images: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        """Labels (n, rows, cols) uint8, values of `cmrpipe.model.Label`, of images (n, rows, cols)."""
        labels = np.empty(images.shape, np.uint8)
        shape = (images.shape[1], images.shape[2])
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            inputs = torch.stack([self.preprocess.image(image) for image in batch]).to(self.device)
            with torch.inference_mode():
                probabilities = self.network(inputs).softmax(dim=1).cpu()
            for i, probability in enumerate(probabilities, start):
                labels[i] = self.preprocess.restore(probability, shape).argmax(0).numpy()
        return labels
