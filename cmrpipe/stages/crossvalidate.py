"""crossvalidate: every patient of the store judged by a model that has not seen it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cmrpipe.csvfile import write_rows
from cmrpipe.drawn import DRAWN
from cmrpipe.errors import ParamsError, StoreError
from cmrpipe.files import sha256_file, write_json, write_text
from cmrpipe.incremental.codeversion import code_version
from cmrpipe.incremental.commit import refuse_other_output
from cmrpipe.incremental.executors import Workers
from cmrpipe.incremental.refresh import Unit, Written, fingerprint, refresh
from cmrpipe.learn.baselines import BASELINES
from cmrpipe.learn.cohort import Cohort, read_cohort
from cmrpipe.learn.crosstable import cross_table
from cmrpipe.learn.dvcrecord import DvcRecord
from cmrpipe.learn.evaluation import ImageScore
from cmrpipe.learn.leftout import Absent, absent, account, images_left_out, union
from cmrpipe.learn.scoretables import OURS, WAYS, read_scores, read_volumes
from cmrpipe.learn.splits import FEWEST, Split, cross_splits
from cmrpipe.learn.totals import headlines, rounded, summarise
from cmrpipe.learn.volumes import Pair
from cmrpipe.nouns import counted
from cmrpipe.params import EvaluateParams, TrainParams
from cmrpipe.progress import Listener, silent
from cmrpipe.stages.evaluate import COUNTS, MODEL_HASH, OUT, Task, judge
from cmrpipe.stages.summary import Summary
from cmrpipe.stages.train import helps_to_train, train_split, training_folder
from cmrpipe.store import Store, open_store

METRICS, PATIENTS, TABLE = "metrics.json", "per_patient.csv", "table.md"
MODELS, FOLDS = "models", "folds"
_NO_RECORD = DvcRecord(why="a cross-validation is no stage of DVC's pipeline")


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold's work; it is picklable, and opens the store for itself.

    Attributes
    ----------
    made_of : fingerprint of the training
    lacking : what was drawn of the judged patients and is not in the store
    models : folder of all folds' models
    work : what a training keeps to go on after it was killed
    """

    name: str
    split: Split
    store: Path
    train: TrainParams
    evaluate: EvaluateParams
    version: str
    made_of: str
    lacking: Absent
    models: Path
    work: Path


def _train(task: Fold, out: Path, *, listen: Listener) -> Written:
    """Train on the others."""
    with open_store(task.store) as source:
        trained = train_split(
            task.split,
            out / task.name,
            store=source,
            params=task.train,
            version=task.version,
            work=task.work,
            listen=listen,
        )
    shutil.rmtree(task.work, ignore_errors=True)
    return Written([f"{task.name}/{name}" for name in trained.files], trained.info)


def _model_hash(task: Fold) -> str:
    return sha256_file(task.models / task.name / "model.json")


def _judge(task: Fold, out: Path, *, version: str, listen: Listener) -> Written:
    """Judge on this fold's patients."""
    model = task.models / task.name
    with open_store(task.store) as source:
        versions = {
            "store (over the SHA-256 of its patients' files)": source.fingerprint,
            MODEL_HASH: _model_hash(task),
            "code of the evaluation": version,
        }
        judgement = Task(model, task.split, task.lacking, task.evaluate, versions, _NO_RECORD)
        judged = judge(judgement, out / task.name, store=source, listen=listen)
    return Written([f"{task.name}/{name}" for name in judged.files], judged.info)


def _judged(out: Path, folds: Sequence[Fold]) -> tuple[dict[str, list[ImageScore]], dict[str, list[Pair]]]:
    """Figures of every image and volumes of every patient by its fold's model, and by the baselines, as judged."""
    scores: dict[str, list[ImageScore]] = {way: [] for way in WAYS}
    pairs: dict[str, list[Pair]] = {way: [] for way in WAYS}
    for fold in folds:
        found, values = read_scores(out / FOLDS / fold.name), read_volumes(out / FOLDS / fold.name)
        for way in WAYS:
            scores[way] += found[way]
            pairs[way] += values[way]
    return scores, pairs


def _refuse_few(source: Store) -> None:
    if len(source.patients) < FEWEST:
        names = ", ".join(source.patients) or "none"
        few = counted(len(source.patients), "patient")
        raise StoreError(
            source.folder,
            f"has {few} with contours ({names}), and cross-validation needs {FEWEST}: two to learn from, one to judge",
            "Land more patients, or see `cmrpipe validate` for why contours were left out",
        )


def _folds(
    source: Store, splits: Iterable[Split], out: Path, train: TrainParams, evaluate: EvaluateParams
) -> list[Fold]:
    """The work of each split, in order."""
    version, settings = code_version(train_split.__module__), train.model_dump(mode="json")
    found = []
    for number, split in enumerate(splits, 1):
        made_of = fingerprint(source.fingerprint, asdict(split), settings, version)
        lacking, work = absent(source, split.test), training_folder(out) / made_of[:16]
        places = (out / MODELS, work)
        name = f"fold-{number:02d}"
        found.append(Fold(name, split, source.folder, train, evaluate, version, made_of, lacking, *places))
    return found


def crossvalidate(
    store: Path,
    out: Path,
    folds: int | None,
    train: TrainParams,
    evaluate: EvaluateParams,
    *,
    listen: Listener,
    pathology: Path | None = None,
    workers: Workers = 1,
) -> Summary:
    """Train a model for each fold on the other folds' patients, and judge it on that fold's.

    Parameters
    ----------
    store : the store stage's output
    out : metrics.json, per_patient.csv and table.md over all patients; below models/<fold>/ what train writes of a
        fold, below folds/<fold>/ what evaluate writes of it. What is unchanged by store, params and code is kept: a
        change of the evaluation trains nothing
    folds : number of folds; None leaves one patient out at a time
    train, evaluate : their sections; val_fraction is of a fold's training patients, test_fraction is not used
    listen : told of folds and, where one is done at a time, of epochs
    pathology : table that folds are stratified by, and of visits of one person, which stay together; it need not be
        there
    workers : folds at a time

    Raises
    ------
    InputError : the table of pathologies cannot be read, or `out` is a stage's output
    ParamsError : several devices or machines are asked for
    StoreError : too few patients, or identical images in two patients of different folds
    CmrpipeError : torch is not installed
    """
    if train.devices * train.nodes > 1 or helps_to_train():
        raise ParamsError(
            "train.devices, train.nodes",
            "folds are trained in one process each; several cannot share one fold",
            "Set both to 1, start it without torchrun and Slurm's ranks, and do several folds at a time (-j)",
        )
    refuse_other_output(out)
    with open_store(store) as source:
        _refuse_few(source)
        cohort = read_cohort(pathology) if pathology is not None else Cohort()
        splits = cross_splits(source.patients, folds, train.val_fraction, train.seed, cohort)
        tasks = _folds(source, splits, out, train, evaluate)
        within = listen if workers == 1 else silent
        units = [Unit(task.name, task.made_of, task) for task in tasks]
        trained = refresh(
            "crossvalidate", out / MODELS, units, partial(_train, listen=within), listen=listen, workers=workers
        )
        shutil.rmtree(training_folder(out), ignore_errors=True)
        settings, version = evaluate.model_dump(mode="json"), code_version(__name__)
        units = [
            Unit(task.name, fingerprint(task.made_of, _model_hash(task), settings, version, asdict(task.lacking)), task)
            for task in tasks
        ]
        work_on = partial(_judge, version=version, listen=within)
        refresh("judge", out / FOLDS, units, work_on, listen=silent, workers=workers)
    scores, pairs = _judged(out, tasks)
    beside = {name: summarise(scores[name], pairs[name]) for name in BASELINES}
    lacking = union(task.lacking for task in tasks)
    ours = {**headlines(scores[OURS]), **summarise(scores[OURS], pairs[OURS]), DRAWN: account(scores[OURS], lacking)}
    metrics: Mapping[str, Any] = rounded({**ours, "baselines": beside})
    table = cross_table(metrics, scores, pairs[OURS], lacking)
    write_json(out / METRICS, {**metrics, "folds": {task.name: list(task.split.test) for task in tasks}})
    write_rows(out / PATIENTS, table.head, table.rows)
    write_text(out / TABLE, table.markdown)
    return Summary(
        "crossvalidate",
        done=len(trained.done),
        unchanged=len(trained.unchanged),
        gone=len(trained.gone),
        counts={name: metrics[name] for name in COUNTS} | {OUT: images_left_out(metrics)},
        metrics={
            name: metrics[name] for name in ("test_dice_cavity", "test_dice_myocardium") if metrics[name] is not None
        },
    )
