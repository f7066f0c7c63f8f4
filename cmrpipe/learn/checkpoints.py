"""Checkpoints of a training in progress, from which a killed one goes on to the same bits."""

from __future__ import annotations

import math
import pickle
from contextlib import nullcontext
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from cmrpipe.errors import InputError
from cmrpipe.files import atomic

LAST = "last.ckpt"
MOST = 50
"""Checkpoints that a training writes, at most."""


def last_checkpoint(work: Path) -> Path | None:
    """The checkpoint that a training in this folder goes on from; None when it begins.

    Raises
    ------
    InputError : it is damaged
    """
    path = work / LAST
    if not path.exists():
        return None
    try:
        torch.load(path, map_location="meta", weights_only=True)
    except (OSError, EOFError, LookupError, TypeError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        cause = f"is no checkpoint that can be read ({' '.join(str(error).split())[:200]})"
        raise InputError(path, cause, f"Remove the folder {work}; the training then begins anew") from error
    return path


class Checkpoints(Callback):
    """Writes a checkpoint after every `epochs / MOST` epochs, and after the last.

    The old one, or the new one, is there at any moment. It holds weights, optimiser, schedule and what the callbacks
    before this one have noted. Nothing else decides a training: order and augmentation follow from seed and epoch (see
    `cmrpipe.learn.datasets`).
    """

    def __init__(self, work: Path, epochs: int) -> None:
        self.path = work / LAST
        self.epochs = epochs
        self.every = math.ceil(epochs / MOST)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this after each epoch's validation."""
        done = trainer.current_epoch + 1
        if done % self.every == 0 or done == self.epochs:
            # Of several processes that train together, all must call this, and the first one writes.
            with atomic(self.path) if trainer.is_global_zero else nullcontext(self.path) as place:
                trainer.save_checkpoint(place)
