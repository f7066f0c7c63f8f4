"""The model card: what a model is, what it was made from, how good it is and where it was not tried; in Markdown.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cmrpipe import __version__
from cmrpipe.drawn import DRAWN, left_out_sentences, of_drawn
from cmrpipe.learn.baselines import BASELINES, OTSU, WITHHELD
from cmrpipe.learn.dvcrecord import DvcRecord
from cmrpipe.learn.evaluation import Part
from cmrpipe.learn.limits import Judged, limits
from cmrpipe.learn.totals import MOST_EF_POINTS, no_ef
from cmrpipe.learn.volumes import QUANTITIES
from cmrpipe.nouns import counted, decimals

CARD = "model_card.md"
"""Name of the card, relative to the evaluation's folder."""

_SHOWN = (
    *((f"dice_{part}", f"Dice, {part}") for part in Part),
    ("apd_cavity_mm", "APD, endocardium, mm"),
    ("apd_epicardium_mm", "APD, epicardium, mm"),
    ("hd95_cavity_mm", "HD95, cavity, mm"),
    ("under_cavity", "under-segmentation, cavity"),
    ("over_cavity", "over-segmentation, cavity"),
)


def _interval(low: float | None, high: float | None, digits: int = 3) -> str:
    return "" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)] + [""]


_GIVEN = "given"
"""What Otsu's threshold does not find: it is told the outer border."""
_BESIDE = [name.replace("_", " ") for name in BASELINES]


def _is_given(baseline: str, name: str) -> bool:
    return baseline == OTSU and Part.EPICARDIUM in name


def _cell(others: Mapping[str, Any], baseline: str, name: str, text: str) -> str:
    """A baseline's cell in the row of a figure: what it was given is not its merit, what is withheld is said to be."""
    if _is_given(baseline, name):
        return _GIVEN
    return WITHHELD if WITHHELD in others[baseline] else text


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    found, others = metrics["all_slices"], metrics["baselines"]
    rows = []
    for name, text in _SHOWN:
        if name in found:
            figure = found[name]
            beside = [
                _cell(others, key, name, decimals(others[key]["all_slices"].get(name, {}).get("mean")))
                for key in BASELINES
            ]
            cells = [text, decimals(figure["mean"]), _interval(figure["low"], figure["high"])]
            rows.append([*cells, decimals(figure["mean_patients"]), str(figure["images"]), *beside])
    return _table(["all slices", "mean", "95 % interval", "mean over patients", "images", *_BESIDE], rows)


def _good(metrics: Mapping[str, Any]) -> list[str]:
    def cells(row: Mapping[str, Any]) -> list[str]:
        return [f"{row['good']} of {row['images']}", decimals(row["dice"]), decimals(row["apd_mm"], 2)]

    def beside(key: str, part: str) -> str:
        row = metrics["baselines"][key]["good_contours_apd_below_5mm"].get(part)
        good, dice, apd = cells(row) if row else ("", "", "")
        return _cell(metrics["baselines"], key, part, f"{good} ({dice}, {apd})" if dice else good)

    rows = [
        [part, *cells(row), *(beside(key, part) for key in BASELINES)]
        for part, row in metrics["good_contours_apd_below_5mm"].items()
    ]
    if not rows:
        return ["No pixel spacing is known of any judged patient, so no contour can be called good.", ""]
    return _table(["good contours only (APD < 5 mm)", "good", "Dice of these", "APD of these, mm", *_BESIDE], rows)


def _clinical(metrics: Mapping[str, Any]) -> list[str]:
    found, others = metrics["clinical"], metrics["baselines"]
    shown = {name: row for name, row in found.items() if row["mean_absolute"] is not None}
    rows = [
        [
            QUANTITIES[name],
            f"{row['n']} of {row['patients']}",
            decimals(row["bias"], 1),
            _interval(row["low"], row["high"], 1),
            decimals(row["mean_absolute"], 1),
            *(
                _cell(others, key, name, decimals(others[key]["clinical"][name]["mean_absolute"], 1))
                for key in BASELINES
            ),
        ]
        for name, row in shown.items()
    ]
    head = ["model less expert", "patients", "bias", "limits of agreement", "mean of sizes", *_BESIDE]
    ways = {"the model": found, **{name.replace("_", " "): others[name]["clinical"] for name in BASELINES}}
    notes = (
        [f"In the mean of sizes an EF counts with {MOST_EF_POINTS:.0f} points at most."] if "ef_pct" in shown else []
    )
    notes += [note for way, told in ways.items() if (note := no_ef(told["ef_pct"], way))]
    if withheld := found["ef_pct"]["without_expert"]:
        notes.append(
            f"Of {counted(withheld, 'patient')} no EF is told: contours of a phase are missing or left out "
            "(column reason of volumes.csv)."
        )
    return [*(_table(head, rows) if rows else ["No volume can be had of any judged patient.", ""]), *_spaced(notes)]


def _completed(origin: Mapping[str, Any]) -> list[str]:
    count = origin.get("completed")
    if not count:
        return []
    return [
        f"It was trained twice: the second time {counted(count, 'training image')} without an epicardial contour had "
        "the epicardium that the first network saw (`train.complete`). Nothing is judged by these.",
        "",
    ]


def _other_store(judged: Judged, parts: Mapping[str, Sequence[str]], origin: Mapping[str, Any]) -> list[str]:
    if judged.store == origin.get("store"):
        return []
    there = len(set(parts["train"]) & set(judged.patients))
    return [
        "The store that was judged is not the one that the model was trained from: their hashes differ. Of "
        f"{counted(len(parts['train']), 'training patient')} it has {there}.",
        "",
    ]


def _changed(judged: Judged) -> Iterator[str]:
    if judged.changed:
        yield (
            f"Since the model was trained, contours of its test patients were changed, added or left out: "
            f"{', '.join(judged.changed)}. The figures are of the labels as they are now."
        )


def _withheld(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Baselines without figures, and why."""
    return {key: told[WITHHELD] for key, told in metrics["baselines"].items() if WITHHELD in told}


def _spaced(paragraphs: Iterable[str]) -> list[str]:
    return [line for paragraph in paragraphs for line in (paragraph, "")]


def model_card(
    metrics: Mapping[str, Any],
    data: Mapping[str, str],
    parts: Mapping[str, Sequence[str]],
    origin: Mapping[str, Any],
    judged: Judged,
    dvc: DvcRecord,
) -> str:
    """The card's text.

    Parameters
    ----------
    metrics : the evaluation's figures (see `cmrpipe.learn.totals`)
    data : names and hashes of the data's version
    parts : patients of each part of the split
    origin : how the model came about, as it is kept beside its weights
    judged : the store, and what is known of its patients
    dvc : what DVC recorded of the data, proven
    """
    known = {f"{key} that the model was trained with": value for key, value in origin.items() if isinstance(value, str)}
    strangers = sorted(set(judged.patients).difference(*parts.values()))
    shown = {**parts, **({"in no part, in the store": strangers} if strangers else {})}
    lines = [
        "# Model card",
        "",
        "Segments the left ventricle (cavity and myocardium) in short-axis cine MR, image by image. Written by "
        f"`cmrpipe evaluate` {__version__}; do not edit.",
        "",
        "## Made from",
        "",
        *_table(
            ["what", "version"], [[name, f"`{value}`"] for name, value in {**dvc.versions(), **data, **known}.items()]
        ),
        dvc.sentence(),
        "",
        *_other_store(judged, parts, origin),
        "## Patients",
        "",
        *_table(["part", "patients", "ids"], [[n, str(len(ids)), ", ".join(ids)] for n, ids in shown.items()]),
        *_completed(origin),
        "## How good it is",
        "",
        f"On {counted(metrics['patients'], 'patient')} ({of_drawn(metrics[DRAWN])}) that it has not seen. Intervals: "
        "bootstrap over patients. An image on which the model finds nothing counts as 0 (distances: the image's "
        "diagonal); the means are over all images that are judged.",
        "",
        *_spaced([" ".join(left_out_sentences(metrics[DRAWN])), *_changed(judged)]),
        *_figures(metrics),
        *_good(metrics),
        *_clinical(metrics),
        *[f"Beside it: {key.replace('_', ' ')} is the {text}." for key, text in BASELINES.items()],
        *[f"No figures of {key.replace('_', ' ')} are told: {why}." for key, why in _withheld(metrics).items()],
        "",
        "## Known limits",
        "",
        *[f"- {sentence}" for sentence in limits(metrics, judged, origin)],
        "",
        "## Parameters of the training",
        "",
        "```json",
        json.dumps(origin.get("params", {}), indent=1, sort_keys=True),
        "```",
    ]
    return "\n".join(lines) + "\n"
