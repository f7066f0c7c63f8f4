"""Every patient judged by a model that has not seen it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.drawn import DRAWN
from cmrpipe.errors import ParamsError, StoreError
from cmrpipe.files import sha256_file
from cmrpipe.incremental.refresh import Written
from cmrpipe.learn.baselines import BASELINES, MeanShape
from cmrpipe.learn.borders import predicted_labels
from cmrpipe.learn.crosstable import cross_table
from cmrpipe.learn.evaluation import score_patient
from cmrpipe.learn.leftout import Absent, account
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.saved import read_model
from cmrpipe.learn.scoretables import WAYS
from cmrpipe.learn.totals import summarise
from cmrpipe.learn.volumes import pair
from cmrpipe.params import EvaluateParams, TrainParams
from cmrpipe.progress import Progress, silent
from cmrpipe.stages.crossvalidate import crossvalidate
from cmrpipe.stages.train import train_split
from cmrpipe.store import open_store
from cmrpipe.store.leftout import NOTHING
from tests.learn.hearts import PATIENTS, make_patient, write_store
from tests.snapshots import snapshot

TRAIN = TrainParams(image_size=32, pixel_mm=1.5, channels=(2, 4), batch_size=4, epochs=1, precision="32-true")
JUDGE = EvaluateParams(threads=1)


@pytest.fixture(scope="module")
def judged(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One patient left out at a time; read only."""
    out = tmp_path_factory.mktemp("judged") / "crossvalidation"
    crossvalidate(store, out, None, TRAIN, JUDGE, listen=silent)
    return out


def test_each_patient_is_judged_by_a_model_that_has_not_seen_it(store: Path, judged: Path) -> None:
    """The predicted labels are those of the fold's model, whose card names the others; the totals hold all images."""
    metrics = json.loads((judged / "metrics.json").read_text())
    assert sorted(p for test in metrics["folds"].values() for p in test) == list(PATIENTS)
    assert (metrics["patients"], metrics["images"]) == (4, 16)
    with open_store(store) as source:
        for fold, (patient,) in metrics["folds"].items():
            model = read_model(judged / "models" / fold)
            assert sorted((*model.trained_on, *model.chosen_by, patient)) == list(PATIENTS)
            data = source.load(patient)
            labels = np.load(judged / "folds" / fold / "predictions" / f"{patient}.npy")
            ours = predicted_labels(Predictor(model, 16, "cpu"), data.image, data.pixel_spacing_mm, data.heart_px)
            assert np.mean(labels == ours) > 0.999  # another number of threads may round a border pixel the other way
    rows = pd.read_csv(judged / "per_patient.csv")
    assert rows.patient_id.tolist() == list(PATIENTS)
    assert rows.dice_cavity.mean() == pytest.approx(metrics["test_dice_cavity_patients"], abs=1e-5)


@pytest.mark.parametrize("several", [{"devices": 2}, {"nodes": 2}])
def test_a_fold_is_trained_in_one_process(store: Path, tmp_path: Path, several: dict[str, int]) -> None:
    """Several processes, or one that is told to help another, are refused before anything is trained."""
    with pytest.raises(ParamsError, match=r"train\.devices, train\.nodes.*-j"):
        crossvalidate(store, tmp_path / "out", 2, TRAIN.model_copy(update=several), JUDGE, listen=silent)
    assert not (tmp_path / "out").exists()


def test_ranks_of_a_launcher_are_refused(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under torchrun or Slurm, rank 1 would keep a fold without a model."""
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ParamsError, match="torchrun"):
        crossvalidate(store, tmp_path / "out", 2, TRAIN, JUDGE, listen=silent)


def test_a_baseline_stands_beside_every_figure(store: Path, judged: Path) -> None:
    """Of all patients, each mean shape from its fold's training patients; in the metrics and below the table."""
    metrics = json.loads((judged / "metrics.json").read_text())
    scores = []
    with open_store(store) as source:
        for fold, (patient,) in metrics["folds"].items():
            shape = MeanShape(source.load(other) for other in read_model(judged / "models" / fold).trained_on)
            data = source.load(patient)
            guess = np.broadcast_to(shape.label(data.label.shape[1:]), data.label.shape)
            for score in score_patient(data, guess):
                dice = score.figures["dice_cavity"]
                assert dice is not None
                scores.append(dice)
    beside = metrics["baselines"]
    assert beside["mean_shape"]["all_slices"]["dice_cavity"]["mean"] == pytest.approx(np.mean(scores), abs=1e-5)
    for told in (metrics, *beside.values()):
        assert (
            told["all_slices"]["dice_cavity"]["images"] == told["good_contours_apd_below_5mm"]["cavity"]["images"] == 16
        )
        assert {row["patients"] for row in told["clinical"].values()} == {4}
    table = (judged / "table.md").read_text()
    for name, text in (("otsu", "Otsu threshold"), ("mean shape", "mean shape of the training")):
        assert f"| {name} | 16 | 0." in table
        assert f"{name}: {text}" in table


def _test_row(card: Path) -> str:
    return next(line for line in card.read_text().splitlines() if line.startswith("| test |"))


def test_the_table_tells_of_patients_without_an_ejection_fraction(tmp_path: Path) -> None:
    """Contours left out: withheld for expert and model, with the reason; nothing found: none, counted as 100 points."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    store = write_store(tmp_path / "store", patients, left_out={"B": {"ED": 2, "ES": 1}})
    out = tmp_path / "out"
    crossvalidate(store, out, 2, TRAIN, JUDGE, listen=silent)
    table, ef = (out / "table.md").read_text(), json.loads((out / "metrics.json").read_text())["clinical"]["ef_pct"]
    assert ef["without_expert"] == 1
    assert "| withheld | withheld |" in table
    assert "B: no EDV: 2 images at ED left out (quarantine); no ESV: 1 image at ES left out (quarantine)." in table
    rows = pd.read_csv(out / "per_patient.csv").set_index("patient_id")
    assert (
        rows.loc["B", ["edv_ml_expert", "edv_ml_model", "ef_pct_expert", "ef_pct_model", "mass_g_expert"]].isna().all()
    )
    assert "left out" in rows.reason["B"]
    assert rows.images_left_out.to_dict() == {"A": 0, "B": 3, "C": 0, "D": 0}
    assert "| B | 4 of 7 |" in table
    assert "| A | 4 |" in table
    assert "| **all slices** | 16 of 19 |" in table
    said = "Of 19 drawn images 3 are left out and not judged (2 at ED, 1 at ES), by a person's decision."
    assert said in table
    (card,) = (path for path in out.glob("folds/*/model_card.md") if " B" in _test_row(path))
    assert said.replace("19", "11") in card.read_text()

    data = [make_patient(patient, seed) for seed, patient in enumerate("AB")]
    pairs = [pair(data[0], data[0].label, {}), pair(data[1], np.zeros_like(data[1].label), {})]
    scores = [s for d, g in zip(data, (data[0].label, data[1].label * 0), strict=True) for s in score_patient(d, g)]
    told, lacking = summarise(scores, pairs), Absent(dict.fromkeys("AB", NOTHING), {})
    markdown = cross_table(
        {**told, DRAWN: account(scores, lacking), "baselines": dict.fromkeys(BASELINES, told)},
        dict.fromkeys(WAYS, scores),
        pairs,
        lacking,
    ).markdown
    assert f"| {pairs[1].expert.ef_pct:.1f} | none |" in markdown
    assert "| 50.0 apart on average |" in markdown
    assert "Of 1 of 2 patients the model has no EF" in markdown


def test_what_is_unchanged_is_kept_and_two_at_a_time_give_the_same(store: Path, judged: Path, tmp_path: Path) -> None:
    """A second run does nothing, another way to judge trains nothing; two folds at a time write the same bytes."""
    heard: list[Progress] = []
    again = crossvalidate(store, judged, None, TRAIN, JUDGE, listen=heard.append)
    assert (again.done, again.unchanged) == (0, 4)
    assert heard == []
    crossvalidate(store, judged, None, TRAIN, JUDGE.model_copy(update={"batch_size": 2}), listen=heard.append)
    assert {p.stage for p in heard} == {"evaluate"}
    crossvalidate(store, judged, None, TRAIN, JUDGE, listen=silent)
    crossvalidate(store, tmp_path / "two", None, TRAIN, JUDGE, listen=silent, workers=2)
    assert snapshot(tmp_path / "two", ".", "manifest") == snapshot(judged, ".", "manifest")


def test_a_run_that_was_stopped_keeps_the_folds_it_finished(store: Path, judged: Path, tmp_path: Path) -> None:
    """The second run trains only the rest, to the same bytes."""

    def stop(progress: Progress) -> None:
        if progress.stage == "crossvalidate" and progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crossvalidate(store, tmp_path / "out", None, TRAIN, JUDGE, listen=stop)
    heard: list[Progress] = []
    crossvalidate(store, tmp_path / "out", None, TRAIN, JUDGE, listen=heard.append)
    assert len([p for p in heard if p.stage == "crossvalidate"]) == 2
    assert snapshot(tmp_path / "out", ".", "manifest") == snapshot(judged, ".", "manifest")


def test_a_judgement_is_of_the_model_that_is_there(
    store: Path, judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold that was trained again, and came out otherwise (on another CPU, say), is judged again."""

    @wraps(train_split)
    def elsewhere(*args: Any, params: TrainParams, **kwargs: Any) -> Written:
        return train_split(*args, params=params.model_copy(update={"seed": 1}), **kwargs)

    out = tmp_path / "out"
    shutil.copytree(judged, out)
    shutil.rmtree(out / "models" / "fold-01")
    before = sha256_file(judged / "models" / "fold-01" / "model.json")
    monkeypatch.setattr("cmrpipe.stages.crossvalidate.train_split", elsewhere)
    crossvalidate(store, out, None, TRAIN, JUDGE, listen=silent)
    now = sha256_file(out / "models" / "fold-01" / "model.json")
    assert now != before
    assert f"`{now}`" in (out / "folds" / "fold-01" / "model_card.md").read_text()


def test_the_same_heart_under_two_names_is_refused(tmp_path: Path) -> None:
    """Pixels of a judged patient among those of a training patient."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    store = write_store(tmp_path / "store", [*patients, replace(patients[0], patient_id="E")])
    with pytest.raises(StoreError, match="same pixels"):
        crossvalidate(store, tmp_path / "out", None, TRAIN, JUDGE, listen=silent)


def test_too_few_patients_for_the_folds(store: Path, tmp_path: Path) -> None:
    """With the number there is."""
    with pytest.raises(StoreError, match="has 4 patients, too few for 5 folds"):
        crossvalidate(store, tmp_path / "out", 5, TRAIN, JUDGE, listen=silent)


@pytest.mark.parametrize("folds", [2, None])
def test_fewer_than_three_patients_need_more_patients(folds: int | None, tmp_path: Path) -> None:
    """Fewer folds would not help, and are not asked for."""
    store = write_store(tmp_path / "store", [make_patient("A", 0), make_patient("B", 1)])
    with pytest.raises(StoreError, match=r"has 2 patients with contours \(A, B\).* needs 3.*Land more patients"):
        crossvalidate(store, tmp_path / "out", folds, TRAIN, JUDGE, listen=silent)


def test_suspects_reads_what_it_writes_and_the_command_prints_the_table(store: Path, tmp_path: Path) -> None:
    """Two folds by the command line; then all contours are ranked."""
    params = tmp_path / "params.yaml"
    recipe = "{image_size: 32, channels: [2, 4], epochs: 1, precision: 32-true}"
    params.write_text(f"train: {recipe}\n")
    out = tmp_path / "out"
    common = ["--store", str(store), "--out"]
    done = CliRunner().invoke(app, ["crossvalidate", "--folds", "2", *common, str(out), "--params", str(params)])
    assert done.exit_code == 0, done.output
    assert "| **all slices** | 16 |" in done.output
    ranked = CliRunner().invoke(app, ["suspects", "--predictions", str(out), *common, str(tmp_path / "suspects")])
    assert ranked.exit_code == 0, ranked.output
    assert len(pd.read_csv(tmp_path / "suspects" / "suspects.csv")) == 16 + 8
