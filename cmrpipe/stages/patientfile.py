"""What validate keeps of each patient, a JSON file each below the findings: what the checks of the whole set need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmrpipe.checks.alike import Look
from cmrpipe.checks.copies import Content
from cmrpipe.checks.missing import Missing
from cmrpipe.checks.origins import PatientOrigin
from cmrpipe.checks.patient import PatientReport
from cmrpipe.clinical import ClinicalValues
from cmrpipe.files import write_json
from cmrpipe.findings import from_dict, to_dict
from cmrpipe.origin import Shift

_DIGITS = 6
"""Decimals of responses and shifts."""


def patient_file(patient_id: str) -> str:
    """Name of a patient's file, relative to the findings folder."""
    return f"patients/{patient_id}.json"


@dataclass(frozen=True, slots=True)
class PatientFile:
    """A patient by itself.

    Attributes
    ----------
    report : what the checks say
    clinical : values without regard to the quarantine
    """

    report: PatientReport
    clinical: ClinicalValues

    def to_json(self) -> dict[str, Any]:
        """As `from_json` takes it; of the origin `_DIGITS` decimals."""
        report = self.report
        return {
            "findings": [to_dict(found) for found in report.findings],
            "missing": [asdict(item) for item in report.missing],
            "contents": [asdict(row) for row in report.contents],
            "marks": report.marks,
            "looks": report.looks,
            "origin": None if report.origin is None else _origin_to_json(report.origin),
            "clinical": asdict(self.clinical),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PatientFile:
        """From what a JSON file has of `to_json`."""
        report = PatientReport(
            tuple(map(from_dict, value["findings"])),
            tuple(map(Missing.from_json, value["missing"])),
            tuple(map(Content.from_json, value["contents"])),
            None if value["origin"] is None else _origin_from_json(value["origin"]),
            tuple(value["marks"]),
            tuple(Look(path, mark, cells, tuple(keys)) for path, mark, cells, keys in value["looks"]),
        )
        return cls(report, ClinicalValues(**value["clinical"]))


def write_patient_file(folder: Path, name: str, file: PatientFile) -> None:
    """Write a patient's file, atomically."""
    write_json(folder / name, file.to_json())


def read_patient_file(folder: Path, patient_id: str) -> PatientFile:
    """A patient's file that `validate` has written, or found unaltered, just now."""
    return PatientFile.from_json(json.loads((folder / patient_file(patient_id)).read_bytes()))


def _origin_to_json(origin: PatientOrigin) -> dict[str, Any]:
    return {
        "response": origin.response.round(_DIGITS).tolist(),
        "contours": origin.contours,
        "shift": None if origin.shift is None else _shift_to_json(origin.shift),
    }


def _shift_to_json(shift: Shift) -> dict[str, float | None]:
    """JSON has no infinity: null stands for it."""
    return {name: round(value, _DIGITS) if np.isfinite(value) else None for name, value in asdict(shift).items()}


def _origin_from_json(value: Mapping[str, Any]) -> PatientOrigin:
    cells: dict[str, Any] | None = value["shift"]
    shift = None
    if cells is not None:
        infinite = {name: np.inf for name, cell in cells.items() if cell is None}
        shift = Shift(**{**cells, **infinite})
    return PatientOrigin(np.array(value["response"]), shift, value["contours"])
