"""The evaluate stage: figures, model card, and what it refuses to judge."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.errors import InputError, StoreError
from cmrpipe.files import sealed, sha256_file
from cmrpipe.learn.dvcrecord import folder_md5
from cmrpipe.learn.predicted import prediction_file
from cmrpipe.learn.scoretables import read_scores
from cmrpipe.progress import silent
from cmrpipe.stages.evaluate import evaluate
from cmrpipe.stages.train import train
from cmrpipe.store import open_store
from tests.learn.hearts import COLS, PATIENTS, ROWS, make_patient, only, write_store
from tests.snapshots import snapshot
from tests.stages.learned import BRIEF, JUDGE


def test_it_learns_and_is_judged_on_a_patient_it_has_not_seen(store: Path, model: Path, tmp_path: Path) -> None:
    """A bright disc is found; the tables, the figures and the predicted labels agree with each other."""
    summary = evaluate(store, model, tmp_path / "eval", JUDGE, listen=silent)
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    images = pd.read_csv(tmp_path / "eval" / "per_image.csv")
    patients = pd.read_csv(tmp_path / "eval" / "per_patient.csv")
    (test,) = json.loads((model / "splits.json").read_text())["test"]
    assert summary.done == 1
    assert summary.metrics["test_dice_cavity"] == metrics["test_dice_cavity"] > 0.8
    assert images.dice_cavity.mean() == pytest.approx(metrics["test_dice_cavity"], abs=1e-5)
    assert patients.dice_myocardium[0] == pytest.approx(metrics["test_dice_myocardium"], abs=1e-5)
    assert images.dice_myocardium.isna().tolist() == [False, True, False, True]
    predicted = np.load(tmp_path / "eval" / prediction_file(test))
    assert (predicted.shape, predicted.dtype) == ((4, ROWS, COLS), np.uint8)
    with open_store(store) as opened:
        expert = opened.label(test, 0) == 1
    both = 2 * (expert & (predicted[0] == 1)).sum() / (expert.sum() + (predicted[0] == 1).sum())
    assert images.dice_cavity[0] == pytest.approx(both, abs=1e-5)


def test_volumes_follow_what_the_store_lacks(store: Path, model: Path, tmp_path: Path) -> None:
    """The table has the baselines beside; once the store says that drawn images are left out, all of it is withheld."""
    evaluate(store, model, tmp_path / "eval", JUDGE, listen=silent)
    whole = pd.read_csv(tmp_path / "eval" / "volumes.csv")
    for who in ("expert", "model", "otsu", "mean_shape"):
        assert whole[[f"{name}_{who}" for name in ("edv_ml", "esv_ml", "ef_pct", "mass_g")]].notna().all(axis=None)
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    less = write_store(tmp_path / "store", patients, left_out={key: {"ED": 1, "ES": 2} for key in PATIENTS})
    summary = evaluate(less, model, tmp_path / "eval", JUDGE, listen=silent)
    assert (summary.done, summary.counts["images_left_out"]) == (1, 3)
    withheld = pd.read_csv(tmp_path / "eval" / "volumes.csv")
    assert withheld.filter(regex="_ml_|_pct_|_g_").isna().all(axis=None)
    assert withheld.reason.tolist() == [
        "no EDV: 1 image at ED left out (quarantine); no ESV: 2 images at ES left out (quarantine)"
    ]


def test_labels_of_test_patients_that_changed_are_named(model: Path, tmp_path: Path) -> None:
    """An image of the test patient that went into quarantine after the training; one of a training patient is none."""
    (test,) = json.loads((model / "splits.json").read_text())["test"]
    whole = {patient: make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)}

    def card(less: str) -> str:
        patients = [only(data, np.arange(3)) if name == less else data for name, data in whole.items()]
        made = write_store(tmp_path / less / "store", patients, left_out={less: {"ES": 1}})
        evaluate(made, model, tmp_path / less / "eval", JUDGE, listen=silent)
        return (tmp_path / less / "eval" / "model_card.md").read_text()

    other = next(patient for patient in PATIENTS if patient != test)
    assert "Since the model was trained" not in card(other)
    text = card(test)
    assert f"contours of its test patients were changed, added or left out: {test}." in text
    assert "On 1 patient (3 of 4 drawn images) that it has not seen." in text


def test_the_card_has_dvcs_hashes_of_the_store_that_was_judged(model: Path, tmp_path: Path) -> None:
    """None without a record; those of dvc.lock once it has them, and none again when it is of another store."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    store, card = write_store(tmp_path / "data" / "store", patients), tmp_path / "eval" / "model_card.md"

    def judged() -> str:
        evaluate(store, model, tmp_path / "eval", JUDGE, listen=silent)
        return card.read_text()

    assert "there is no dvc.lock" in judged()
    stage = {"outs": [{"path": "data/store", "md5": folder_md5(store)}]}
    (tmp_path / "dvc.lock").write_text(json.dumps({"stages": {"store": stage}}))
    assert f"| data/store (MD5, dvc.lock) | `{folder_md5(store)}` |" in judged()
    shutil.rmtree(store)
    write_store(store, [replace(patients[0], heart_px=(1.0, 1.0)), *patients[1:]])
    text = judged()
    assert "(MD5, dvc.lock)" not in text
    assert "dvc.lock records another state of data/store than was judged" in text


def test_a_split_that_was_tampered_with_is_refused(store: Path, model: Path, tmp_path: Path) -> None:
    """A training patient that was written among the test patients is found by the model's own account."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in snapshot(model, ".").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    split = json.loads((folder / "splits.json").read_text())
    split["test"].append(split["train"].pop())
    (folder / "splits.json").write_text(json.dumps(split))
    with pytest.raises(StoreError, match="the model was trained on"):
        evaluate(store, folder, tmp_path / "eval", JUDGE, listen=silent)


def test_a_split_that_was_shortened_is_refused(store: Path, model: Path, tmp_path: Path) -> None:
    """The same of a validation patient: the model keeps the hash of its split, and says so on the card."""
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    evaluate(store, folder, tmp_path / "eval", JUDGE, listen=silent)
    own = json.loads((folder / "model.json").read_text())["origin"]["split"]
    assert f"| split that the model was trained with | `{own}` |" in (tmp_path / "eval" / "model_card.md").read_text()
    split = json.loads((folder / "splits.json").read_text())
    (folder / "splits.json").write_text(json.dumps({**split, "val": []}))
    with pytest.raises(InputError, match=r"splits\.json: is not the split .*cmrpipe train"):
        evaluate(store, folder, tmp_path / "eval", JUDGE, listen=silent)


def test_a_test_part_that_was_shortened_is_refused(tmp_path: Path) -> None:
    """Whoever is judged badly cannot be struck off, neither for `evaluate` nor for `compare`."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate("ABCDEF")]
    store, model = write_store(tmp_path / "store", patients, synthetic=True), tmp_path / "model"
    train(store, model, BRIEF.model_copy(update={"test_fraction": 0.4, "complete": False}), listen=silent)
    split = json.loads((model / "splits.json").read_text())
    assert len(split["test"]) > 1
    command = ["compare", str(model), "--model", str(model), "--store", str(store)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert json.loads((model / "model.json").read_text())["origin"]["synthetic"]
    (model / "splits.json").write_text(json.dumps({**split, "test": split["test"][1:]}))
    with pytest.raises(InputError, match="is not the split that the model was trained with"):
        evaluate(store, model, tmp_path / "eval", JUDGE, listen=silent)
    assert not (tmp_path / "eval" / "metrics.json").exists()
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert "is not the split that the model was trained with" in done.output


def test_a_model_of_before_is_to_be_trained_again(store: Path, model: Path, tmp_path: Path) -> None:
    """One whose description has no hash of itself, of the seen images and of the split."""
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    told = json.loads((folder / "model.json").read_text())
    del told["sha256"], told["seen_sha256"], told["origin"]["split"]
    (folder / "model.json").write_text(json.dumps({**told, "schema": 3}))
    with pytest.raises(InputError, match=r"is not of schema 4.*cmrpipe train"):
        evaluate(store, folder, tmp_path / "eval", JUDGE, listen=silent)


def test_the_hash_that_the_card_tells_covers_the_preprocessing(store: Path, model: Path, tmp_path: Path) -> None:
    """That of model.json; with other percentiles it is another one, and unless that was meant the model is refused."""
    folder = tmp_path / "model"
    shutil.copytree(model, folder)

    def told() -> str:
        evaluate(store, folder, tmp_path / "eval", JUDGE, listen=silent)
        (row,) = (x for x in (tmp_path / "eval" / "model_card.md").read_text().splitlines() if "SHA-256 of model" in x)
        return row.split("`")[1]

    before = told()
    assert before == sha256_file(folder / "model.json")
    description = json.loads((folder / "model.json").read_text())
    description["preprocess"]["percentiles"] = [20.0, 80.0]
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="was altered"):
        told()
    (folder / "model.json").write_text(json.dumps(sealed(description)))
    assert told() == sha256_file(folder / "model.json") != before


def test_without_training_patients_in_the_store_there_is_no_mean_shape(model: Path, tmp_path: Path) -> None:
    """No figure of it in any file, and the reason in each; the card says that it is another store."""
    split = json.loads((model / "splits.json").read_text())
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    store = write_store(tmp_path / "store", [p for p in patients if p.patient_id not in split["train"]])
    evaluate(store, model, tmp_path / "eval", JUDGE, listen=silent)
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    told = metrics["baselines"]["mean_shape"]
    why = "no training patient is in the store that was judged"
    assert told["withheld"] == why
    assert (told["all_slices"], told["good_contours_apd_below_5mm"]) == ({}, {})
    assert told["clinical"]["ef_pct"]["mean_absolute"] is None
    assert "dice_cavity" in metrics["baselines"]["otsu"]["all_slices"]
    rows = pd.read_csv(tmp_path / "eval" / "baselines.csv")
    of_shape, of_otsu = rows[rows.baseline == "mean_shape"], rows[rows.baseline == "otsu"]
    assert of_shape.withheld.tolist() == [why]
    assert of_shape.drop(columns=["baseline", "withheld"]).isna().all(axis=None)
    assert of_otsu.dice_cavity.notna().all()
    assert of_otsu.withheld.isna().all()
    volumes = pd.read_csv(tmp_path / "eval" / "volumes.csv")
    assert volumes.filter(regex="mean_shape").isna().all(axis=None)
    assert volumes.filter(regex="otsu").notna().all(axis=None)
    assert not read_scores(tmp_path / "eval")["mean_shape"]
    card = (tmp_path / "eval" / "model_card.md").read_text()
    assert f"No figures of mean shape are told: {why}." in card
    assert f"Of {len(split['train'])} training patients it has 0." in card


def test_the_card_lists_patients_of_the_store_that_are_in_no_part(model: Path, tmp_path: Path) -> None:
    """A patient who came after the training; the store is another one, then, and may be a phantom's."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate((*PATIENTS, "LATE"))]
    store = write_store(tmp_path / "store", patients, synthetic=True)
    evaluate(store, model, tmp_path / "eval", JUDGE, listen=silent)
    card = (tmp_path / "eval" / "model_card.md").read_text()
    assert "| in no part, in the store | 1 | LATE |" in card
    assert "Judged on synthetic patients" in card
    assert "learnt from synthetic patients" not in card
    assert "The store that was judged is not the one that the model was trained from" in card
    assert "withheld" not in json.loads((tmp_path / "eval" / "metrics.json").read_text())["baselines"]["mean_shape"]


def test_a_test_patient_that_is_gone_is_named(model: Path, tmp_path: Path) -> None:
    """The store no longer holds whom the model is to be judged on."""
    (test,) = json.loads((model / "splits.json").read_text())["test"]
    others = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS) if patient != test]
    store = write_store(tmp_path / "store", others)
    with pytest.raises(StoreError, match=f"no patient {test}"):
        evaluate(store, model, tmp_path / "eval", JUDGE, listen=silent)


def test_no_model_is_said_so(store: Path, tmp_path: Path) -> None:
    """With the mend."""
    with pytest.raises(InputError, match="cmrpipe train"):
        evaluate(store, tmp_path / "none", tmp_path / "eval", JUDGE, listen=silent)
