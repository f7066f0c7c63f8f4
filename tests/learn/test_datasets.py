"""Samples, their order and their augmentation."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cmrpipe.learn.augment import Augment, Strength
from cmrpipe.learn.datasets import Batch, Draw, PlainSet, Shuffled, TrainingSet, load_samples
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.store import open_store

PREPROCESS = Preprocess(32, (1.0, 99.0))
STRONG = Strength(rotation_rad=0.5, scaling=0.2, shift=0.1, contrast=0.3, noise=0.05)


@pytest.fixture(scope="module")
def samples(small_store: Path) -> Batch:
    """8 samples of two patients."""
    with open_store(small_store) as store:
        return load_samples(store, ("A", "B"), PREPROCESS)


@pytest.fixture(scope="module")
def training(samples: Batch) -> TrainingSet:
    """The same, augmented."""
    return TrainingSet(samples, Augment(STRONG, 32), seed=3)


def equal(a: Batch, b: Batch) -> bool:
    """Bit for bit."""
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_samples_come_in_the_order_of_patients_and_of_the_store(small_store: Path, samples: Batch) -> None:
    """Sample k is image k of the patients in turn, with its label and what is known of it."""
    with open_store(small_store) as store:
        data = [store.load(patient) for patient in ("A", "B")]
    assert samples.image.shape == (8, 1, 32, 32)
    assert samples.known.tolist() == np.concatenate([patient.contours for patient in data]).tolist()
    assert torch.equal(samples.image[5], PREPROCESS.image(data[1].image[1]))
    assert torch.equal(samples.label[5], PREPROCESS.label(data[1].label[1]))


def test_an_epoch_holds_every_sample_once_and_epochs_differ() -> None:
    """Shuffled anew each epoch, the same way for the same seed."""

    def order(seed: int, epoch: int) -> list[int]:
        sampler = Shuffled(50, seed)
        sampler.set_epoch(epoch)
        return [draw.index for draw in sampler]

    assert sorted(order(0, 0)) == list(range(50))
    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_a_draw_is_the_same_whenever_it_is_asked_for(training: TrainingSet) -> None:
    """Augmentation depends on seed, epoch and sample, not on what was drawn before."""
    first = training[Draw(2, 5)]
    training[Draw(0, 0)]
    assert equal(training[Draw(2, 5)], first)
    assert not torch.equal(training[Draw(3, 5)].image, first.image)
    assert not torch.equal(TrainingSet(training.samples, training.augment, 4)[Draw(2, 5)].image, first.image)


def test_augmentation_moves_image_and_label_alike(training: TrainingSet) -> None:
    """The bright blood lies under the cavity's label before and after, and shapes and types stay."""
    plain = PlainSet(training.samples)
    for index in range(8):
        changed = training[Draw(1, index)]
        assert [(x.shape, x.dtype) for x in changed] == [(x.shape, x.dtype) for x in plain[index]]
        assert type(changed.image) is torch.Tensor
        inside, outside = changed.image[0][changed.label == 1], changed.image[0][changed.label != 1]
        assert inside.median() > 0.5 > outside.median()


def test_no_strength_changes_nothing(samples: Batch) -> None:
    """With all strengths at 0 a sample stays as it is, but for rounding."""
    still = TrainingSet(samples, Augment(Strength(0, 0, 0, 0, 0), 32), 0)
    for index in range(8):
        changed = still[Draw(0, index)]
        assert torch.equal(changed.label, samples.label[index])
        assert torch.allclose(changed.image, samples.image[index], atol=1e-4)
