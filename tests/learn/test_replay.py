"""Batches made again from the batch log."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.errors import InputError, StoreError
from cmrpipe.learn.datasets import Drawn
from cmrpipe.learn.journal import batches_file, read_batches
from cmrpipe.learn.module import Segmentation
from cmrpipe.learn.replay import replay
from cmrpipe.learn.saved import read_model, write_model
from cmrpipe.params import IngestParams, StoreParams, TrainParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.stages.train import train
from cmrpipe.store import open_store
from tests.learn.hearts import PATIENTS, make_patient, write_store

PARAMS = TrainParams(image_size=32, pixel_mm=1.5, channels=(4, 8), batch_size=5, epochs=2, whole=0.3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Drawn]]:
    """Store, model, and the batches that the network really saw."""
    base = tmp_path_factory.mktemp("replay")
    store = write_store(base / "store", [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)])
    seen: list[Drawn] = []
    original = Segmentation.training_step

    def spy(self: Segmentation, batch: Drawn, index: int) -> torch.Tensor:
        seen.append(Drawn._make(x.clone() if isinstance(x, torch.Tensor) else x for x in batch))
        return original(self, batch, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Segmentation, "training_step", spy)
        train(store, base / "model", PARAMS, listen=silent)
    return store, base / "model", seen


def test_every_batch_can_be_made_again(trained: tuple[Path, Path, list[Drawn]]) -> None:
    """Bit for bit what the networks of both trainings saw, partial batches and both epochs included."""
    store, model, seen = trained
    rounds = {True: seen[:6], False: seen[6:]}
    assert len(seen) == 12
    assert any(batch.known[:, 1].sum() < len(batch.known) for batch in rounds[True])
    assert all(batch.known.all() for batch in rounds[False])
    lines = read_batches(model / batches_file())
    assert [(line.epoch, line.step) for line in lines] == [(0, 0), (0, 1), (0, 2), (1, 3), (1, 4), (1, 5)]
    assert [len(line.samples) for line in lines] == [5, 5, 2] * 2
    with open_store(store) as source:
        for first, batches in rounds.items():
            for step, batch in enumerate(batches):
                line, again = replay(source, model, step, first=first)
                assert first or line == lines[step]
                assert torch.equal(again.image, batch.image)
                assert torch.equal(again.label, batch.label)
                assert torch.equal(again.known, batch.known)
                assert (again.samples, again.seeds) == (batch.samples, batch.seeds)


def test_a_step_that_never_was_is_refused(trained: tuple[Path, Path, list[Drawn]]) -> None:
    """And those that were are named."""
    store, model, _ = trained
    with open_store(store) as source, pytest.raises(InputError, match="It has steps 0 to 5"):
        replay(source, model, 6)


def test_a_training_that_never_was_is_refused(trained: tuple[Path, Path, list[Drawn]], tmp_path: Path) -> None:
    """Training again would bring neither a rank nor a first training."""
    store, model, _ = trained
    (tmp_path / batches_file()).write_bytes((model / batches_file()).read_bytes())
    with open_store(store) as source:
        with pytest.raises(InputError, match=r"has no log of rank 2\. It has ranks 0 to 0"):
            replay(source, model, 0, 2)
        with pytest.raises(InputError, match=r"was trained once, not twice\. Leave --first out"):
            replay(source, tmp_path, 0, first=True)


def test_parameters_of_another_version_are_told(trained: tuple[Path, Path, list[Drawn]], tmp_path: Path) -> None:
    """A model may be older than a limit of a parameter, or younger than a parameter's name."""
    store, model, _ = trained
    saved = read_model(model)
    params = {**saved.origin["params"], "weight_decay": 2.0, "later": 1}
    write_model(tmp_path, replace(saved, origin={**saved.origin, "params": params}))
    (tmp_path / batches_file()).write_bytes((model / batches_file()).read_bytes())
    with open_store(store) as source, pytest.raises(InputError, match=r"not take \(weight_decay, later\)\. Check out"):
        replay(source, tmp_path, 0)


def test_other_data_are_told(trained: tuple[Path, Path, list[Drawn]], tmp_path: Path) -> None:
    """One changed pixel in a sample of the batch, or a sample that is gone."""
    _, model, _ = trained
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    patient, _, number = read_batches(model / batches_file())[0].samples[0].rpartition("/")
    at = next(i for i, data in enumerate(patients) if data.patient_id == patient)
    patients[at].image[int(number) - 1, 20, 26] += 200
    with (
        open_store(write_store(tmp_path / "one", patients)) as source,
        pytest.raises(StoreError, match="another batch"),
    ):
        replay(source, model, 0)
    patients[at] = replace(patients[at], instance_number=patients[at].instance_number + 100)
    with (
        open_store(write_store(tmp_path / "two", patients)) as source,
        pytest.raises(StoreError, match="no longer has"),
    ):
        replay(source, model, 0)


@pytest.mark.parametrize("text", ["{", '{"epoch": 0}\n', "[]\n"])
def test_a_damaged_log_is_refused(tmp_path: Path, text: str) -> None:
    """With the file's name."""
    (tmp_path / batches_file()).write_text(text)
    with pytest.raises(InputError, match=r"batches\.jsonl"):
        read_batches(tmp_path / batches_file())


def test_dvclive_has_the_figures_of_every_epoch(trained: tuple[Path, Path, list[Drawn]]) -> None:
    """In its own files, which `dvc plots` reads."""
    _, model, _ = trained
    rows = (model / "dvclive" / "plots" / "metrics" / "train_loss.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["step", "train_loss"]
    history = (model / "history.csv").read_text().splitlines()[1:]
    assert [float(row.split("\t")[1]) for row in rows[1:]] == pytest.approx(
        [float(row.split(",")[1]) for row in history], abs=1e-5
    )
    assert json.loads((model / "dvclive" / "metrics.json").read_text())["step"] == 1


def test_the_command_gives_the_same_batch_from_the_store_and_from_the_files(
    small_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cmrpipe replay`, with and without --direct: byte for byte the same arrays."""
    monkeypatch.chdir(tmp_path)
    ingest(small_phantom, tmp_path / "data/catalog", tmp_path / "state", IngestParams(), listen=silent)
    places = (small_phantom, tmp_path / "data/catalog", tmp_path / "quarantine.csv")
    write_quarantine(places[2], [])
    store_stage(*places, tmp_path / "data/store", StoreParams(), listen=silent)
    train(tmp_path / "data/store", tmp_path / "data/model", PARAMS, listen=silent)
    for name, options in (("one", []), ("two", ["--direct", "--raw", str(small_phantom)])):
        done = CliRunner().invoke(app, ["replay", "1", "--out", f"{name}.npz", *options])
        assert done.exit_code == 0, done.output
        assert "step 1 of epoch 0, the same bytes" in done.output
    one, two = np.load("one.npz"), np.load("two.npz")
    for name in ("image", "label", "known"):
        np.testing.assert_array_equal(one[name], two[name])
    assert one["image"].shape == (5, 1, 32, 32)
    assert CliRunner().invoke(app, ["replay", "999"]).exit_code == 2


def test_a_repository_without_a_commit_is_no_obstacle(
    trained: tuple[Path, Path, list[Drawn]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVCLive wants a commit; the model does without DVCLive, and its weights are the same."""
    store, model, _ = trained
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    train(store, tmp_path / "model", PARAMS, listen=silent)
    assert (tmp_path / "model" / "model.pt").read_bytes() == (model / "model.pt").read_bytes()
    assert not (tmp_path / "model" / "dvclive").exists()
