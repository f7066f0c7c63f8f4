"""The train stage."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cmrpipe.errors import StoreError
from cmrpipe.learn.splits import split_patients
from cmrpipe.progress import Progress, silent
from cmrpipe.stages.evaluate import evaluate
from cmrpipe.stages.train import train
from tests.learn.hearts import PATIENTS, make_patient, write_store
from tests.snapshots import snapshot
from tests.stages.learned import BRIEF, JUDGE, QUICK


def test_same_store_same_params_same_bytes(store: Path, tmp_path: Path) -> None:
    """Every file of a model and of its evaluation, whatever ran in this process before; other seeds give others."""
    torch.rand(3)
    for name in ("one", "two"):
        train(store, tmp_path / name, BRIEF, listen=silent)
        evaluate(store, tmp_path / name, tmp_path / f"eval_{name}", JUDGE, listen=silent)
        np.random.default_rng().random()
        torch.rand(5)
    assert snapshot(tmp_path / "one", ".") == snapshot(tmp_path / "two", ".")
    assert snapshot(tmp_path / "eval_one", ".") == snapshot(tmp_path / "eval_two", ".")
    train(store, tmp_path / "three", BRIEF.model_copy(update={"seed": 1}), listen=silent)
    assert snapshot(tmp_path / "one", ".")["model.pt"] != snapshot(tmp_path / "three", ".")["model.pt"]


def test_nothing_changed_trains_nothing_and_loads_no_torch(store: Path, tmp_path: Path) -> None:
    """A second run of both stages returns the same figures at once, in a process that never imports torch."""
    first = train(store, tmp_path / "model", BRIEF, listen=silent)
    judged = evaluate(store, tmp_path / "model", tmp_path / "eval", JUDGE, listen=silent)
    before = snapshot(tmp_path, ".")
    code = (
        "import sys; from pathlib import Path; from cmrpipe.params import TrainParams, EvaluateParams\n"
        "from cmrpipe.stages.train import train; from cmrpipe.stages.evaluate import evaluate\n"
        "store, model, out, params, judge = sys.argv[1:]\n"
        "def say(p): raise SystemExit(f'worked on {p}')\n"
        "print(train(Path(store), Path(model), TrainParams.model_validate_json(params), listen=say))\n"
        "print(evaluate(Path(store), Path(model), Path(out), EvaluateParams.model_validate_json(judge), listen=say))\n"
        "assert not {'torch', 'lightning', 'monai'} & set(sys.modules)"
    )
    paths = [str(store), str(tmp_path / "model"), str(tmp_path / "eval")]
    run = subprocess.run(
        [sys.executable, "-c", code, *paths, BRIEF.model_dump_json(), JUDGE.model_dump_json()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    unchanged = [replace(summary, done=0, unchanged=1) for summary in (first, judged)]
    assert run.stdout.splitlines() == [str(summary) for summary in unchanged]
    assert snapshot(tmp_path, ".") == before


def test_an_altered_output_is_made_again(store: Path, tmp_path: Path) -> None:
    """A rotten or missing file is noticed, and what is made again has the old bytes."""
    train(store, tmp_path / "model", BRIEF, listen=silent)
    evaluate(store, tmp_path / "model", tmp_path / "eval", JUDGE, listen=silent)
    before = snapshot(tmp_path, ".")
    (tmp_path / "model" / "history.csv").write_text("rotten")
    (tmp_path / "eval" / "per_image.csv").unlink()
    assert train(store, tmp_path / "model", BRIEF, listen=silent).done == 1
    assert evaluate(store, tmp_path / "model", tmp_path / "eval", JUDGE, listen=silent).done == 1
    assert snapshot(tmp_path, ".") == before


def test_every_epoch_is_told_and_nothing_is_said_besides(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The listener hears all epochs with the validation Dice; no framework writes to the console or the log."""
    heard: list[Progress] = []
    caplog.set_level(logging.INFO)
    params = BRIEF.model_copy(update={"epochs": 2})
    train(store, tmp_path / "model", params, listen=heard.append)
    told = [(p.unit, p.done, p.total) for p in heard if p.unit != "epicardia"]
    assert told[0] == ("start", 0, 2)
    assert told[1:] == [("epoch 1", 1, 4), ("epoch 2", 2, 4), ("epoch 1", 3, 4), ("epoch 2", 4, 4)]
    assert heard[-1].note.startswith("second of two, val Dice 0.")
    assert {(p.done, p.total) for p in heard if p.unit == "epicardia"} == {(2, 4)}
    history = pd.read_csv(tmp_path / "model" / "history.csv")
    assert history.epoch.tolist() == [1, 2]
    assert history.columns.tolist() == ["epoch", "train_loss", "val_loss", "val_dice_cavity", "val_dice_myocardium"]
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith(("lightning", "torch", "monai"))]


def test_training_leaves_torch_as_it_was(store: Path, tmp_path: Path) -> None:
    """Threads, determinism and the random generator are the caller's again."""
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state().tolist())
    train(store, tmp_path / "model", BRIEF, listen=silent)
    assert before == (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_rng_state().tolist(),
    )


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl+C is heard, also where the tests run in the background of a script, in which it is passed over."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_training_that_is_told_to_stop_does_not_pass_for_done(store: Path, tmp_path: Path) -> None:
    """SIGTERM ends with its own exit code and Ctrl+C as such, nothing is written, and the next run makes the model."""

    def terminate(progress: Progress) -> None:
        if progress.done:
            os.kill(os.getpid(), signal.SIGTERM)

    def interrupt(progress: Progress) -> None:
        if progress.done:
            signal.raise_signal(signal.SIGINT)

    params = BRIEF.model_copy(update={"epochs": 3})
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(SystemExit) as stop:
        train(store, tmp_path / "model", params, listen=terminate)
    assert stop.value.code == 128 + signal.SIGTERM
    with pytest.raises(KeyboardInterrupt):
        train(store, tmp_path / "model", params, listen=interrupt)
    assert snapshot(tmp_path / "model", ".") == {}
    assert handlers == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert train(store, tmp_path / "model", params, listen=silent).done == 1


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    """Two patients are not enough, and nothing is written."""
    store = write_store(tmp_path / "store", [make_patient("A", 0), make_patient("B", 1)])
    with pytest.raises(StoreError, match="has 2 patients"):
        train(store, tmp_path / "model", BRIEF, listen=silent)
    assert not (tmp_path / "model").exists()


def test_identical_images_on_both_sides_are_refused_before_training(tmp_path: Path) -> None:
    """Three names for one heart: no epoch is trained."""
    heart = make_patient("A", 0)
    store = write_store(tmp_path / "store", [replace(heart, patient_id=name) for name in "ABC"])
    heard: list[Progress] = []
    with pytest.raises(StoreError, match="same pixels"):
        train(store, tmp_path / "model", BRIEF, listen=heard.append)
    assert [p.done for p in heard] == [0]


def test_a_training_patient_is_no_copy_of_one_that_chooses_the_epoch(tmp_path: Path) -> None:
    """One image of a validation patient, pixel for pixel among the training patients' images: no epoch is trained."""
    patients = {patient: make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)}
    split = split_patients(PATIENTS, QUICK.val_fraction, QUICK.test_fraction, QUICK.seed)
    patients[split.val[0]].image[2] = patients[split.train[0]].image[1]
    heard: list[Progress] = []
    with pytest.raises(StoreError, match=f"{split.val[0]}: image 3 has the same pixels"):
        train(write_store(tmp_path / "store", list(patients.values())), tmp_path / "model", BRIEF, listen=heard.append)
    assert [p.done for p in heard] == [0]
