"""train: a network for LV cavity and myocardium, from the store."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cmrpipe.codeversion import code_version
from cmrpipe.files import write_json
from cmrpipe.incremental import Unit, Written, fingerprint, refresh
from cmrpipe.learn.extra import require_torch
from cmrpipe.learn.leakage import digests, refuse_seen
from cmrpipe.learn.splits import Split, split_patients, write_split
from cmrpipe.learn.tables import DIGITS, write_table
from cmrpipe.params import TrainParams
from cmrpipe.progress import Listener, Progress, silent
from cmrpipe.stages.summary import Summary
from cmrpipe.store import Store, open_store

if TYPE_CHECKING:
    from cmrpipe.learn.training import Trained

MODEL = "model"
SPLITS, HISTORY, METRICS = "splits.json", "history.csv", "metrics.json"
COUNTS = ("images_train", "images_val", "epochs")
FIGURES = ("val_dice_cavity", "val_dice_myocardium")


def _metrics(trained: Trained) -> dict[str, float | int | None]:
    best = trained.best
    figures = {name: getattr(best, name) for name in ("val_loss", *FIGURES)}
    rounded = {name: None if value is None else round(value, DIGITS) for name, value in figures.items()}
    return {"best_epoch": best.epoch, "epochs": len(trained.history), **rounded}


def _train(split: Split, out: Path, *, store: Store, params: TrainParams, version: str, listen: Listener) -> Written:
    listen(Progress("train", "start", 0, params.epochs, "loading torch and lightning"))
    require_torch()
    # Imported here: they take ten seconds, which a run with nothing to train must not cost.
    import torch  # noqa: PLC0415

    from cmrpipe.learn.datasets import load_samples  # noqa: PLC0415
    from cmrpipe.learn.preprocess import Preprocess  # noqa: PLC0415
    from cmrpipe.learn.saved import Model, write_model  # noqa: PLC0415
    from cmrpipe.learn.training import Epoch, architecture, fit  # noqa: PLC0415

    shown = split.train + split.val
    seen = digests(store, shown)
    refuse_seen(store, split.test, shown, seen)
    preprocess = Preprocess(params.image_size, params.intensity_percentiles)
    train, val = (load_samples(store, part, preprocess) for part in (split.train, split.val))
    trained = fit(train, val, params, listen=listen)

    metrics = _metrics(trained)
    origin = {
        "params": params.model_dump(mode="json"),
        "store": store.fingerprint,
        "code": version,
        "torch": torch.__version__,
        "metrics": metrics,
    }
    model = Model(architecture(params), trained.weights, preprocess, split.train, split.val, seen, origin)
    write_split(out / SPLITS, split)
    write_table(out / HISTORY, Epoch, trained.history)
    write_json(out / METRICS, metrics)
    files = [*write_model(out, model), SPLITS, HISTORY, METRICS]
    counts = {"images_train": len(train.image), "images_val": len(val.image), "epochs": len(trained.history)}
    return Written(files, {"counts": counts, "metrics": metrics})


def train(store: Path, out: Path, params: TrainParams, *, listen: Listener) -> Summary:
    """Train on the store's training patients, unless `out` holds what the same store, params and code gave.

    Parameters
    ----------
    store : the store stage's output
    out : model.pt, model.json, seen.npy, splits.json, history.csv, metrics.json; whole or as it was
    params : the train section
    listen : told once an epoch

    Raises
    ------
    StoreError : fewer than three patients, or identical images in training and test patients
    CmrpipeError : torch is not installed
    """
    with open_store(store) as source:
        version = code_version(__name__)
        split = split_patients(source.patients, params.val_fraction, params.test_fraction, params.seed)
        unit = Unit(MODEL, fingerprint(source.fingerprint, params.model_dump(mode="json"), version), split)
        work = partial(_train, store=source, params=params, version=version, listen=listen)
        result = refresh("train", out, [unit], work, listen=silent)
    info = result.info[MODEL]
    patients = {f"patients_{part}": len(getattr(split, part)) for part in ("train", "val", "test")}
    return Summary(
        "train",
        done=len(result.done),
        unchanged=len(result.unchanged),
        counts={**patients, **{name: info["counts"][name] for name in COUNTS}},
        metrics={name: info["metrics"][name] for name in FIGURES if info["metrics"][name] is not None},
    )
