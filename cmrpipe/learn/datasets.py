"""Samples as the network takes them, in an order that the seed and the epoch alone decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from cmrpipe.learn.augment import Augment
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.source import Source


class Batch(NamedTuple):
    """What the network learns from; a dataset gives the same without the first axis.

    Attributes
    ----------
    image : (n, 1, size, size) float32
    label : (n, size, size) uint8, values of `cmrpipe.model.Label`
    known : (n, 2) bool, whether endocardium and epicardium were drawn
    """

    image: Tensor
    label: Tensor
    known: Tensor


@dataclass(frozen=True, slots=True)
class Draw:
    """Asks a dataset for sample `index` as it looks in `epoch`."""

    epoch: int
    index: int


def load_samples(source: Source, patients: Sequence[str], preprocess: Preprocess) -> Batch:
    """All samples of these patients that have a contour, prepared, in the order of `patients` and of the store."""
    images, labels, known = [], [], []
    for patient in patients:
        data = source.load(patient)
        for i in np.flatnonzero(data.contours.any(axis=1)):
            images.append(preprocess.image(data.image[i]))
            labels.append(preprocess.label(data.label[i]))
            known.append(torch.from_numpy(data.contours[i].copy()))
    return Batch(torch.stack(images), torch.stack(labels), torch.stack(known))


def augmentation_seed(seed: int, draw: Draw) -> int:
    """Seed of one sample's augmentation in one epoch (32 bits), whoever asks and in whatever order."""
    return int(np.random.SeedSequence((seed, draw.epoch, draw.index)).generate_state(1)[0])


class TrainingSet(Dataset[Batch]):
    """Augmented samples, addressed by `Draw`.

    Parameters
    ----------
    samples : the prepared samples
    augment : how they are changed
    seed : of all randomness
    """

    def __init__(self, samples: Batch, augment: Augment, seed: int) -> None:
        self.samples = samples
        self.augment = augment
        self.seed = seed

    def __len__(self) -> int:
        return len(self.samples.image)

    def __getitem__(self, draw: Draw) -> Batch:
        image, label = self.samples.image[draw.index], self.samples.label[draw.index]
        image, label = self.augment(image, label, augmentation_seed(self.seed, draw))
        return Batch(image, label, self.samples.known[draw.index])


class PlainSet(Dataset[Batch]):
    """Samples as they are, addressed by position."""

    def __init__(self, samples: Batch) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples.image)

    def __getitem__(self, index: int) -> Batch:
        return Batch(*(part[index] for part in self.samples))


class Shuffled(Sampler[Draw]):
    """Every sample once an epoch, shuffled anew for each epoch.

    Parameters
    ----------
    size : number of samples
    seed : of the order
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Draw]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.size)
        return iter([Draw(self.epoch, int(index)) for index in order])
