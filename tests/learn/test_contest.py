"""Two models on the same unseen patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cmrpipe.learn.borders import predicted_labels
from cmrpipe.learn.contest import LAST, NEW, TOLD, compare
from cmrpipe.learn.evaluation import patient_means, score_patient
from cmrpipe.learn.leakage import digests
from cmrpipe.learn.network import Architecture, build
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.saved import Model, read_model, write_model
from cmrpipe.params import EvaluateParams
from cmrpipe.progress import Progress, silent
from cmrpipe.store import open_store
from tests.learn.hearts import PATIENTS, make_patient, write_store

PARAMS = EvaluateParams(accelerator="cpu")


def put_model(
    folder: Path, store: Path, seed: int, trained_on: Sequence[str], chosen_by: Sequence[str], *, hashes: bool = True
) -> Path:
    """An untrained model that claims to have seen some patients, and has their images' hashes."""
    torch.manual_seed(seed)
    architecture = Architecture((4, 8))
    with open_store(store) as source:
        seen = digests(source, (*trained_on, *chosen_by) if hashes else ())
    weights = build(architecture).state_dict()
    model = Model(architecture, weights, Preprocess(64, (1.0, 99.0)), tuple(trained_on), tuple(chosen_by), seen, {})
    write_model(folder, model)
    return folder


def test_only_patients_unseen_by_both_count(small_store: Path, tmp_path: Path) -> None:
    """Patients of either model's training or choice are out; both models are judged on the very same rest."""
    new = put_model(tmp_path / "new", small_store, 1, ["A"], ["B"])
    last = put_model(tmp_path / "last", small_store, 2, ["A"], ["C"])
    with open_store(small_store) as store:
        found = compare(store, new, last, ["B", "C", "D", "gone"], PARAMS, listen=silent)
        assert (found.held_out, found.known) == (("D",), ("B", "C"))
        data = store.load("D")
        predictor = Predictor(read_model(new), 16, "cpu")
        predicted = predicted_labels(predictor, data.image, data.pixel_spacing_mm, data.heart_px)
        means = patient_means(score_patient(data, predicted))
    assert found.patients[NEW]["D"] == {name: pytest.approx(means[name], abs=1e-6) for name in TOLD}
    assert found.figures[NEW] == found.patients[NEW]["D"]
    assert set(found.patients[LAST]) == {"D"}
    assert found.figures[NEW] != found.figures[LAST]


def test_a_copy_of_a_seen_image_under_another_name_is_known(tmp_path: Path) -> None:
    """A patient that shares pixels with one that a model learned from judges nobody."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    twin = replace(patients[0], patient_id="E")
    store = write_store(tmp_path / "store", [*patients, twin])
    new = put_model(tmp_path / "new", store, 1, ["B"], ["C"])
    last = put_model(tmp_path / "last", store, 2, ["A"], ["C"])
    with open_store(store) as source:
        found = compare(source, new, last, ["D", "E"], PARAMS, listen=silent)
    assert (found.held_out, found.known) == (("D",), ("E",))


@pytest.mark.parametrize("hashes", [True, False])
def test_without_common_patients_there_are_no_figures(small_store: Path, tmp_path: Path, hashes: bool) -> None:
    """All known to one of the two, by id at least: nothing is measured, and nothing made up."""
    new = put_model(tmp_path / "new", small_store, 1, ["A"], ["B"], hashes=hashes)
    last = put_model(tmp_path / "last", small_store, 2, ["C"], ["D"], hashes=hashes)
    told: list[Progress] = []
    with open_store(small_store) as store:
        found = compare(store, new, last, ["A", "B", "C", "D"], PARAMS, listen=told.append)
    assert (found.held_out, found.known) == ((), ("A", "B", "C", "D"))
    assert told == [Progress("compare", NEW, 1, 2), Progress("compare", LAST, 2, 2)]
    assert set(found.figures[NEW].values()) == {None}
