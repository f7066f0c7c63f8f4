"""train: a network for LV cavity and myocardium, from the store."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cmrpipe.csvfile import DIGITS, write_table
from cmrpipe.files import write_bytes, write_json
from cmrpipe.incremental.codeversion import code_version
from cmrpipe.incremental.refresh import Unit, Written, fingerprint, refresh, salvage
from cmrpipe.learn.cohort import Cohort, read_cohort
from cmrpipe.learn.extra import require_torch
from cmrpipe.learn.leakage import digests, refuse_seen
from cmrpipe.learn.splits import Split, split_hash, split_patients, write_split
from cmrpipe.params import TrainParams
from cmrpipe.progress import Listener, Progress, silent
from cmrpipe.stages.summary import Summary
from cmrpipe.store import Store, open_store

if TYPE_CHECKING:
    from cmrpipe.learn.training import Trained

MODEL = "model"
SPLITS, HISTORY, METRICS = "splits.json", "history.csv", "metrics.json"
COUNTS = ("images_train", "images_val", "images_completed", "epochs")
FIGURES = ("val_dice_cavity", "val_dice_myocardium")


def _metrics(trained: Trained) -> dict[str, float | int | None]:
    best = trained.best
    figures = {name: getattr(best, name) for name in ("train_loss", "val_loss", *FIGURES)}
    rounded = {name: None if value is None else round(value, DIGITS) for name, value in figures.items()}
    return {"best_epoch": best.epoch, "epochs": len(trained.history), **rounded}


def train_split(
    split: Split, out: Path, *, store: Store, params: TrainParams, version: str, work: Path, listen: Listener
) -> Written:
    """Train on a split's patients and write model, split, figures and journal into `out` (see `train`)."""
    listen(Progress("train", "start", 0, params.epochs, "loading torch and lightning"))
    require_torch()
    # Imported here: they take ten seconds, which a run with nothing to train must not cost.
    import torch  # noqa: PLC0415

    from cmrpipe.learn.datasets import PlainSet, addresses  # noqa: PLC0415
    from cmrpipe.learn.saved import Model, write_model  # noqa: PLC0415
    from cmrpipe.learn.selftraining import FIRST, learn  # noqa: PLC0415
    from cmrpipe.learn.training import Epoch, architecture, precision, preprocessing  # noqa: PLC0415

    shown = split.train + split.val
    if split.val:
        refuse_seen(store, split.val, split.train, digests(store, split.train))
    seen = digests(store, shown)
    refuse_seen(store, split.test, shown, seen)
    preprocess = preprocessing(params)
    val = PlainSet(store, split.val, preprocess) if split.val else None
    helper = helps_to_train()
    outcome = learn(store, split.train, val, params, work, helper=helper, listen=listen)
    if helper:  # the process of rank 0 writes, and may be gone
        return Written([], {})

    trained = outcome.trained
    metrics = _metrics(trained)
    origin = {
        "params": params.model_dump(mode="json"),
        "store": store.fingerprint,
        "synthetic": store.synthetic,
        "split": split_hash(split),
        "test_labels": {patient: store.labels_hash(patient) for patient in split.test},
        "code": version,
        "torch": torch.__version__,
        "precision": precision(params),
        "metrics": metrics,
        "completed": outcome.completed,
    }
    model = Model(architecture(params), trained.weights, preprocess, split.train, split.val, seen, origin)
    write_split(out / SPLITS, split)
    write_table(out / HISTORY, Epoch, trained.history)
    write_json(out / METRICS, metrics)
    files = [*write_model(out, model), *_journal(work, out), SPLITS, HISTORY, METRICS]
    if outcome.first is not None:
        its_own = {**origin, "metrics": _metrics(outcome.first), "completed": 0}
        names = write_model(out / FIRST, replace(model, weights=outcome.first.weights, origin=its_own))
        write_table(out / FIRST / HISTORY, Epoch, outcome.first.history)
        files += [f"{FIRST}/{name}" for name in (*names, HISTORY)]
    counts = {
        "images_train": len(addresses(store, split.train)),
        "images_val": len(val) if val is not None else 0,
        "images_completed": outcome.completed,
        "epochs": len(trained.history),
    }
    return Written(files, {"counts": counts, "metrics": metrics})


def _journal(work: Path, out: Path) -> list[str]:
    """Copy batch logs and DVCLive's files from where the training kept them; returns their names."""
    from cmrpipe.learn.journal import LIVE  # noqa: PLC0415
    from cmrpipe.learn.selftraining import FIRST  # noqa: PLC0415

    logs = [*work.glob("batches*.jsonl"), *(work / FIRST).glob("batches*.jsonl")]
    kept = sorted([*logs, *(p for p in (work / LIVE).rglob("*") if p.is_file())])
    names = [path.relative_to(work).as_posix() for path in kept]
    for path, name in zip(kept, names, strict=True):
        write_bytes(out / name, path.read_bytes())
    return names


def helps_to_train() -> bool:
    """Whether this process only helps another to train (a rank above 0 of Lightning, torchrun or Slurm)."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return any(rank not in (None, "", "0") for rank in ranks)


def _help(out: Path, made_of: str, split: Split, work: Callable[[Split, Path], Written]) -> Summary:
    """Take part in a training that the process of rank 0 has begun, or will find unchanged; nothing is kept."""
    entry = salvage(out).get(MODEL)
    if entry is None or entry["fingerprint"] != made_of:
        with tempfile.TemporaryDirectory() as scratch:
            work(split, Path(scratch))
    return Summary("train", done=1)


def training_folder(out: Path) -> Path:
    """Where trainings for `out` keep what they need to go on after they were killed."""
    return out.parent / f".{out.name}-training"


def train(store: Path, out: Path, params: TrainParams, *, listen: Listener, pathology: Path | None = None) -> Summary:
    """Train on the store's training patients, unless `out` holds what the same store, params and code gave.

    Parameters
    ----------
    store : the store stage's output
    out : model.pt, model.json, seen.npy, splits.json, history.csv, metrics.json, batches.jsonl and dvclive/ (see
        `cmrpipe.learn.journal`); of two trainings first/ with the first one's model and logs. Whole or as it was. A
        training that was killed goes on where it was
    params : the train section
    listen : told once an epoch, by the process of rank 0
    pathology : table of the patients' pathology, which the split is stratified by, and of visits of one person, which
        stay together; it need not be there

    Raises
    ------
    InputError : the table of pathologies cannot be read
    StoreError : fewer than three patients, or identical images in patients of different parts
    CmrpipeError : torch is not installed
    """
    with open_store(store) as source:
        version = code_version(__name__)
        cohort = read_cohort(pathology) if pathology is not None else Cohort()
        split = split_patients(source.patients, params.val_fraction, params.test_fraction, params.seed, cohort)
        made_of = fingerprint(source.fingerprint, params.model_dump(mode="json"), version, asdict(split))
        progress = training_folder(out)
        work = partial(
            train_split,
            store=source,
            params=params,
            version=version,
            work=progress / made_of[:16],
            listen=silent if helps_to_train() else listen,
        )
        if helps_to_train():
            return _help(out, made_of, split, work)
        result = refresh("train", out, [Unit(MODEL, made_of, split)], work, listen=silent)
        shutil.rmtree(progress, ignore_errors=True)
    info = result.info[MODEL]
    patients = {f"patients_{part}": len(getattr(split, part)) for part in ("train", "val", "test")}
    return Summary(
        "train",
        done=len(result.done),
        unchanged=len(result.unchanged),
        counts={**patients, **{name: info["counts"][name] for name in COUNTS}},
        metrics={name: info["metrics"][name] for name in FIGURES if info["metrics"][name] is not None},
    )
