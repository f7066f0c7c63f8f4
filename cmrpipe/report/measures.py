"""Figures to compare patients by, from what is not left out; an unusual one is worth a look at the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmrpipe.geometry import polygon_area, wall_thickness
from cmrpipe.model import Contour, ContourKind, Phase
from cmrpipe.report.facts import Drawn

CM2_PER_MM2 = 0.01

_FENCE = 1.5
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure: its name in `PatientFacts.measures`, what it is, and its unit."""

    name: str
    title: str
    unit: str


MEASURES = (
    Measure("area_cm2", "Largest cavity area at end-diastole", "cm²"),
    Measure("wall_mm", "Mean wall thickness at end-diastole", "mm"),
    Measure("ef_pct", "Ejection fraction", "%"),
    Measure("blood_intensity", "Blood intensity inside the endocardium", "grey value"),
)


def contour_measures(drawn: Sequence[Drawn], spacing_mm: tuple[float, float] | None) -> dict[str, float]:
    """Area and wall thickness at end-diastole; nothing where the pixel size is unknown."""
    if spacing_mm is None:
        return {}
    areas, walls = [], []
    for item in drawn:
        kept: Mapping[ContourKind, Contour] = {c.kind: c for c in item.contours if c.kind not in item.left_out}
        endo, epi = kept.get(ContourKind.ENDO), kept.get(ContourKind.EPI)
        if item.phase is not Phase.ED or endo is None:
            continue
        areas.append(polygon_area(endo.points, spacing_mm) * CM2_PER_MM2)
        if epi is not None:
            walls.append(wall_thickness(endo.points, epi.points, spacing_mm).mean_mm)
    found = {}
    if areas:
        found["area_cm2"] = max(areas)
    if walls:
        found["wall_mm"] = float(np.mean(walls))
    return found


def outliers(values: Sequence[float]) -> list[bool]:
    """Which values lie beyond Tukey's fences, 1.5 interquartile ranges from the quartiles; none of fewer than eight."""
    if len(values) < _FEWEST:
        return [False] * len(values)
    low, high = (float(quartile) for quartile in np.percentile(values, (25, 75)))
    reach = _FENCE * (high - low)
    return [not low - reach <= value <= high + reach for value in values]
