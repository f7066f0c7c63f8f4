"""The page's account of the model: figures with intervals and baselines, good contours, strata, agreement of volumes.

All of it comes from the evaluation's metrics.json and volumes.csv, whose names are told here for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cmrpipe.drawn import DRAWN, left_out_sentences
from cmrpipe.nouns import decimals
from cmrpipe.report.agreement import agreement_plot
from cmrpipe.report.artefacts import number
from cmrpipe.report.facts import ModelFacts

_FIGURES = {
    "dice_cavity": "Dice, cavity",
    "dice_myocardium": "Dice, myocardium",
    "dice_epicardium": "Dice, whole ventricle",
    "jaccard_cavity": "Jaccard, cavity",
    "under_cavity": "Under-segmentation, cavity",
    "over_cavity": "Over-segmentation, cavity",
    "apd_cavity_mm": "APD, endocardium, mm",
    "apd_epicardium_mm": "APD, epicardium, mm",
    "asd_cavity_mm": "Mean surface distance, cavity, mm",
    "hd95_cavity_mm": "HD95, cavity, mm",
}
_BASELINES = {"otsu": "Otsu inside epicardium", "mean_shape": "Mean shape"}
_SHORT = {"otsu": "Otsu", "mean_shape": "Mean shape"}
_GIVEN = "given"
"""What Otsu's threshold does not find: it is told the expert's outer border."""
_WITHHELD = "withheld"
"""In the cells of a baseline that could not be had; metrics.json has the reason under this name."""
_QUANTITIES = {
    "edv_ml": ("End-diastolic volume", "mL"),
    "esv_ml": ("End-systolic volume", "mL"),
    "ef_pct": ("Ejection fraction", "percentage points"),
    "mass_g": ("LV mass", "g"),
}
_GROUPS = {"region": ("base", "mid", "apex", "unknown"), "phase": ("ED", "ES", "other")}
_PARTS = {"cavity": "Endocardium", "epicardium": "Epicardium"}


@dataclass(frozen=True, slots=True)
class ModelSection:
    """Tables of text cells, the first row their heading, notes on the agreement, plots; empty without any."""

    figures: tuple[tuple[str, ...], ...] = ()
    good: tuple[tuple[str, ...], ...] = ()
    strata: tuple[tuple[str, ...], ...] = ()
    agreement: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    plots: tuple[Markup, ...] = ()


def _between(row: Mapping[str, Any], digits: int = 3) -> str:
    low, high = row.get("low"), row.get("high")
    return "" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"


def _cell(told: Mapping[str, Any], baseline: str, name: str, text: str) -> str:
    """A baseline's cell: what Otsu's threshold was given is not its merit, what is withheld is said to be."""
    if baseline == "otsu" and "epicardium" in name:
        return _GIVEN
    return _WITHHELD if _WITHHELD in _beside(told)[baseline] else text


def _figures(told: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Means over all slices with intervals, beside those of the baselines."""
    found, beside = told.get("all_slices", {}), told.get("baselines", {})
    rows = []
    for name, text in _FIGURES.items():
        if (row := found.get(name)) is not None:
            others = [
                _cell(told, key, name, decimals(beside.get(key, {}).get("all_slices", {}).get(name, {}).get("mean")))
                for key in _BASELINES
            ]
            means = (decimals(row["mean"]), _between(row), decimals(row["median"]), decimals(row["mean_patients"]))
            rows.append((text, *means, str(row["images"]), *others))
    head = ("All slices", "Mean", "95 % interval", "Median", "Mean over patients", "Images", *_BASELINES.values())
    return (head, *rows) if rows else ()


def _good(told: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    name = "good_contours_apd_below_5mm"
    rows = []
    for part, row in told.get(name, {}).items():
        beside = [told.get("baselines", {}).get(key, {}).get(name, {}).get(part) for key in _BASELINES]
        others = [
            _cell(told, key, part, f"{other['good']} of {other['images']}" if other else "")
            for key, other in zip(_BASELINES, beside, strict=True)
        ]
        figures = (f"{row['good']} of {row['images']}", decimals(row["dice"]), decimals(row["apd_mm"], 2))
        rows.append((_PARTS.get(part, part), *figures, *others))
    head = ("Good contours only (APD < 5 mm)", "Good", "Dice", "APD, mm", *_BASELINES.values())
    return (head, *rows) if rows else ()


def _strata(told: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Main figures by place and phase; to the right of each, those of the baselines."""
    names, beside = ("dice_cavity", "dice_myocardium", "apd_cavity_mm"), _beside(told)
    rows = []
    for kind, groups in _GROUPS.items():
        for group in groups:
            ours, *others = (way.get("by", {}).get(kind, {}).get(group) for way in (told, *beside.values()))
            if ours is not None:
                cells = [
                    decimals((found or {}).get(name, {}).get("mean")) for name in names for found in (ours, *others)
                ]
                rows.append((group, str(ours.get(names[0], {}).get("images", "")), *cells))
    head = [text for name in names for text in (_FIGURES[name], *_SHORT.values())]
    return (("Slices", "Images", *head), *rows) if rows else ()


def _agreement(told: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    rows, beside = [], told.get("baselines", {})
    for name, (text, unit) in _QUANTITIES.items():
        row = told.get("clinical", {}).get(name)
        if row is not None and row["mean_absolute"] is not None:
            others = [
                _cell(
                    told,
                    key,
                    name,
                    decimals(beside.get(key, {}).get("clinical", {}).get(name, {}).get("mean_absolute"), 1),
                )
                for key in _BASELINES
            ]
            sizes = (decimals(row["bias"], 1), _between(row, 1), decimals(row["mean_absolute"], 1))
            rows.append((f"{text}, {unit}", f"{row['n']} of {row.get('patients', row['n'])}", *sizes, *others))
    head = ("Model less expert", "Patients", "Bias", "Limits of agreement", "Mean size", *_BASELINES.values())
    return (head, *rows) if rows else ()


def _notes(model: ModelFacts) -> tuple[str, ...]:
    """What was drawn and is not judged, which baseline is missing, who is missing in the agreement, how that counts."""
    ways = {"the model": model.evaluation, **{_BASELINES[k]: v for k, v in _beside(model.evaluation).items()}}
    found = {name: told.get("clinical", {}).get("ef_pct", {}) for name, told in ways.items()}
    lost = [
        f"Of {row['without_model']} of {row['patients']} patients {name} has no EF (no cavity found at end-diastole): "
        "each counts in the mean size as 100 points, the most that any counts, and bias and limits are withheld."
        for name, row in found.items()
        if row.get("without_model")
    ]
    not_had = [
        f"No figures of {_BASELINES[key].lower()} are told: {way[_WITHHELD]}."
        for key, way in _beside(model.evaluation).items()
        if _WITHHELD in way
    ]
    withheld = [
        f"{row['patient_id']} has no EF, by expert or model: {row['reason']}."
        for row in model.volumes
        if row.get("reason") and not row.get("ef_pct_expert")
    ]
    return (*left_out_sentences(model.evaluation.get(DRAWN, {})), *not_had, *lost, *withheld)


def _beside(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: told.get("baselines", {}).get(key, {}) for key in _BASELINES}


def _plots(model: ModelFacts, pages: Mapping[str, str]) -> tuple[Markup, ...]:
    plots = []
    for name, (text, unit) in _QUANTITIES.items():
        points = [
            (row["patient_id"], expert, ours, pages.get(row["patient_id"], ""))
            for row in model.volumes
            if (expert := number(row.get(f"{name}_expert"))) is not None
            and (ours := number(row.get(f"{name}_model"))) is not None
        ]
        limits = model.evaluation.get("clinical", {}).get(name)
        if points and limits:
            plots.append(agreement_plot(points, (limits["bias"], limits["low"], limits["high"]), text, unit))
    return tuple(plots)


def model_section(model: ModelFacts | None, pages: Mapping[str, str]) -> ModelSection:
    """All that the evaluation says; `pages` are the addresses of the patients' pages by id."""
    if model is None or not model.evaluation:
        return ModelSection()
    told = model.evaluation
    return ModelSection(
        _figures(told), _good(told), _strata(told), _agreement(told), _notes(model), _plots(model, pages)
    )


def patient_values(rows: Sequence[Mapping[str, str]]) -> dict[str, dict[str, float | None]]:
    """Ejection fraction by expert and model, by patient id."""
    return {row["patient_id"]: {who: number(row.get(f"ef_pct_{who}")) for who in ("expert", "model")} for row in rows}
