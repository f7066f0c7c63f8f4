"""Clinical values of a left ventricle, from its contours: volumes, ejection fraction, output, mass.

Volumes are sums of discs: the enclosed area in each short-axis slice times the distance between slices (the gap
measured from positions, so that the space between slices counts), as in Schulz-Menger et al., "Standardized image
interpretation and post-processing in cardiovascular magnetic resonance - 2020 update", J Cardiovasc Magn Reson
2020;22:19.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median

from cmrpipe.geometry import PIXELS, polygon_area
from cmrpipe.model import Contour, ContourKind, Phase, Sample
from cmrpipe.nouns import counted
from cmrpipe.slices import along, normal, uneven_text

MYOCARDIUM_G_PER_ML = 1.05
"""Density of myocardium, g/mL (Schulz-Menger et al. 2020)."""

FEWEST_FOR_EF = 3
"""Slices at ED from which areas tell an ejection fraction where the slice gap or pixel spacing is unknown."""

PLAUSIBLE_HEIGHT_M, PLAUSIBLE_WEIGHT_KG, PLAUSIBLE_RATE_BPM = (0.3, 2.6), (1.0, 500.0), (20.0, 300.0)
"""From and to; what a header says beyond (a height in cm, say) is not used."""
_NO_RATE = "heart rate unknown"

MM3_PER_ML = 1000.0
MS_PER_MINUTE = 60_000.0
ML_PER_L = 1000.0
CM_PER_M = 100.0


@dataclass(frozen=True, slots=True)
class ClinicalValues:
    """Clinical values of one patient; a value that cannot be had is None, and `reason` says why.

    The ejection fraction is a ratio: it can be had without spacing, and `reason` then says what it takes for granted.

    Attributes
    ----------
    edv_ml, esv_ml : end-diastolic and end-systolic volume
    sv_ml : stroke volume, EDV - ESV
    ef_pct : ejection fraction, SV / EDV
    co_l_min : cardiac output, SV x heart rate
    mass_g : myocardial mass at ED
    edv_index_ml_m2, esv_index_ml_m2, sv_index_ml_m2, ci_l_min_m2, mass_index_g_m2 : the same per body surface
    bsa_m2 : body surface area
    heart_rate_bpm : from the header
    slices_ed, slices_es, slices_mass : number of slices that the volumes and the mass are summed over
    """

    patient_id: str
    edv_ml: float | None = None
    esv_ml: float | None = None
    sv_ml: float | None = None
    ef_pct: float | None = None
    co_l_min: float | None = None
    mass_g: float | None = None
    edv_index_ml_m2: float | None = None
    esv_index_ml_m2: float | None = None
    sv_index_ml_m2: float | None = None
    ci_l_min_m2: float | None = None
    mass_index_g_m2: float | None = None
    bsa_m2: float | None = None
    heart_rate_bpm: float | None = None
    slices_ed: int = 0
    slices_es: int = 0
    slices_mass: int = 0
    reason: str = ""


CLINICAL_COLUMNS = tuple(field.name for field in fields(ClinicalValues))
"""Of the clinical table, in order."""


def disc_volume_ml(areas_mm2: Iterable[float], gap_mm: float) -> float:
    """Volume of a stack of slices by disc summation, mL: the sum of areas times the distance between slice centres."""
    return math.fsum(areas_mm2) * gap_mm / MM3_PER_ML


def body_surface_m2(height_m: float, weight_kg: float) -> float:
    """Body surface area, m²: sqrt(height in cm x weight in kg / 3600) (Mosteller, N Engl J Med 1987;317:1098)."""
    return math.sqrt(height_m * CM_PER_M * weight_kg / 3600.0)


def ejection_fraction_pct(edv_ml: float, esv_ml: float) -> float:
    """Ejection fraction, %: (EDV - ESV) / EDV."""
    return 100.0 * (edv_ml - esv_ml) / edv_ml


def heart_rate(samples: Sequence[Sample]) -> tuple[float | None, str]:
    """Beats a minute, or None and why: median of the header's HeartRate, else from NominalInterval (R-R, ms).

    Rates that are not plausible are left out; where all are, there is none, whatever the interval says.
    """
    rates = [s.record.heart_rate_bpm for s in samples if s.record.heart_rate_bpm]
    intervals = [s.record.nominal_interval_ms for s in samples if s.record.nominal_interval_ms]
    rates = rates or [MS_PER_MINUTE / interval for interval in intervals]
    if not rates:
        return None, _NO_RATE
    return _plausible(rates, PLAUSIBLE_RATE_BPM, "heart rate", "per minute")


def _plausible(values: Sequence[float], reach: tuple[float, float], what: str, unit: str) -> tuple[float | None, str]:
    """Median of the plausible ones of some values; None and the reason where none is."""
    used = [value for value in values if reach[0] <= value <= reach[1]]
    if used:
        return median(used), ""
    return None, f"{what} of {median(values):g} {unit} is not plausible ({reach[0]:g} to {reach[1]:g})"


def clinical_values(
    patient_id: str,
    samples: Sequence[Sample],
    gap_mm: float | None,
    drawn: Sequence[Sample] | None = None,
    unplaced: Sequence[int] = (),
) -> ClinicalValues:
    """Clinical values of one patient.

    A volume needs every slice that its phase was drawn in: where a contour is in quarantine, or a slice between drawn
    neighbours has none, there is no value; nor where drawn neighbours lie farther apart, or nearer, than the stack's
    slices, as where one is not there at all. Slices beyond the ventricle's ends are not drawn, so the number of slices
    may differ between ED and ES. The mass needs the epicardium of every slice with an endocardium at ED.

    Where pixel spacing or slice gap is unknown there is the ejection fraction alone: that of the areas, of three slices
    at least, which without a gap are taken as evenly spaced.

    Parameters
    ----------
    samples : the patient's contoured images, without what is in quarantine
    gap_mm : distance between neighbouring slices measured from positions, None when unknown
    drawn : the patient's contoured images with what is in quarantine; `samples` when None
    unplaced : image numbers of endocardia that are in none of these (see `cmrpipe.samples.unplaced`): of which slice
        and phase is not known, so that there is no value at all
    """
    if unplaced:
        which = f"endocardium {', '.join(map(str, unplaced))}"
        why = "no image of its own in the stack, cannot be read, or there twice"
        return ClinicalValues(patient_id, reason=f"no values: nobody can tell where {which} belongs ({why})")
    every = samples if drawn is None else drawn
    reasons: list[str] = []
    spacing = {s.record.pixel_spacing_mm for s in every}
    if not every:
        reasons.append("no contours")
    if None in spacing:
        reasons.append("pixel spacing unknown")
    if every and gap_mm is None:
        reasons.append("slice gap unknown")
    if reasons or gap_mm is None:
        return _by_areas(patient_id, samples, every, gap_mm, reasons)

    edv, slices_ed = _volume(samples, every, Phase.ED, gap_mm, reasons)
    esv, slices_es = _volume(samples, every, Phase.ES, gap_mm, reasons)
    mass, slices_mass = _mass(samples, every, gap_mm, reasons)
    stroke = edv - esv if edv is not None and esv is not None else None
    rate, no_rate = heart_rate(every)
    output = stroke * rate / ML_PER_L if stroke is not None and rate is not None else None
    if no_rate and (stroke is not None or no_rate != _NO_RATE):
        reasons.append(f"no cardiac output: {no_rate}")
    bsa = _body_surface(every, reasons)
    return ClinicalValues(
        patient_id,
        edv_ml=edv,
        esv_ml=esv,
        sv_ml=stroke,
        ef_pct=ejection_fraction_pct(edv, esv) if edv and esv is not None else None,
        co_l_min=output,
        mass_g=mass,
        edv_index_ml_m2=_per(edv, bsa),
        esv_index_ml_m2=_per(esv, bsa),
        sv_index_ml_m2=_per(stroke, bsa),
        ci_l_min_m2=_per(output, bsa),
        mass_index_g_m2=_per(mass, bsa),
        bsa_m2=bsa,
        heart_rate_bpm=rate,
        slices_ed=slices_ed,
        slices_es=slices_es,
        slices_mass=slices_mass,
        reason="; ".join(reasons),
    )


def _by_areas(
    patient_id: str, samples: Sequence[Sample], drawn: Sequence[Sample], gap_mm: float | None, reasons: list[str]
) -> ClinicalValues:
    """The ejection fraction where volumes cannot be had; `reasons` says why they cannot."""
    spacing = {s.record.pixel_spacing_mm for s in drawn}
    if len(spacing) != 1:
        return ClinicalValues(patient_id, reason="; ".join(reasons))
    further: list[str] = []
    edv, slices_ed = _volume(samples, drawn, Phase.ED, gap_mm, further)
    esv, slices_es = _volume(samples, drawn, Phase.ES, gap_mm, further)
    counts = {"slices_ed": slices_ed, "slices_es": slices_es}
    if not edv or esv is None:
        return ClinicalValues(patient_id, **counts, reason="; ".join(reasons + further))
    if slices_ed < FEWEST_FOR_EF:
        reasons.append(f"no EF: {counted(slices_ed, 'slice')} only")
        return ClinicalValues(patient_id, **counts, reason="; ".join(reasons))
    if gap_mm is None:
        reasons.append("EF takes the slices as evenly spaced")
    return ClinicalValues(patient_id, ef_pct=ejection_fraction_pct(edv, esv), **counts, reason="; ".join(reasons))


def _per(value: float | None, bsa: float | None) -> float | None:
    return None if value is None or bsa is None else value / bsa


def _body_surface(samples: Sequence[Sample], reasons: list[str]) -> float | None:
    """Body surface, None where height or weight is unknown or not plausible; adds to `reasons` if not plausible."""
    found: list[float | None] = []
    heights = [s.record.patient_size_m for s in samples if s.record.patient_size_m]
    weights = [s.record.patient_weight_kg for s in samples if s.record.patient_weight_kg]
    for values, reach, what, unit in (
        (heights, PLAUSIBLE_HEIGHT_M, "height", "m"),
        (weights, PLAUSIBLE_WEIGHT_KG, "weight", "kg"),
    ):
        value, why = _plausible(values, reach, what, unit) if values else (None, "")
        found.append(value)
        if why:
            reasons.append(f"no body surface: {why}")
    height, weight = found
    return None if height is None or weight is None else body_surface_m2(height, weight)


def _contours(samples: Sequence[Sample], phase: Phase, kind: ContourKind) -> dict[int, tuple[Sample, Contour]]:
    """The contour of a kind in each slice at a phase."""
    found = {}
    for sample in samples:
        contour = sample.endo if kind is ContourKind.ENDO else sample.epi
        if sample.phase is phase and contour is not None and sample.record.slice_index is not None:
            found[sample.record.slice_index] = (sample, contour)
    return found


def _area(sample: Sample, contour: Contour) -> float:
    """Enclosed area in mm²; in pixels where the spacing is unknown."""
    return polygon_area(contour.points, sample.record.pixel_spacing_mm or PIXELS)


def slices_text(indices: Iterable[int]) -> str:
    """Slices by their index, in words: "slices 2, 3"."""
    ordered = sorted(indices)
    return f"slice{'s' if len(ordered) > 1 else ''} {', '.join(map(str, ordered))}"


def holes_of(indices: Iterable[int]) -> list[int]:
    """Slices between drawn neighbours that are not drawn themselves."""
    present = set(indices)
    return [i for i in range(min(present), max(present)) if i not in present] if present else []


def _uneven(drawn: Mapping[int, tuple[Sample, Contour]], gap_mm: float | None) -> str:
    """Why drawn slices cannot be summed up as discs of one height; "" where their positions say nothing against it."""
    records = {index: sample.record for index, (sample, _) in drawn.items()}
    axis = next((found for record in records.values() if (found := normal(record)) is not None), None)
    if gap_mm is None or axis is None:
        return ""
    return uneven_text({index: place for index, r in records.items() for place in along([r], axis)}, gap_mm)


def _volume(
    samples: Sequence[Sample], drawn: Sequence[Sample], phase: Phase, gap_mm: float | None, reasons: list[str]
) -> tuple[float | None, int]:
    """Volume of the cavity at a phase and the number of slices; adds to `reasons` where there is none.

    Without a gap it is that of slices 1 mm apart.
    """
    name = "EDV" if phase is Phase.ED else "ESV"
    kept, every = (_contours(which, phase, ContourKind.ENDO) for which in (samples, drawn))
    if not every:
        reasons.append(f"no {name}: no endocardium at {phase.value}")
    elif left_out := every.keys() - kept.keys():
        reasons.append(f"no {name}: endocardium of {slices_text(left_out)} in quarantine")
    elif holes := holes_of(every):
        reasons.append(f"no {name}: endocardium of {slices_text(holes)} missing")
    elif uneven := _uneven(every, gap_mm):
        reasons.append(f"no {name}: {uneven}")
    else:
        return disc_volume_ml((_area(*found) for found in kept.values()), 1.0 if gap_mm is None else gap_mm), len(kept)
    return None, len(kept)


def _mass(
    samples: Sequence[Sample], drawn: Sequence[Sample], gap_mm: float, reasons: list[str]
) -> tuple[float | None, int]:
    """Myocardial mass at ED in g: (epicardial - endocardial volume) x 1.05 g/mL, over all slices of the cavity."""
    kept, every = (_walls(which) for which in (samples, drawn))
    cavity = _contours(drawn, Phase.ED, ContourKind.ENDO)
    if not every:
        reasons.append("no mass: no slice with both contours at ED")
    elif left_out := every.keys() - kept.keys():
        reasons.append(f"no mass: contours of {slices_text(left_out)} in quarantine")
    elif without := cavity.keys() - every.keys():
        reasons.append(f"no mass: epicardium of {slices_text(without)} missing")
    elif holes := holes_of(cavity):
        reasons.append(f"no mass: contours of {slices_text(holes)} missing")
    elif uneven := _uneven(cavity, gap_mm):
        reasons.append(f"no mass: {uneven}")
    else:
        walls = (_area(sample, epi) - _area(sample, endo) for sample, epi, endo in kept.values())
        return disc_volume_ml(walls, gap_mm) * MYOCARDIUM_G_PER_ML, len(kept)
    return None, len(kept)


def _walls(samples: Sequence[Sample]) -> dict[int, tuple[Sample, Contour, Contour]]:
    """Image, epicardium and endocardium of each slice with both contours at ED."""
    endo = _contours(samples, Phase.ED, ContourKind.ENDO)
    epi = _contours(samples, Phase.ED, ContourKind.EPI)
    return {index: (sample, outer, endo[index][1]) for index, (sample, outer) in epi.items() if index in endo}
