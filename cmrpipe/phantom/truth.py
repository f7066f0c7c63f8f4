"""What is true of a phantom, to the digit: written as phantom.json beside it and read back by tests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmrpipe.codes import FindingCode
from cmrpipe.errors import InputError
from cmrpipe.files import write_json
from cmrpipe.model import ContourKind, Phase, Points

NAME = "phantom.json"
VERSION = 1
"""Of what the generator draws: raised when the same seed gives other bytes."""

MYOCARDIUM_G_ML = 1.05
"""Density of muscle, as clinical reports use it."""


@dataclass(frozen=True, slots=True)
class ContourTruth:
    """One contour: area of the polygon written (shoelace) and of the smooth border behind it.

    Attributes
    ----------
    position : slice in acquisition order, from 0
    slice_index : slice along the normal, from 0
    number : of the image
    centroid_px : of the polygon, (x, y), pixel centres at integers from 0
    """

    path: str
    kind: ContourKind
    phase: Phase
    position: int
    slice_index: int
    frame: int
    number: int
    area_px2: float
    area_mm2: float
    smooth_area_px2: float
    centroid_px: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PatientTruth:
    """One patient, as the clean data are, before any fault; volumes by disc summation of the polygons' areas.

    Attributes
    ----------
    smooth_edv_ml, smooth_esv_ml, smooth_mass_g : the same from the smooth borders
    lv_positions : slices that cut the left ventricle, in acquisition order from 0
    direction : 1 when slices are acquired along the normal, -1 against it
    centre_px : (x, y) of the ventricle's middle at end-diastole
    """

    patient_id: str
    original_id: str
    heart_rate_bpm: int
    weight_kg: float
    height_m: float
    spacing_mm: float
    gap_mm: float
    direction: int
    lv_positions: tuple[int, ...]
    ed_frame: int
    es_frame: int
    centre_px: tuple[float, float]
    edv_ml: float
    esv_ml: float
    sv_ml: float
    ef_pct: float
    co_l_min: float
    mass_g: float
    smooth_edv_ml: float
    smooth_esv_ml: float
    smooth_mass_g: float
    contours: tuple[ContourTruth, ...]


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault that was planted.

    Attributes
    ----------
    fault : its name in `FAULTS`
    code : the finding that must report it
    patient_id : "" when it concerns no patient folder
    path : file or folder the finding is about, relative to the root
    detail : one sentence: what was done
    number : of the image it concerns, None when it concerns no single one
    others : further patients at which the code is to be expected (a copy is reported at both ends)
    touched : every file that was changed, made or removed, relative to the root, sorted
    """

    fault: str
    code: FindingCode
    patient_id: str
    path: str
    detail: str
    number: int | None = None
    others: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the phantom was asked for."""

    patients: int
    seed: int
    slices: int
    frames: int
    rows: int
    columns: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """A whole phantom."""

    arguments: Arguments
    patients: tuple[PatientTruth, ...]
    faults: tuple[Planted, ...] = ()

    def patient(self, patient_id: str) -> PatientTruth:
        """The patient of that id; KeyError when there is none."""
        for patient in self.patients:
            if patient.patient_id == patient_id:
                return patient
        raise KeyError(patient_id)


def shoelace(points: Points) -> tuple[float, tuple[float, float]]:
    """Area (px²) and centroid (x, y) of a polygon (n, 2) without repeated end point, by the shoelace formula.

    The phantom's own, so that its truth does not rest on the code it is there to test.
    """
    local = points - points[0]
    x, y = local[:, 0], local[:, 1]
    x1, y1 = np.roll(x, -1), np.roll(y, -1)
    cross = x * y1 - x1 * y
    double = cross.sum()
    centre = points[0] + np.array([((x + x1) * cross).sum(), ((y + y1) * cross).sum()]) / (3.0 * double)
    return abs(float(double)) / 2.0, (float(centre[0]), float(centre[1]))


def volume_ml(areas_mm2: list[float], gap_mm: float) -> float:
    """Disc summation: sum of areas times the distance of slices."""
    return sum(areas_mm2) * gap_mm / 1000.0


def rounded(value: float) -> float:
    """To six decimals, so that the last bit of a platform's arithmetic does not reach the file."""
    return round(float(value), 6)


def write_truth(folder: Path, truth: Truth) -> None:
    """Write phantom.json."""
    write_json(folder / NAME, {"synthetic": True, "version": VERSION, **asdict(truth)})


def read_truth(folder: Path) -> Truth:
    """Read phantom.json.

    Raises
    ------
    InputError : there is none, or it is of another version
    """
    path = folder / NAME
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "Write the phantom anew with `cmrpipe phantom`") from error
    if not isinstance(raw, dict) or raw.get("version") != VERSION:
        raise InputError(path, "is of another version", "Write the phantom anew with `cmrpipe phantom`")
    return Truth(
        Arguments(**{**raw["arguments"], "faults": tuple(raw["arguments"]["faults"])}),
        tuple(_patient(row) for row in raw["patients"]),
        tuple(_planted(row) for row in raw["faults"]),
    )


def _patient(row: dict[str, Any]) -> PatientTruth:
    row["lv_positions"] = tuple(row["lv_positions"])
    row["centre_px"] = tuple(row["centre_px"])
    row["contours"] = tuple(_contour(item) for item in row["contours"])
    return PatientTruth(**row)


def _contour(row: dict[str, Any]) -> ContourTruth:
    row["kind"], row["phase"] = ContourKind(row["kind"]), Phase(row["phase"])
    row["centroid_px"] = tuple(row["centroid_px"])
    return ContourTruth(**row)


def _planted(row: dict[str, Any]) -> Planted:
    row["code"] = FindingCode(row["code"])
    row["others"], row["touched"] = tuple(row["others"]), tuple(row["touched"])
    return Planted(**row)
