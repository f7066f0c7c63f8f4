"""The clinical table as the pages show it: names and units for people, one decimal, only columns that hold a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cmrpipe.report.facts import PatientFacts

HEADINGS = {
    "edv_ml": "EDV, mL",
    "esv_ml": "ESV, mL",
    "sv_ml": "SV, mL",
    "ef_pct": "EF, %",
    "co_l_min": "CO, L/min",
    "mass_g": "LV mass, g",
    "edv_index_ml_m2": "EDV/BSA, mL/m²",
    "esv_index_ml_m2": "ESV/BSA, mL/m²",
    "sv_index_ml_m2": "SV/BSA, mL/m²",
    "ci_l_min_m2": "CI, L/min/m²",
    "mass_index_g_m2": "mass/BSA, g/m²",
    "bsa_m2": "BSA, m²",
    "heart_rate_bpm": "heart rate, 1/min",
    "slices_ed": "slices ED",
    "slices_es": "slices ES",
    "slices_mass": "slices mass",
}
"""Columns of clinical.csv that hold numbers, in their order; all digits are in the file."""


def shown(row: Mapping[str, str], name: str) -> str:
    """A value as a page shows it: counts whole, measures with one decimal, a dash where there is none."""
    text = row.get(name, "")
    if not text:
        return "-"
    return text if name.startswith("slices") else f"{float(text):.1f}"


@dataclass(frozen=True, slots=True)
class Volumes:
    """Headings, and a row a patient: id, values in the order of the headings, why values are missing."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...], str], ...]


def volumes(patients: Sequence[PatientFacts]) -> Volumes:
    """The table of all patients that have a clinical row."""
    rows = [patient for patient in patients if patient.clinical]
    names = [name for name in HEADINGS if any(patient.clinical.get(name) for patient in rows)]
    return Volumes(
        tuple(HEADINGS[name] for name in names),
        tuple(
            (p.patient_id, tuple(shown(p.clinical, name) for name in names), p.clinical.get("reason", "")) for p in rows
        ),
    )
