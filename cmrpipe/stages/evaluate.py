"""evaluate: the model against the expert, on patients it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cmrpipe.codeversion import code_version
from cmrpipe.errors import InputError
from cmrpipe.files import atomic, sha256_file, write_json
from cmrpipe.incremental import Unit, Written, fingerprint, refresh
from cmrpipe.learn.evaluation import ImageScore, PatientScore, overall, patient_means, score_patient
from cmrpipe.learn.extra import require_torch
from cmrpipe.learn.leakage import refuse_seen
from cmrpipe.learn.splits import read_split
from cmrpipe.learn.tables import write_table
from cmrpipe.params import EvaluateParams
from cmrpipe.progress import Listener, Progress, silent
from cmrpipe.stages.summary import Summary
from cmrpipe.stages.train import SPLITS
from cmrpipe.store import Store, open_store

EVALUATION = "evaluation"
METRICS, PER_IMAGE, PER_PATIENT = "metrics.json", "per_image.csv", "per_patient.csv"
COUNTS = ("patients", "images", "images_cavity", "images_myocardium")
FIGURES = ("test_dice_cavity", "test_dice_myocardium")
MODEL_FILES = ("model.json", "model.pt", "seen.npy", SPLITS)


def prediction_file(patient_id: str) -> str:
    """Name of a test patient's predicted labels, relative to the stage's output.

    They are uint8 (n, rows, cols), values of `cmrpipe.model.Label`, in the store's order.
    """
    return f"predictions/{patient_id}.npy"


@dataclass(frozen=True, slots=True)
class _Task:
    model: Path
    patients: tuple[str, ...]
    params: EvaluateParams


def _evaluate(task: _Task, out: Path, *, store: Store, listen: Listener) -> Written:
    total = len(task.patients)
    listen(Progress("evaluate", "start", 0, total, "loading torch"))
    require_torch()
    # Imported here: they take seconds, which a run with nothing to evaluate must not cost.
    from cmrpipe.learn.prediction import Predictor  # noqa: PLC0415
    from cmrpipe.learn.quiet import reproducible  # noqa: PLC0415
    from cmrpipe.learn.saved import read_model  # noqa: PLC0415

    model = read_model(task.model)
    refuse_seen(store, task.patients, model.trained_on + model.chosen_by, model.seen)
    scores: list[ImageScore] = []
    files = []
    with reproducible(0, task.params.threads):
        predictor = Predictor(model, task.params.batch_size, task.params.accelerator)
        for done, patient in enumerate(task.patients, 1):
            data = store.load(patient)
            predicted = predictor.labels(data.image)
            scores += score_patient(data, predicted)
            files.append(prediction_file(patient))
            with atomic(out / files[-1]) as temporary, temporary.open("wb") as file:
                np.save(file, predicted, allow_pickle=False)
            listen(Progress("evaluate", patient, done, total))
    metrics = overall(scores)
    write_table(out / PER_IMAGE, ImageScore, scores)
    write_table(out / PER_PATIENT, PatientScore, patient_means(scores))
    write_json(out / METRICS, metrics)
    return Written([*files, PER_IMAGE, PER_PATIENT, METRICS], {"metrics": metrics})


def evaluate(store: Path, model: Path, out: Path, params: EvaluateParams, *, listen: Listener) -> Summary:
    """Judge the model on the test patients, unless `out` holds what the same store, model, params and code gave.

    Parameters
    ----------
    store : the store stage's output
    model : the train stage's output; its splits.json names the test patients
    out : metrics.json, per_image.csv, per_patient.csv, predictions/<patient_id>.npy (see `prediction_file`)
    params : the evaluate section
    listen : told once a test patient

    Raises
    ------
    InputError : the model is missing or altered
    StoreError : a test patient is not in the store, or the model has seen it, or one of its images
    CmrpipeError : torch is not installed
    """
    split = read_split(model / SPLITS)
    try:
        made_of = [sha256_file(model / name) for name in MODEL_FILES]
    except OSError as error:
        raise InputError(model, f"holds no whole model ({error})", "Run `cmrpipe train` again") from error
    with open_store(store) as source:
        key = fingerprint(source.fingerprint, made_of, params.model_dump(mode="json"), code_version(__name__))
        unit = Unit(EVALUATION, key, _Task(model, split.test, params))
        work = partial(_evaluate, store=source, listen=listen)
        result = refresh("evaluate", out, [unit], work, listen=silent)
    metrics = result.info[EVALUATION]["metrics"]
    return Summary(
        "evaluate",
        done=len(result.done),
        unchanged=len(result.unchanged),
        counts={name: metrics[name] for name in COUNTS},
        metrics={name: metrics[name] for name in FIGURES if metrics[name] is not None},
    )
