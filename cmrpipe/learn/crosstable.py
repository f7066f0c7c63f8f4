"""The tables of a cross-validation: a row a patient, and the same in Markdown with the totals below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmrpipe.drawn import DRAWN, IMAGES, JUDGED, left_out_sentences
from cmrpipe.learn.baselines import BASELINES
from cmrpipe.learn.evaluation import FIGURES, ImageScore, by_patient, patient_means
from cmrpipe.learn.leftout import Absent
from cmrpipe.learn.scoretables import OURS
from cmrpipe.learn.totals import no_ef
from cmrpipe.learn.volumes import Pair
from cmrpipe.nouns import decimals

_SHOWN = {
    "dice_cavity": "Dice, cavity",
    "dice_myocardium": "Dice, myocardium",
    "apd_cavity_mm": "APD, endocardium, mm",
}
_ALL = "**all slices**"


@dataclass(frozen=True, slots=True)
class CrossTable:
    """Column names and rows of the table of all figures, and the short one in Markdown."""

    head: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    markdown: str


def _interval(row: Mapping[str, Any] | None, digits: int) -> str:
    if row is None:
        return ""
    between = "" if row["low"] is None else f" ({row['low']:.{digits}f} to {row['high']:.{digits}f})"
    return f"{row['mean']:.{digits}f}{between}"


def _apart(row: Mapping[str, Any]) -> str:
    if row["mean_absolute"] is None:
        return ""
    rests = row["n"] + row["without_model"]
    return f"{row['mean_absolute']:.1f} apart on average" + (
        f" ({rests} of {row['patients']} patients)" if rests < row["patients"] else ""
    )


def _ef(pair: Pair) -> list[str]:
    """The cells of expert and model."""
    lacks = "withheld" if pair.expert.ef_pct is None else "none"
    return [lacks if value is None else f"{value:.1f}" for value in (pair.expert.ef_pct, pair.model.ef_pct)]


def _of(judged: int, drawn: int) -> str:
    return str(judged) if judged == drawn else f"{judged} of {drawn}"


def _totals(told: Mapping[str, Any]) -> list[str]:
    cells = [_interval(told["all_slices"].get(name), 3 if "dice" in name else 2) for name in _SHOWN]
    return [*cells, _apart(told["clinical"]["ef_pct"]), ""]


def cross_table(
    metrics: Mapping[str, Any], scores: Mapping[str, Sequence[ImageScore]], pairs: Sequence[Pair], lacking: Absent
) -> CrossTable:
    """Tables of all patients.

    Parameters
    ----------
    metrics : figures over all patients, with those of the baselines (see `cmrpipe.learn.totals`)
    scores : figures of every image, by way of labelling (see `cmrpipe.learn.scoretables.WAYS`)
    pairs : the model's volumes of every patient
    lacking : what was drawn of them and is not judged
    """
    rows, lines = [], []
    volumes = {pair.patient_id: pair for pair in pairs}
    beside = {key: by_patient(scores[key]) for key in BASELINES}
    for patient, images in sorted(by_patient(scores[OURS]).items()):
        means, pair = patient_means(images), volumes[patient]
        out = lacking.judged[patient].total
        rows.append((patient, len(images), out, *(means[name] for name in FIGURES), *list(pair.row().values())[1:]))
        shown = [decimals(means[name], 3 if "dice" in name else 2) for name in _SHOWN]
        others = [decimals(patient_means(beside[key][patient])["dice_cavity"], 3) for key in BASELINES]
        lines.append([patient, _of(len(images), len(images) + out), *shown, *_ef(pair), *others])
    ways = {_ALL: metrics, **{key.replace("_", " "): metrics["baselines"][key] for key in BASELINES}}
    drawn = metrics[DRAWN][IMAGES]
    count = _of(drawn[JUDGED], drawn[DRAWN])
    lines += [[name, count, *_totals(told), *("" for _ in BASELINES)] for name, told in ways.items()]
    theirs = [f"{key.replace('_', ' ')}: Dice, cavity" for key in BASELINES]
    head = ["patient", "images", *_SHOWN.values(), "EF expert, %", "EF model, %", *theirs]
    notes = [*left_out_sentences(metrics[DRAWN])]
    notes += [no_ef(told["clinical"]["ef_pct"], "the model" if name == _ALL else name) for name, told in ways.items()]
    notes += [f"{patient}: {pair.reason}." for patient, pair in sorted(volumes.items()) if pair.expert.ef_pct is None]
    notes += [f"{key.replace('_', ' ')}: {text}." for key, text in BASELINES.items()]
    markdown = [
        *(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)),
        *(f"\n{note}" for note in notes if note),
        "",
    ]
    columns = list(pairs[0].row())[1:] if pairs else []
    return CrossTable(("patient_id", "images", "images_left_out", *FIGURES, *columns), tuple(rows), "\n".join(markdown))
