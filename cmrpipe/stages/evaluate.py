"""evaluate: the model against the expert, on patients it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cmrpipe.csvfile import write_rows
from cmrpipe.drawn import DRAWN
from cmrpipe.errors import InputError
from cmrpipe.files import sha256_file, write_json, write_text
from cmrpipe.incremental.codeversion import code_version
from cmrpipe.incremental.refresh import Unit, Written, fingerprint, refresh
from cmrpipe.learn.baselines import BASELINES, MEAN_SHAPE, NO_SHAPE, OTSU, WITHHELD, MeanShape, otsu_labels
from cmrpipe.learn.card import CARD, model_card
from cmrpipe.learn.dvcrecord import DvcRecord, proven, recorded
from cmrpipe.learn.evaluation import FIGURES, ImageScore, by_patient, patient_means, score_patient
from cmrpipe.learn.extra import require_torch
from cmrpipe.learn.leakage import refuse_seen
from cmrpipe.learn.leftout import Absent, absent, account, images_left_out
from cmrpipe.learn.limits import Judged
from cmrpipe.learn.predicted import write_predicted
from cmrpipe.learn.scoretables import OURS, WAYS, write_scores, write_volumes
from cmrpipe.learn.splits import Split, read_split, refuse_other_split
from cmrpipe.learn.totals import headlines, rounded, summarise
from cmrpipe.learn.volumes import Pair, missing_images, pair
from cmrpipe.params import EvaluateParams
from cmrpipe.progress import Listener, Progress, silent
from cmrpipe.stages.summary import Summary
from cmrpipe.stages.train import SPLITS
from cmrpipe.store import Store, open_store

EVALUATION = "evaluation"
METRICS, PER_PATIENT = "metrics.json", "per_patient.csv"
COUNTS = ("patients", "images", "images_cavity", "images_myocardium")
OUT = "images_left_out"
FIGURES_TOLD = ("test_dice_cavity", "test_dice_myocardium")
MOST_SHAPES = 200
"""Training patients that the mean shape is taken from, at most."""
MODEL_FILES = ("model.json", "model.pt", "seen.npy", SPLITS)
MODEL_HASH = "model (SHA-256 of model.json, which has those of weights, architecture and preprocessing)"


@dataclass(frozen=True, slots=True)
class Task:
    """A model and the patients that judge it.

    Attributes
    ----------
    split : whose test patients judge it; it must be the one that the model was trained with
    lacking : what was drawn of them and is not in the store
    versions : what the model card says of versions
    dvc : what DVC recorded of the store, not yet held against it
    """

    model: Path
    split: Split
    lacking: Absent
    params: EvaluateParams
    versions: Mapping[str, str]
    dvc: DvcRecord


def changed_labels(store: Store, patients: Sequence[str], origin: Mapping[str, Any]) -> tuple[str, ...]:
    """Test patients whose drawn contours, as stored, are not those at the time of the training, as the model tells."""
    before = origin.get("test_labels", {})
    return tuple(patient for patient in patients if before.get(patient, "") not in ("", store.labels_hash(patient)))


def _mean_shape(store: Store, patients: Sequence[str]) -> MeanShape | None:
    """From the training patients that the store still has, None without any; the first where there are very many."""
    known = set(store.patients)
    there = [patient for patient in patients if patient in known]
    return MeanShape(store.load(patient) for patient in there[:MOST_SHAPES]) if there else None


def _beside(
    found: Mapping[str, list[ImageScore]], pairs: Mapping[str, list[Pair]], withheld: Mapping[str, str]
) -> dict[str, Any]:
    """Figures of the baselines; of one that is withheld there are none, and the reason is told."""
    told = {name: summarise(found[name], pairs[name]) for name in BASELINES}
    return {name: {**told[name], **({WITHHELD: withheld[name]} if name in withheld else {})} for name in told}


def _write_tables(
    out: Path,
    found: Mapping[str, list[ImageScore]],
    pairs: Mapping[str, list[Pair]],
    withheld: Mapping[str, str],
    lacking: Absent,
) -> list[str]:
    means = {patient: (rows, patient_means(rows)) for patient, rows in by_patient(found[OURS]).items()}
    write_rows(
        out / PER_PATIENT,
        ["patient_id", "images", OUT, "images_myocardium", *FIGURES],
        (
            [
                patient,
                len(rows),
                lacking.judged[patient].total,
                sum(row.figures["dice_myocardium"] is not None for row in rows),
                *(figures[name] for name in FIGURES),
            ]
            for patient, (rows, figures) in means.items()
        ),
    )
    return [PER_PATIENT, *write_scores(out, found, withheld), *write_volumes(out, pairs)]


def judge(task: Task, out: Path, *, store: Store, listen: Listener) -> Written:
    """Judge a model and write figures, tables and predicted labels into `out` (see `evaluate`)."""
    patients = task.split.test
    total = len(patients)
    listen(Progress("evaluate", "start", 0, total, "loading torch"))
    require_torch()
    # Imported here: they take seconds, which a run with nothing to evaluate must not cost.
    from cmrpipe.learn.borders import predicted_labels  # noqa: PLC0415
    from cmrpipe.learn.prediction import Predictor  # noqa: PLC0415
    from cmrpipe.learn.repeatable import reproducible  # noqa: PLC0415
    from cmrpipe.learn.saved import read_model  # noqa: PLC0415

    model = read_model(task.model)
    refuse_seen(store, patients, model.trained_on + model.chosen_by, model.seen)
    refuse_other_split(task.model / SPLITS, task.split, model.origin)
    shape = _mean_shape(store, model.trained_on)
    withheld = {MEAN_SHAPE: NO_SHAPE} if shape is None else {}
    found: dict[str, list[ImageScore]] = {name: [] for name in WAYS}
    pairs: dict[str, list[Pair]] = {name: [] for name in found}
    files: list[str] = []
    spaced = 0
    with reproducible(0, task.params.threads):
        predictor = Predictor(model, task.params.batch_size, task.params.accelerator)
        for done, patient in enumerate(patients, 1):
            data = store.load(patient)
            predicted = predicted_labels(predictor, data.image, data.pixel_spacing_mm, data.heart_px)
            ways = {OURS: predicted, OTSU: otsu_labels(data, predicted)}
            if shape is not None:
                guess = shape.label((data.label.shape[1], data.label.shape[2]))
                ways[MEAN_SHAPE] = np.broadcast_to(guess, data.label.shape)
            for name, labels in ways.items():
                found[name] += score_patient(data, labels)
                pairs[name].append(pair(data, labels, missing_images(task.lacking.judged[patient])))
            spaced += data.pixel_spacing_mm is not None
            files += write_predicted(out, data, predicted)
            listen(Progress("evaluate", patient, done, total))
    metrics = rounded(
        {
            **headlines(found[OURS]),
            **summarise(found[OURS], pairs[OURS]),
            DRAWN: account(found[OURS], task.lacking),
            "baselines": _beside(found, pairs, withheld),
        }
    )
    parts = {"train": model.trained_on, "val": model.chosen_by, "test": patients}
    changed = changed_labels(store, patients, model.origin)
    judged = Judged(store.fingerprint, store.patients, spaced, changed, store.synthetic)
    write_json(out / METRICS, metrics)
    dvc = proven(task.dvc, store.folder)
    write_text(out / CARD, model_card(metrics, task.versions, parts, model.origin, judged, dvc))
    told = {name: metrics[name] for name in (*COUNTS, *FIGURES_TOLD)} | {OUT: images_left_out(metrics)}
    files += [*_write_tables(out, found, pairs, withheld, task.lacking), METRICS, CARD]
    return Written(files, {"metrics": told})


def evaluate(store: Path, model: Path, out: Path, params: EvaluateParams, *, listen: Listener) -> Summary:
    """Judge the model on the test patients, unless `out` holds what the same store, model, params and code gave.

    Parameters
    ----------
    store : the store stage's output
    model : the train stage's output; its splits.json names the test patients
    out : metrics.json, per_image.csv, per_patient.csv, baselines.csv, volumes.csv, model_card.md, and
        predictions/<patient_id>.npy (see `cmrpipe.learn.predicted`)
    params : the evaluate section
    listen : told once a test patient

    Raises
    ------
    InputError : the model is missing or altered, its splits.json is not of the split that it was trained with, or the
        workspace's dvc.lock cannot be read
    StoreError : a test patient is not in the store, or the model has seen it, or one of its images
    CmrpipeError : torch is not installed
    """
    split = read_split(model / SPLITS)
    try:
        made_of = [sha256_file(model / name) for name in MODEL_FILES]
    except OSError as error:
        raise InputError(
            model, f"holds no whole model ({error})", "Run `cmrpipe train`, or name another model"
        ) from error
    with open_store(store) as source:
        version = code_version(__name__)
        lacking, dvc = absent(source, split.test), recorded(store)
        settings = params.model_dump(mode="json")
        key = fingerprint(
            source.fingerprint, source.synthetic, made_of, settings, version, asdict(lacking), asdict(dvc)
        )
        versions = {
            "store (over the SHA-256 of its patients' files)": source.fingerprint,
            MODEL_HASH: made_of[MODEL_FILES.index("model.json")],
            "code of the evaluation": version,
        }
        unit = Unit(EVALUATION, key, Task(model, split, lacking, params, versions, dvc))
        work = partial(judge, store=source, listen=listen)
        result = refresh("evaluate", out, [unit], work, listen=silent)
    metrics = result.info[EVALUATION]["metrics"]
    return Summary(
        "evaluate",
        done=len(result.done),
        unchanged=len(result.unchanged),
        counts={name: metrics[name] for name in (*COUNTS, OUT)},
        metrics={name: metrics[name] for name in FIGURES_TOLD if metrics[name] is not None},
    )
