"""The course of a training, an epoch a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from cmrpipe.files import write_text

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Epoch:
    """Figures of one epoch; Dice is None where the validation patients have nothing to compare with.

    Attributes
    ----------
    epoch : from 1
    train_loss, val_loss : means over samples
    val_dice_cavity, val_dice_myocardium : means over validation images, on the network's grid
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_dice_cavity: float | None
    val_dice_myocardium: float | None


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """Write one CSV row an epoch; an absent figure is an empty cell."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([column.name for column in fields(Epoch)])
    for epoch in history:
        table.writerow([f"{v:.{DIGITS}f}" if isinstance(v, float) else v for v in astuple(epoch)])
    write_text(path, text.getvalue())
