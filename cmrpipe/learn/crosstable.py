"""The tables of a cross-validation: a row a patient, and the same in Markdown with the totals below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmrpipe.learn.evaluation import FIGURES, ImageScore, by_patient, patient_means
from cmrpipe.learn.volumes import Pair

_SHOWN = {
    "dice_cavity": "Dice, cavity",
    "dice_myocardium": "Dice, myocardium",
    "apd_cavity_mm": "APD, endocardium, mm",
}


@dataclass(frozen=True, slots=True)
class CrossTable:
    """Column names and rows of the table of all figures, and the short one in Markdown."""

    head: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    markdown: str


def _text(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _interval(row: Mapping[str, Any] | None, digits: int) -> str:
    if row is None:
        return ""
    between = "" if row["low"] is None else f" ({row['low']:.{digits}f} to {row['high']:.{digits}f})"
    return f"{row['mean']:.{digits}f}{between}"


def cross_table(metrics: Mapping[str, Any], scores: Sequence[ImageScore], pairs: Sequence[Pair]) -> CrossTable:
    """Tables of all patients.

    Parameters
    ----------
    metrics : figures over all patients (see `cmrpipe.learn.totals`)
    scores, pairs : figures of every image, volumes of every patient
    """
    rows, lines = [], []
    volumes = {pair.patient_id: pair for pair in pairs}
    for patient, images in sorted(by_patient(scores).items()):
        means, pair = patient_means(images), volumes[patient]
        rows.append((patient, len(images), *(means[name] for name in FIGURES), *list(pair.row().values())[1:]))
        shown = [_text(means[name], 3 if "dice" in name else 2) for name in _SHOWN]
        ef = [_text(value, 1) for value in (pair.expert.ef_pct, pair.model.ef_pct)]
        lines.append(f"| {' | '.join([patient, str(len(images)), *shown, *ef])} |")
    found = metrics["all_slices"]
    totals = [_interval(found.get(name), 3 if "dice" in name else 2) for name in _SHOWN]
    ef_row = metrics["clinical"].get("ef_pct")
    apart = "" if ef_row is None else f"{ef_row['mean_absolute']:.1f} apart on average"
    head = ["patient", "images", *_SHOWN.values(), "EF expert, %", "EF model, %"]
    markdown = [
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *lines,
        f"| **all slices** | {len(scores)} | {' | '.join(totals)} | {apart} | |",
        "",
    ]
    columns = list(pairs[0].row())[1:] if pairs else []
    return CrossTable(("patient_id", "images", *FIGURES, *columns), tuple(rows), "\n".join(markdown))
