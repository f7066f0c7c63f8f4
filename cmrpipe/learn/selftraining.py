"""Training once, or, where the epicardium is drawn in some images only, twice (see `completion`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import distributed

from cmrpipe.learn.completion import Completed, complete, half_drawn
from cmrpipe.learn.datasets import PlainSet, TrainingSet
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.repeatable import reproducible
from cmrpipe.learn.saved import Model
from cmrpipe.learn.source import Source
from cmrpipe.learn.training import Trained, architecture, augmentation, epochs_of, fit, preprocessing
from cmrpipe.params import TrainParams
from cmrpipe.progress import Listener, Progress

FIRST = "first"
"""Name of the folder of the first of two trainings: its model, its batch log and its figures."""
COMPLETED = "completed"
"""Name of the folder with the walls that it has found, while the second one runs."""
_BATCH = 16
"""Images at a time that the first network looks at."""
_NONE_SEEN = np.zeros((0, 16), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came out.

    Attributes
    ----------
    trained : the network that is kept
    first : of two trainings, the first
    completed : images that the second one saw with an epicardium that no expert drew; 0 where this process helped
    """

    trained: Trained
    first: Trained | None = None
    completed: int = 0


def learn(
    source: Source,
    patients: Sequence[str],
    val: PlainSet | None,
    params: TrainParams,
    work: Path,
    *,
    helper: bool,
    listen: Listener,
) -> Outcome:
    """Train on these patients (see `cmrpipe.learn.training.fit`); validation sees images as they were drawn.

    Parameters
    ----------
    work : folder of this training alone; what was done before it was killed is not done again
    helper : whether this process only helps another to train, which then completes the images

    Raises
    ------
    ParamsError : devices or strategy cannot be had on this machine
    """

    def samples(of: Source) -> TrainingSet:
        return TrainingSet(of, patients, preprocessing(params), augmentation(params), params.seed, params.whole)

    if not params.complete or not half_drawn(source, patients):
        return Outcome(fit(samples(source), val, params, work, listen=listen))
    drawn, walls = samples(source), work / COMPLETED
    epochs = epochs_of(params, len(drawn))

    def completing(event: Progress) -> None:
        listen(Progress("train", "epicardia", epochs, 2 * epochs, f"of {event.done} of {event.total} patients"))

    first = fit(drawn, val, params, work / FIRST, listen=_part(listen, 0, "first of two"))
    del drawn  # it holds samples
    if not helper:
        model = Model(architecture(params), first.weights, preprocessing(params), tuple(patients), (), _NONE_SEEN, {})
        completed(model, source, patients, params, walls, listen=completing)
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
    whole = Completed(source, walls)
    trained = fit(samples(whole), val, params, work, listen=_part(listen, 1, "second of two"))
    return Outcome(trained, first, 0 if helper else whole.completed(patients))


def completed(
    first: Model, source: Source, patients: Sequence[str], params: TrainParams, walls: Path, *, listen: Listener
) -> Completed:
    """The source with the epicardia that the first of two networks sees.

    It looks on the CPU, whatever it was trained on, so that `replay` sees the same on another machine. There may be
    other last bits on another kind of CPU, and a pixel of a wall with them.

    Parameters
    ----------
    first : that network
    patients : of whom samples will be asked for
    walls : folder for what it sees
    """
    with reproducible(params.seed, params.threads):
        complete(source, patients, Predictor(first, _BATCH, "cpu"), walls, listen=listen)
    return Completed(source, walls)


def _part(listen: Listener, before: int, which: str) -> Listener:
    """Tell the epochs of one of two trainings as a part of both."""

    def told(event: Progress) -> None:
        done = event.done + before * event.total
        listen(Progress(event.stage, event.unit, done, 2 * event.total, f"{which}, {event.note}"))

    return told
