"""Samples as the network takes them, read when they are asked for, in an order that seed and epoch alone decide."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, distributed
from torch.utils.data import Dataset, Sampler

from cmrpipe.learn.augment import Augment
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.source import Source
from cmrpipe.logger import Logger
from cmrpipe.store.schema import StoredSample

log = Logger(__name__)

MOST_HELD = 512
"""Prepared samples that a data set keeps in memory (about 130 kB each); further ones are prepared at each draw."""


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


class Drawn(NamedTuple):
    """A training batch and what its line in the batch log says.

    Attributes
    ----------
    image, label, known : as in `Batch`
    samples : "<patient_id>/<instance number>" of each
    seeds : of each one's augmentation
    crc32 : of the bytes of image and label
    """

    image: Tensor
    label: Tensor
    known: Tensor
    samples: tuple[str, ...]
    seeds: tuple[int, ...]
    crc32: int


@dataclass(frozen=True, slots=True)
class Draw:
    """Asks a dataset for sample `index` as it looks in `epoch`."""

    epoch: int
    index: int


class Address(NamedTuple):
    """Sample `position` of a patient, in the source's order."""

    patient_id: str
    position: int


class Prepared(NamedTuple):
    """A sample before augmentation: tiles with a margin, what is known of it, and its name."""

    image: Tensor
    label: Tensor
    known: Tensor
    name: str


def addresses(source: Source, patients: Sequence[str]) -> list[Address]:
    """All samples of these patients, in the order of `patients` and of the source."""
    return [Address(patient, i) for patient in patients for i in range(source.count(patient))]


def prepare(preprocess: Preprocess, patient_id: str, sample: StoredSample, margin: int, whole: bool) -> Prepared:
    """Cut the window out of a sample; `whole` looks at it as if nobody knew where the heart is."""
    shape = (sample.image.shape[0], sample.image.shape[1])
    window = preprocess.window(shape, sample.pixel_spacing_mm, None if whole else sample.heart_px)
    return Prepared(
        preprocess.image(sample.image, window, margin),
        preprocess.label(sample.label, window, margin),
        torch.from_numpy(np.array(sample.contours)),
        f"{patient_id}/{sample.instance_number}",
    )


class _Held:
    """Prepared samples by position, made when they are first asked for; the first `MOST_HELD` stay."""

    def __init__(self, source: Source, patients: Sequence[str], preprocess: Preprocess, margin: int) -> None:
        self.source = source
        self.preprocess = preprocess
        self.margin = margin
        self.addresses = addresses(source, patients)
        self._held: dict[int, Prepared] = {}

    def __getstate__(self) -> dict[str, object]:
        """A worker prepares for itself."""
        return {**self.__dict__, "_held": {}}

    def __getitem__(self, index: int) -> Prepared:
        found = self._held.get(index)
        if found is None:
            found = self.read(index, whole=False)
            if len(self._held) < MOST_HELD:
                self._held[index] = found
        return found

    def read(self, index: int, *, whole: bool) -> Prepared:
        """Prepare a sample anew."""
        patient, position = self.addresses[index]
        return prepare(self.preprocess, patient, self.source.sample(patient, position), self.margin, whole)


def augmentation_seed(seed: int, draw: Draw) -> int:
    """Seed of one sample's augmentation in one epoch (32 bits), whoever asks and in whatever order."""
    return int(np.random.SeedSequence((seed, draw.epoch, draw.index)).generate_state(1)[0])


class TrainingSet(Dataset[Drawn]):
    """Augmented samples, addressed by `Draw`.

    Parameters
    ----------
    source : where samples come from
    patients : whose samples
    preprocess, augment : how they are prepared and changed
    seed : of all randomness
    whole : share of the draws that show the whole image in place of the window about the heart
    """

    def __init__(
        self,
        source: Source,
        patients: Sequence[str],
        preprocess: Preprocess,
        augment: Augment,
        seed: int,
        whole: float = 0.0,
    ) -> None:
        self._samples = _Held(source, patients, preprocess, preprocess.size // 8)
        self.augment = augment
        self.seed = seed
        self.whole = whole
        log.debug("training set made", patients=len(patients), samples=len(self), seed=seed)

    def __len__(self) -> int:
        return len(self._samples.addresses)

    def __getitem__(self, draw: Draw) -> Drawn:
        return self.changed(draw.index, augmentation_seed(self.seed, draw))

    def changed(self, index: int, seed: int) -> Drawn:
        """Sample `index` as the augmentation of `seed` changes it."""
        whole = self.whole > 0 and np.random.default_rng(seed).random() < self.whole
        found = self._samples.read(index, whole=True) if whole else self._samples[index]
        image, label = self.augment(found.image, found.label, seed)
        return Drawn(image, label, found.known, (found.name,), (seed,), 0)

    def index_of(self, name: str) -> int:
        """Position of the sample that the batch log calls `name`.

        Raises
        ------
        KeyError : no patient of the set has it
        """
        patient, _, number = name.rpartition("/")
        for index, address in enumerate(self._samples.addresses):
            if address.patient_id == patient:
                sample = self._samples.source.sample(patient, address.position)
                if str(sample.instance_number) == number:
                    return index
        raise KeyError(name)


def stacked(items: Sequence[Drawn]) -> Drawn:
    """A batch of drawn samples; the workers make it, its checksum included."""
    image, label, known = (torch.stack([getattr(item, name) for item in items]) for name in Batch._fields)
    crc32 = zlib.crc32(label.numpy().data, zlib.crc32(image.numpy().data))
    samples = tuple(name for item in items for name in item.samples)
    return Drawn(image, label, known, samples, tuple(seed for item in items for seed in item.seeds), crc32)


class PlainSet(Dataset[Batch]):
    """Samples as they are, addressed by position."""

    def __init__(self, source: Source, patients: Sequence[str], preprocess: Preprocess) -> None:
        self._samples = _Held(source, patients, preprocess, 0)
        log.debug("validation set made", patients=len(patients), samples=len(self))

    def __len__(self) -> int:
        return len(self._samples.addresses)

    def __getitem__(self, index: int) -> Batch:
        return Batch(*self._samples[index][:3])


class Shuffled(Sampler[Draw]):
    """Every sample once an epoch, shuffled anew for each epoch.

    Where several processes train together, each draws every n-th of the same order; the first samples come twice when
    they do not divide evenly.

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
        return math.ceil(self.size / _ranks()[1])

    def __iter__(self) -> Iterator[Draw]:
        rank, ranks = _ranks()
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.size)
        log.debug("epoch shuffled", epoch=self.epoch, seed=self.seed, samples=self.size)
        own = np.resize(order, len(self) * ranks)[rank::ranks]
        return iter([Draw(self.epoch, int(index)) for index in own])


def _ranks() -> tuple[int, int]:
    """Which of how many processes this is that train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
