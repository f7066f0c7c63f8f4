"""A training that takes its time, for a process of its own that somebody kills."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path

from cmrpipe.params import TrainParams
from cmrpipe.progress import Progress
from cmrpipe.stages.train import train


def train_slowly(store: Path, out: Path, params: TrainParams, told: Connection) -> None:
    """Train; tell the number of each epoch that is done, and wait a little."""

    def tell(event: Progress) -> None:
        if event.done:
            told.send(event.done)
            time.sleep(0.3)

    train(store, out, params, listen=tell)
