"""Epicardia that nobody drew, as a first network sees them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cmrpipe.errors import InputError
from cmrpipe.learn.completion import Completed, complete, half_drawn
from cmrpipe.learn.journal import read_batches
from cmrpipe.learn.network import Architecture, build
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.saved import Model, read_model
from cmrpipe.learn.selftraining import completed
from cmrpipe.params import TrainParams
from cmrpipe.progress import silent
from cmrpipe.stages.train import train
from cmrpipe.store import Store, open_store
from tests.learn.hearts import PATIENTS, make_patient, write_store

TRUE = {patient: make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)}


class Bright(nn.Module):
    """Blood is bright, muscle is grey, the rest is dark: the network that one wishes for."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        value = image[:, 0]
        return torch.stack([0.15 - value, value - 0.6, 0.2 - (value - 0.35).abs()], dim=1) * 60


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """4 patients of 4 images, the epicardium drawn in every second one."""
    return open_store(write_store(tmp_path / "store", list(TRUE.values())))


@pytest.fixture
def predictor() -> Predictor:
    """Of the network above."""
    architecture = Architecture((4, 8))
    preprocess = Preprocess(64, (0.0, 100.0), 1.5)
    state, seen = build(architecture).state_dict(), np.zeros((0, 16), np.uint8)
    made = Predictor(Model(architecture, state, preprocess, (), (), seen, {}), 4, "cpu")
    made.network = Bright()
    return made


def test_what_was_drawn_stays_and_what_was_not_is_added(predictor: Predictor, tmp_path: Path) -> None:
    """Images with both borders as they were; the others get a wall like their heart's, and nothing that lies apart."""
    data = [replace(TRUE[p], image=TRUE[p].image.copy()) for p in ("A", "B")]
    for brightened in data:
        brightened.image[:, :4, :9] = 150
    store = open_store(write_store(tmp_path / "more", data))
    complete(store, ("A", "B"), predictor, tmp_path / "walls", listen=silent)
    whole = Completed(store, tmp_path / "walls")
    assert whole.completed(("A", "B")) == 4
    for patient in ("A", "B"):
        for i in range(4):
            drawn, found = store.sample(patient, i), whole.sample(patient, i)
            assert found.contours.all()
            assert np.array_equal(found.image, drawn.image)
            assert np.array_equal(found.label == 1, drawn.label == 1)
            if drawn.contours.all():
                assert np.array_equal(found.label, drawn.label)
            else:
                assert not (drawn.label == 2).any()
                wall = (TRUE[patient].image[i] > 100) & (drawn.label != 1)  # muscle is 150, the rest 50, noise 10
                assert not found.label[:4, :9].any()
                assert 2 * (wall & (found.label == 2)).sum() / (wall.sum() + (found.label == 2).sum()) > 0.9
    again = pickle.loads(pickle.dumps(whole))  # noqa: S301
    assert np.array_equal(again.sample("A", 1).label, whole.sample("A", 1).label)
    assert np.array_equal(again.load("A").label[1], whole.sample("A", 1).label)


def test_where_no_wall_is_seen_nothing_is_added(store: Store, predictor: Predictor, tmp_path: Path) -> None:
    """A network that sees nothing about the cavity leaves images as they were drawn: unknown, not background."""
    predictor.network = type(
        "Blind", (nn.Module,), {"forward": lambda _, x: torch.stack([x[:, 0] * 0 + 9] + [x[:, 0] * 0] * 2, 1)}
    )()
    complete(store, ("A",), predictor, tmp_path / "walls", listen=silent)
    whole = Completed(store, tmp_path / "walls")
    assert whole.completed(("A",)) == 0
    for i in range(4):
        assert np.array_equal(whole.sample("A", i).contours, store.sample("A", i).contours)


def test_only_half_drawn_sets_are_completed(store: Store, tmp_path: Path) -> None:
    """Where all images have both borders there is nothing to add, and where none has, nothing to learn it from."""
    assert half_drawn(store, ("A", "B"))
    for column, name in ((True, "both"), (False, "none")):
        patients = [make_patient(patient, 1) for patient in PATIENTS]
        for data in patients:
            data.contours[:, 1] = column
        with open_store(write_store(tmp_path / name, patients)) as other:
            assert not half_drawn(other, other.patients)


def test_training_learns_from_completed_images_and_keeps_them(store: Store, tmp_path: Path) -> None:
    """The first model with its log and figures lies beside the second, which says how many images; no patient does."""
    params = TrainParams(image_size=32, pixel_mm=1.5, channels=(4, 8), batch_size=4, epochs=60, precision="32-true")
    summary = train(store.folder, tmp_path / "model", params, listen=silent)
    first, second = read_model(tmp_path / "model" / "first"), read_model(tmp_path / "model")
    walls = completed(first, store, second.trained_on, params, tmp_path / "walls", listen=silent)
    assert summary.counts["images_completed"] == walls.completed(second.trained_on) > 0
    assert second.origin["completed"] == walls.completed(second.trained_on)
    assert first.trained_on == second.trained_on
    assert not any(torch.equal(first.weights[name], second.weights[name]) for name in list(first.weights)[:2])
    assert not list((tmp_path / "model").rglob("*.npz"))
    for folder in (tmp_path / "model", tmp_path / "model" / "first"):
        assert len(read_batches(folder / "batches.jsonl")) == 60 * 3
        assert (folder / "history.csv").is_file()
    once = params.model_copy(update={"complete": False, "epochs": 1})
    assert train(store.folder, tmp_path / "once", once, listen=silent).counts["images_completed"] == 0
    assert not (tmp_path / "once" / "first").exists()


@pytest.mark.parametrize("harm", ["missing", "damaged", "of another patient"])
def test_walls_that_do_not_fit_are_told(store: Store, predictor: Predictor, tmp_path: Path, harm: str) -> None:
    """The file, and that it can go."""
    path = tmp_path / "walls" / "A.npz"
    complete(store, ("A",), predictor, path.parent, listen=silent)
    if harm == "missing":
        path.unlink()
    elif harm == "damaged":
        path.write_bytes(path.read_bytes()[:100])
    else:
        np.savez(path, wall=np.zeros((3, 40, 7), np.uint8), shape=np.array([3, 40, 52]))
    with pytest.raises(InputError, match=r"A\.npz.*Remove"):
        Completed(store, path.parent).sample("A", 0)
