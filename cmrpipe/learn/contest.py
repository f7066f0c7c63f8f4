"""Two models held against each other, on the same patients, whom neither has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.learn.borders import predicted_labels
from cmrpipe.learn.evaluation import Figures, ImageScore, by_patient, patient_means, score_patient
from cmrpipe.learn.leakage import Digests, pixel_digest
from cmrpipe.learn.metrics import mean
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.repeatable import reproducible
from cmrpipe.learn.saved import Model, read_model
from cmrpipe.learn.totals import rounded
from cmrpipe.params import EvaluateParams
from cmrpipe.progress import Listener, Progress
from cmrpipe.store import Store

NEW, LAST = "new", "last"
TOLD = ("dice_cavity", "dice_myocardium", "dice_epicardium", "apd_cavity_mm", "apd_epicardium_mm")
"""Figures that are compared."""


@dataclass(frozen=True, slots=True)
class Contest:
    """The outcome.

    Attributes
    ----------
    held_out : ids of the patients that both were judged on, sorted
    known : patients of the new model's test part that the last model knows, by id or pixel for pixel
    figures : means over patients of `TOLD`, by NEW and LAST
    patients : the same of each patient: its means over images
    """

    held_out: tuple[str, ...]
    known: tuple[str, ...]
    figures: Mapping[str, Figures]
    patients: Mapping[str, Mapping[str, Figures]]


def _knows(store: Store, patient: str, model: Model, seen: set[bytes]) -> bool:
    if patient in model.trained_on or patient in model.chosen_by:
        return True
    return any(pixel_digest(image) in seen for image in store.load(patient).image)


def _set(digests: Digests) -> set[bytes]:
    return {bytes(row) for row in digests}


def _score(store: Store, model: Model, patients: Sequence[str], params: EvaluateParams) -> list[ImageScore]:
    scores: list[ImageScore] = []
    with reproducible(0, params.threads):
        predictor = Predictor(model, params.batch_size, params.accelerator)
        for patient in patients:
            data = store.load(patient)
            scores += score_patient(data, predicted_labels(predictor, data.image, data.pixel_spacing_mm, data.heart_px))
    return scores


def _told(scores: Sequence[ImageScore]) -> dict[str, Figures]:
    means = {patient: patient_means(rows) for patient, rows in by_patient(scores).items()}
    return {patient: {name: found[name] for name in TOLD} for patient, found in means.items()}


def compare(
    store: Store, new: Path, last: Path, candidates: Sequence[str], params: EvaluateParams, *, listen: Listener
) -> Contest:
    """Judge two models on those of `candidates` whom neither was trained on or chosen by.

    Parameters
    ----------
    store : where the patients are
    new, last : folders of models (see `saved`)
    candidates : the new model's test patients; those that are not in the store are left out
    params : the evaluate section

    Raises
    ------
    InputError : a model is missing or altered
    """
    models = {NEW: read_model(new), LAST: read_model(last)}
    seen = {name: _set(model.seen) for name, model in models.items()}
    asked = sorted(set(candidates) & set(store.patients))
    known = [p for p in asked if any(_knows(store, p, models[name], seen[name]) for name in models)]
    held_out = [patient for patient in asked if patient not in known]
    scores = {}
    for done, (name, model) in enumerate(models.items(), 1):
        scores[name] = _score(store, model, held_out, params)
        listen(Progress("compare", name, done, len(models)))
    patients = {name: _told(found) for name, found in scores.items()}
    figures = {
        name: {figure: mean(told[figure] for told in found.values()) for figure in TOLD}
        for name, found in patients.items()
    }
    return Contest(tuple(held_out), tuple(known), rounded(figures), rounded(patients))
