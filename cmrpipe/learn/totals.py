"""Figures over all judged images: means with intervals, good contours beside all slices, by region and by phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from statistics import median
from typing import Any

from cmrpipe.csvfile import DIGITS
from cmrpipe.learn.agreement import Agreement, agreement
from cmrpipe.learn.bootstrap import interval
from cmrpipe.learn.evaluation import FIGURES, OUTLINED, ImageScore, Part, Region, by_patient, is_good, patient_means
from cmrpipe.learn.metrics import mean
from cmrpipe.learn.volumes import QUANTITIES, Pair
from cmrpipe.model import Phase

Json = dict[str, Any]
SEED = 0
"""Of the bootstrap."""

MOST_EF_POINTS = 100.0
"""Difference in percentage points that a patient counts with at most in the mean of the differences' sizes.

So counts a patient whose ejection fraction the model does not have. One that it has is unbounded below (systolic areas
over diastolic ones): without this, a ventricle that is badly found would count worse than one that is not found at all.
"""

_HEADLINES = ("dice", "jaccard")


def rounded(value: Any) -> Any:
    """The same with every float to the tables' digits."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value


def figure(scores: Iterable[ImageScore], name: str) -> Json | None:
    """One figure: mean and median over images, its interval and mean over patients; None where no image has it."""
    groups = [
        [value for row in rows if (value := row.figures[name]) is not None] for rows in by_patient(scores).values()
    ]
    values = [value for group in groups for value in group]
    if not values:
        return None
    reach = interval(groups, SEED)
    return {
        "mean": mean(values),
        "low": None if reach is None else reach.low,
        "high": None if reach is None else reach.high,
        "median": median(values),
        "mean_patients": mean(mean(group) for group in groups),
        "images": len(values),
        "patients": sum(bool(group) for group in groups),
    }


def figures(scores: Sequence[ImageScore]) -> Json:
    """All figures that can be had."""
    return {name: found for name in FIGURES if (found := figure(scores, name)) is not None}


def good_contours(scores: Sequence[ImageScore]) -> Json:
    """The field's way of telling results: the share of good contours, and Dice and distance of these alone.

    It leaves out what went wrong, and is given for comparison with publications that do; `figures` leave out nothing.
    """
    told: Json = {}
    for part in OUTLINED:
        judged = [score for score in scores if is_good(score, part) is not None]
        good = [score for score in judged if is_good(score, part)]
        if judged:
            told[part.value] = {
                "images": len(judged),
                "good": len(good),
                "share": len(good) / len(judged),
                "dice": mean(score.figures[f"dice_{part}"] for score in good),
                "apd_mm": mean(score.figures[f"apd_{part}_mm"] for score in good),
            }
    return told


def strata(scores: Sequence[ImageScore]) -> Json:
    """Main figures by base, mid and apex, and by phase; only what there are images for."""
    groups = {
        "region": {region.value: [s for s in scores if s.region is region] for region in Region},
        "phase": {phase.value: [s for s in scores if s.phase == phase.value] for phase in Phase},
    }
    names = [f"dice_{part}" for part in Part] + [f"apd_{part}_mm" for part in OUTLINED]
    return {
        kind: {
            value: {name: told for name in names if (told := figure(rows, name)) is not None}
            for value, rows in parts.items()
            if rows
        }
        for kind, parts in groups.items()
    }


def clinical(pairs: Sequence[Pair]) -> Json:
    """Agreement of volumes, ejection fraction and mass, model less expert, and how many patients it rests on.

    `without_expert` are patients whose value is withheld or cannot be had, `without_model` those for whom the expert
    has a value and the model none: it found no end-diastolic cavity, and so has no ejection fraction. Such a patient
    counts in `mean_absolute` with `MOST_EF_POINTS`, which is also the most that any other patient's ejection fraction
    counts with there, and bias and limits, which have no worst, are withheld.
    """
    told: Json = {}
    for name in QUANTITIES:
        values = [(getattr(pair.model, name), getattr(pair.expert, name)) for pair in pairs]
        known = [(model, expert) for model, expert in values if expert is not None]
        both = [(model, expert) for model, expert in known if model is not None]
        lost = len(known) - len(both)
        found = agreement([model for model, _ in both], [expert for _, expert in both], SEED)
        figures: Json = dict.fromkeys(field.name for field in fields(Agreement)) if found is None else asdict(found)
        if lost:
            figures = dict.fromkeys(figures)
        if name == "ef_pct":
            sizes = [min(abs(model - expert), MOST_EF_POINTS) for model, expert in both] + [MOST_EF_POINTS] * lost
            figures["mean_absolute"] = mean(sizes)
        counts = {"patients": len(pairs), "without_expert": len(pairs) - len(known), "without_model": lost}
        told[name] = {**figures, **counts, "n": len(both)}
    return told


def no_ef(row: Mapping[str, Any], way: str) -> str:
    """What a table must say of patients whose ejection fraction a way of labelling does not have; "" without any.

    Parameters
    ----------
    row : what `clinical` tells of ef_pct
    way : its name
    """
    lost = row["without_model"]
    if not lost:
        return ""
    return (
        f"Of {lost} of {row['patients']} patients {way} has no EF (no cavity found at end-diastole): each counts in "
        f"the mean of sizes as {MOST_EF_POINTS:.0f} points, the most that any counts, and bias and limits are withheld."
    )


def summarise(scores: Sequence[ImageScore], pairs: Sequence[Pair]) -> Json:
    """Everything about one way of labelling."""
    return {
        "all_slices": figures(scores),
        "good_contours_apd_below_5mm": good_contours(scores),
        "by": strata(scores),
        "clinical": clinical(pairs),
    }


def headlines(scores: Sequence[ImageScore]) -> Json:
    """Counts (`missed`: no pixel in common); Dice and Jaccard as `test_<measure>`, and of patients' means."""
    told: Json = {"patients": len(by_patient(scores)), "images": len(scores)}
    for part in Part:
        told[f"images_{part}"] = sum(score.figures[f"dice_{part}"] is not None for score in scores)
        told[f"missed_{part}"] = sum(score.figures[f"dice_{part}"] == 0 for score in scores)
        for measure in _HEADLINES:
            name = f"{measure}_{part}"
            told[f"test_{name}"] = mean(score.figures[name] for score in scores)
            told[f"test_{name}_patients"] = mean(patient_means(rows)[name] for rows in by_patient(scores).values())
    return told
