"""A training that was killed goes on to the same bits."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest
import torch

from cmrpipe.errors import InputError
from cmrpipe.learn.checkpoints import last_checkpoint
from cmrpipe.learn.journal import batches_file, read_batches
from cmrpipe.params import TrainParams
from cmrpipe.progress import Progress, silent
from cmrpipe.stages.train import train, training_folder
from tests.learn.hearts import PATIENTS, make_patient, write_store
from tests.learn.logged import logged
from tests.learn.slowly import train_slowly
from tests.learn.unpickled import Runs
from tests.snapshots import snapshot

PARAMS = TrainParams(
    image_size=32, pixel_mm=1.5, channels=(4, 8), batch_size=4, epochs=9, val_fraction=0.25, patience=9, whole=0.3
)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["cmrpipe.learn.training"])
"""Each is forked from one that has imported torch and done nothing with it: importing costs more than the training."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 patients of 4 images."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    return write_store(tmp_path_factory.mktemp("resume") / "store", patients)


@pytest.fixture(scope="module", params=[0.25, 0.0], ids=["best epoch", "last epoch"])
def undisturbed(request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that nobody disturbed."""
    out = tmp_path_factory.mktemp("undisturbed") / "model"
    train(store, out, PARAMS.model_copy(update={"val_fraction": request.param}), listen=silent)
    return out


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bytes(
    request: pytest.FixtureRequest, store: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """SIGKILL twice in the first training, once in the second: every file is that of one run."""
    out = tmp_path / "model"
    fraction = 0.0 if "last" in request.node.callspec.id else 0.25
    params = PARAMS.model_copy(update={"val_fraction": fraction})
    first_told = []
    for upto in (3, 6, 13):
        hear, tell = PROCESSES.Pipe(duplex=False)
        child = PROCESSES.Process(target=train_slowly, args=(store, out, params, tell))
        child.start()
        tell.close()
        with hear:
            told = [hear.recv()]
            while told[-1] < upto:
                told.append(hear.recv())
            time.sleep(0.1)
            child.kill()
            child.join()
        first_told.append(told[0])
        assert not (out / "model.pt").exists()
    assert first_told[0] == 1
    assert first_told[1] > 2  # it went on where it was
    assert first_told[2] > 5
    heard: list[int] = []
    train(store, out, params, listen=lambda p: heard.append(p.done) if p.unit.startswith("epoch") else None)
    assert heard[0] > 9  # the first training is not done again
    assert snapshot(out, ".", "manifest") == snapshot(undisturbed, ".", "manifest")
    assert len(read_batches(out / batches_file())) == 9 * (2 if fraction else 3)
    assert not training_folder(out).exists()


class StopError(Exception):
    """Ends a training in the middle."""


IMPATIENT = PARAMS.model_copy(update={"epochs": 40, "patience": 2, "seed": 3, "learning_rate": 0.03})


@pytest.fixture(scope="module")
def early(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A model whose trainings both ended early, undisturbed, and how often they were heard of."""
    whole = tmp_path_factory.mktemp("early") / "whole"
    heard: list[Progress] = []
    train(store, whole, IMPATIENT, listen=heard.append)
    for folder in (whole, whole / "first"):
        assert 3 < len((folder / "history.csv").read_text().splitlines()) < 40
    return whole, len(heard)


@pytest.mark.parametrize("at", [4, 8, 10, 12, 18, -1])
def test_early_stopping_is_the_same_after_a_stop(store: Path, early: tuple[Path, int], tmp_path: Path, at: int) -> None:
    """Of both trainings: what validation had said so far, and that it was enough, is not forgotten."""
    whole, heard = early
    left = [at if at > 0 else heard]

    def stopping(_: Progress) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise StopError

    with pytest.raises(StopError):
        train(store, tmp_path / "model", IMPATIENT, listen=stopping)
    train(store, tmp_path / "model", IMPATIENT, listen=silent)
    assert snapshot(tmp_path / "model", ".", "manifest") == snapshot(whole, ".", "manifest")


def test_other_params_begin_anew(store: Path, tmp_path: Path) -> None:
    """A checkpoint of another recipe is not taken for this one's, and nothing of it stays."""
    other = training_folder(tmp_path / "model") / "0123456789abcdef"
    other.mkdir(parents=True)
    (other / "last.ckpt").write_bytes(b"of another training")
    train(store, tmp_path / "model", PARAMS.model_copy(update={"epochs": 1}), listen=silent)
    assert not training_folder(tmp_path / "model").exists()


def test_every_batch_is_logged(store: Path, tmp_path: Path) -> None:
    """At debug level, with the samples that the batch log has."""
    with logged() as lines:
        train(store, tmp_path / "model", PARAMS.model_copy(update={"epochs": 2, "complete": False}), listen=silent)
    told = [line for line in lines if line["event"] == "batch"]
    kept = read_batches(tmp_path / "model" / batches_file())
    assert [(line["epoch"], line["step"], tuple(line["samples"])) for line in told] == [
        (line.epoch, line.step, tuple(line.samples)) for line in kept
    ]
    assert {line["log_level"] for line in told} == {"debug"}
    assert len(told) > 2


def test_a_checkpoint_cannot_bring_code_along(tmp_path: Path) -> None:
    """One that would run something when it is read is refused, and it does not run."""
    torch.save({"state_dict": Runs(tmp_path / "ran")}, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match="is no checkpoint"):
        last_checkpoint(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("keep", [0.0, 0.4, 0.99])
def test_a_damaged_checkpoint_is_told(tmp_path: Path, keep: float) -> None:
    """Which file it is, and which folder to remove for the training to begin anew."""
    assert last_checkpoint(tmp_path) is None
    torch.save({"state": torch.arange(1000)}, tmp_path / "last.ckpt")
    assert last_checkpoint(tmp_path) == tmp_path / "last.ckpt"
    data = (tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match=rf"last\.ckpt: is no checkpoint.*Remove the folder {tmp_path};") as caught:
        last_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)
