"""Samples, their order and their augmentation."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from cmrpipe.learn.augment import Augment, Strength
from cmrpipe.learn.datasets import Draw, Drawn, PlainSet, Shuffled, TrainingSet, stacked
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.source import DirectSource
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store
from cmrpipe.store import Store, open_store
from tests.learn.hearts import make_patient, write_store
from tests.learn.logged import logged

PREPROCESS = Preprocess(32, (1.0, 99.0), 1.5)
STILL = Strength(0, 0, 0, 0, 0, 0)
STRONG = Strength(rotation_rad=0.5, scaling=0.2, stretch=0.1, shift=0.1, contrast=0.3, noise=0.05)


@pytest.fixture(scope="module")
def source(small_store: Path) -> Store:
    """4 patients of 4 images."""
    return open_store(small_store)


def training_set(source: Store, strength: Strength = STRONG, seed: int = 3, whole: float = 0.0) -> TrainingSet:
    """8 samples of two patients, augmented."""
    return TrainingSet(source, ("A", "B"), PREPROCESS, Augment(strength, 32), seed, whole)


def equal(a: Drawn, b: Drawn) -> bool:
    """Bit for bit."""
    return all(torch.equal(x, y) for x, y in zip(a[:3], b[:3], strict=True)) and a[3:] == b[3:]


def test_samples_come_in_the_order_of_patients_and_of_the_store(source: Store) -> None:
    """Sample k is image k of the patients in turn, with its label, what is known of it, and its name."""
    plain, data = PlainSet(source, ("A", "B"), PREPROCESS), source.load("B")
    assert len(plain) == 8
    window = PREPROCESS.window(data.label.shape[1:], data.pixel_spacing_mm, data.heart_px)
    assert torch.equal(plain[5].image, PREPROCESS.image(data.image[1], window))
    assert torch.equal(plain[5].label, PREPROCESS.label(data.label[1], window))
    assert plain[5].known.tolist() == data.contours[1].tolist()
    assert training_set(source)[Draw(0, 5)].samples == ("B/2",)
    assert training_set(source).index_of("B/2") == 5


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


def test_a_draw_is_the_same_whenever_it_is_asked_for(source: Store) -> None:
    """Augmentation depends on seed, epoch and sample, not on what was drawn before; its seed alone suffices."""
    training = training_set(source)
    first = training[Draw(2, 5)]
    training[Draw(0, 0)]
    assert equal(training[Draw(2, 5)], first)
    assert equal(training.changed(5, first.seeds[0]), first)
    assert not torch.equal(training[Draw(3, 5)].image, first.image)
    assert not torch.equal(training_set(source, seed=4)[Draw(2, 5)].image, first.image)


def test_augmentation_moves_image_and_label_alike(source: Store) -> None:
    """The bright blood lies under the cavity's label before and after, and shapes and types stay."""
    plain, training = PlainSet(source, ("A", "B"), PREPROCESS), training_set(source)
    for index in range(8):
        changed = training[Draw(1, index)]
        assert [(x.shape, x.dtype) for x in changed[:3]] == [(x.shape, x.dtype) for x in plain[index]]
        assert type(changed.image) is torch.Tensor
        inside, outside = changed.image[0][changed.label == 1], changed.image[0][changed.label != 1]
        assert inside.median() > 0.5 > outside.median()


def test_no_strength_changes_nothing(source: Store) -> None:
    """With all strengths at 0 a sample stays as it is, but for rounding."""
    plain, still = PlainSet(source, ("A", "B"), PREPROCESS), training_set(source, STILL)
    for index in range(8):
        changed = still[Draw(0, index)]
        assert torch.equal(changed.label, plain[index].label)
        assert torch.allclose(changed.image, plain[index].image, atol=1e-4)


@pytest.mark.parametrize("workers", [0, 2])
def test_store_and_files_give_identical_batches(small_phantom: Path, tmp_path: Path, workers: int) -> None:
    """Two epochs of batches, images, labels, names, seeds and checksums, in this process or from workers."""
    ingest(small_phantom, tmp_path / "catalog", tmp_path / "state", IngestParams(), listen=silent)
    places = (small_phantom, tmp_path / "catalog", tmp_path / "none.csv")
    write_quarantine(places[2], [])
    store(*places, tmp_path / "store", StoreParams(), listen=silent)
    batches: list[list[Drawn]] = []
    with open_store(tmp_path / "store") as stored:
        for source, count in ((stored, 0), (DirectSource(*places), workers)):
            samples = TrainingSet(source, source.patients, PREPROCESS, Augment(STRONG, 32), 5, 0.3)
            order = Shuffled(len(samples), 5)
            loader = DataLoader(samples, 5, sampler=order, collate_fn=stacked, num_workers=count)
            batches.append([])
            for epoch in range(2):
                order.set_epoch(epoch)
                batches[-1] += list(loader)
    assert len(batches[0]) == len(batches[1]) > 4
    assert all(equal(a, b) for a, b in zip(*batches, strict=True))
    assert len({batch.crc32 for batch in batches[0]}) == len(batches[0])


def test_some_draws_show_the_whole_image(tmp_path: Path) -> None:
    """By the share that is asked for; which ones follows from their seeds."""
    path = write_store(tmp_path / "store", [replace(make_patient(p, 1), heart_px=(20.0, 26.0)) for p in "AB"])
    narrow, still = Preprocess(16, (1.0, 99.0), 1.5), Augment(STILL, 16)
    with open_store(path) as source:
        some, none, every = (TrainingSet(source, ("A", "B"), narrow, still, 1, whole) for whole in (0.5, 0.0, 1.0))
        labels = [[kind.changed(0, seed).label for seed in range(40)] for kind in (some, none, every)]
    assert not torch.equal(labels[1][0], labels[2][0])
    whole = [torch.equal(a, b) for a, b in zip(labels[0], labels[2], strict=True)]
    window = [torch.equal(a, b) for a, b in zip(labels[0], labels[1], strict=True)]
    assert all(a != b for a, b in zip(whole, window, strict=True))
    assert 8 < sum(whole) < 32


def test_workers_get_no_copy_of_what_is_held(source: Store) -> None:
    """A pickled set is small, opens the store for itself and gives the same."""
    training = training_set(source)
    first = training[Draw(0, 1)]
    copied = pickle.loads(pickle.dumps(training))  # noqa: S301
    assert copied._samples._held == {}
    assert equal(copied[Draw(0, 1)], first)


def test_what_is_drawn_is_logged(source: Store) -> None:
    """At debug level: sets when they are made, each epoch's shuffling."""
    with logged() as lines:
        training_set(source)
        PlainSet(source, ("C",), PREPROCESS)
        sampler = Shuffled(8, 3)
        sampler.set_epoch(2)
        list(sampler)
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("debug", "training set made"),
        ("debug", "validation set made"),
        ("debug", "epoch shuffled"),
    ]
    assert (lines[0]["samples"], lines[1]["samples"], lines[2]["epoch"], lines[2]["seed"]) == (8, 4, 2, 3)


def test_memory_is_bounded(source: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more samples are held than the limit says; the others are prepared anew, to the same bits."""
    before = [training_set(source)[Draw(0, i)] for i in range(8)]
    monkeypatch.setattr("cmrpipe.learn.datasets.MOST_HELD", 3)
    training = training_set(source)
    assert all(equal(training[Draw(0, i)], before[i]) for i in range(8))
    assert len(training._samples._held) == 3
    assert np.all([equal(training[Draw(0, i)], before[i]) for i in range(8)])
