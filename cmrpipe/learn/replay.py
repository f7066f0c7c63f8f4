"""Batches of a finished training made again from its batch log: the very bits that the network saw."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from cmrpipe.errors import InputError, StoreError
from cmrpipe.learn.datasets import Drawn, TrainingSet, stacked
from cmrpipe.learn.journal import Line, batches_file, read_batches
from cmrpipe.learn.repeatable import reproducible
from cmrpipe.learn.saved import read_model
from cmrpipe.learn.selftraining import FIRST, completed
from cmrpipe.learn.source import Source
from cmrpipe.learn.training import augmentation
from cmrpipe.params import TrainParams
from cmrpipe.progress import silent


def replay(source: Source, model: Path, step: int, rank: int = 0, *, first: bool = False) -> tuple[Line, Drawn]:
    """Make a batch again.

    Parameters
    ----------
    source : the store that the model was trained from, or the same samples straight from their files
    model : the train stage's output; what it says of parameters counts, not today's params.yaml
    step : of the training, from 0
    rank : which of several processes that trained together
    first : of two trainings, the first (see `cmrpipe.learn.selftraining`)

    Returns
    -------
    the log's line, and the batch; their checksums agree

    Raises
    ------
    InputError : the log or the model cannot be read, or the training had no such step, process or first part
    StoreError : the source no longer gives the batch's bytes, or a sample of it is gone
    """
    path = (model / FIRST if first else model) / batches_file(rank)
    _refuse_what_never_was(model, path.parent, rank)
    lines = read_batches(path)
    line = next((line for line in lines if line.step == step), None)
    if line is None:
        raise InputError(path, f"has no step {step}", f"It has steps 0 to {len(lines) - 1}")
    saved = read_model(model)
    try:
        params = TrainParams.model_validate(saved.origin["params"])
    except ValidationError as error:
        keys = ", ".join(str(part) for problem in error.errors() for part in problem["loc"][:1])
        cause = f"was trained with parameters that this cmrpipe does not take ({keys})"
        raise InputError(model, cause, "Check out the code of that training") from error
    with TemporaryDirectory() as walls:
        if saved.origin.get("completed") and not first:
            needed = sorted({name.rpartition("/")[0] for name in line.samples} & set(source.patients))
            source = completed(read_model(model / FIRST), source, needed, params, Path(walls), listen=silent)
        patients = [patient for patient in source.patients if patient in set(saved.trained_on)]
        samples = TrainingSet(source, patients, saved.preprocess, augmentation(params), params.seed, params.whole)
        with reproducible(params.seed, params.threads):
            try:
                drawn = [
                    samples.changed(samples.index_of(name), seed)
                    for name, seed in zip(line.samples, line.seeds, strict=True)
                ]
            except KeyError as error:
                mend = "Check out the data of that training"
                raise StoreError("store", f"no longer has sample {error}", mend) from error
    batch = stacked(drawn)
    if batch.crc32 != line.crc32:
        raise StoreError(
            f"step {step}",
            f"is another batch than the network saw (CRC-32 {batch.crc32:08x}, logged {line.crc32:08x})",
            "The store or the code that prepares samples has changed: check out those of that training. "
            "Of two trainings the second can be replayed on its own kind of CPU only",
        )
    return line, batch


def _refuse_what_never_was(model: Path, folder: Path, rank: int) -> None:
    """Tell a log that no training wrote from one that is lost; where there is none at all, reading says so."""
    if (model / batches_file()).is_file():
        if not (folder / batches_file()).is_file():
            raise InputError(folder, "is not there: the model was trained once, not twice", "Leave --first out")
        if not (folder / batches_file(rank)).is_file():
            ranks = len(list(folder.glob("batches*.jsonl")))
            raise InputError(folder, f"has no log of rank {rank}", f"It has ranks 0 to {ranks - 1} (--rank)")
