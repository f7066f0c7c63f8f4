"""Samples of a patient as volumes: slices of one phase on one regular grid, and where that grid is in space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cmrpipe.model import Phase
from cmrpipe.store import PatientData

Affine: TypeAlias = npt.NDArray[np.float64]
"""(4, 4): indices (column, row, slice, 1) → millimetres in NIfTI's RAS+ (to the right, front, head of the patient)."""

STEP_TOLERANCE_MM = 0.1
"""Difference of two steps from slice to slice up to which a volume counts as regular (headers round to 0.001 mm)."""
DIRECTION_TOLERANCE = 1e-3
"""The same for components of the orientation's unit vectors."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM counts x to the patient's left and y to the back, NIfTI to the right and to the front."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Slices that are exported as one file.

    Attributes
    ----------
    name : patient and phase, numbered from 2 when there are more of them; unique within a store
    phase : of all its slices
    samples : positions of its slices among the patient's samples, in the order of the slices
    affine : None when position, orientation or pixel spacing is unknown
    spacing_mm : between columns, rows, slices; None when the pixel spacing is unknown. Between slices it is 1 where it
        is unknown
    """

    name: str
    phase: Phase
    samples: tuple[int, ...]
    affine: Affine | None
    spacing_mm: tuple[float, float, float] | None


def volumes(data: PatientData) -> list[Volume]:
    """Cut a patient's samples into volumes, ED first, then ES, then other frames.

    A volume ends where a slice is missing, where the distance or direction to the next one changes, and where a slice
    comes twice: nothing is filled in, and every slice is where the affine says.
    """
    found = []
    for phase in (Phase.ED, Phase.ES, Phase.OTHER):
        runs = [run for group in _groups(data, phase) for run in _runs(data, group)]
        for number, run in enumerate(runs, 1):
            name = f"{data.patient_id}_{phase.value}{f'_{number}' if number > 1 else ''}"
            affine = _affine(data, run)
            found.append(Volume(name, phase, tuple(run), affine, _spacing(data, affine)))
    return found


def _groups(data: PatientData, phase: Phase) -> list[list[int]]:
    """Samples of a phase; by frame where it has slices more than once, as other frames than ED and ES have."""
    members = [i for i in range(len(data)) if data.phase[i] is phase]
    if members and max(Counter(data.slice_index[members].tolist()).values()) == 1:
        return [members]
    frames = sorted(set(data.frame[members].tolist()))
    return [[i for i in members if data.frame[i] == frame] for frame in frames]


def _runs(data: PatientData, members: Sequence[int]) -> Iterator[list[int]]:
    """Cut samples where the grid is broken."""
    run: list[int] = []
    for i in sorted(members, key=lambda i: int(data.slice_index[i])):
        if run and not _continues(data, run, i):
            yield run
            run = []
        run.append(i)
    if run:
        yield run


def _continues(data: PatientData, run: Sequence[int], i: int) -> bool:
    last = run[-1]
    if data.slice_index[last] < 0 or data.slice_index[i] != data.slice_index[last] + 1:
        return False
    if not np.allclose(data.orientation[i], data.orientation[last], rtol=0, atol=DIRECTION_TOLERANCE, equal_nan=True):
        return False
    step = data.position_mm[i] - data.position_mm[last]
    if np.isnan(step).any():
        return bool(np.isnan(data.position_mm[[i, last]]).all())
    first = data.position_mm[run[1]] - data.position_mm[run[0]] if len(run) > 1 else step
    return bool(np.linalg.norm(step - first) <= STEP_TOLERANCE_MM) and bool(np.linalg.norm(step) > STEP_TOLERANCE_MM)


def _affine(data: PatientData, run: Sequence[int]) -> Affine | None:
    """Where a run of slices lies; see DICOM PS3.3, C.7.6.2.1.1."""
    position, orientation = data.position_mm[run], data.orientation[run[0]]
    if data.pixel_spacing_mm is None or np.isnan(position).any() or np.isnan(orientation).any():
        return None
    between_rows, between_columns = data.pixel_spacing_mm
    along_columns, along_rows = orientation[:3], orientation[3:]
    if len(run) > 1:
        step = (position[-1] - position[0]) / (len(run) - 1)
    else:
        step = np.cross(along_columns, along_rows) * _gap(data)
    lps = np.eye(4)
    lps[:3, 0] = along_columns * between_columns
    lps[:3, 1] = along_rows * between_rows
    lps[:3, 2] = step
    lps[:3, 3] = position[0]
    return np.asarray(LPS_TO_RAS @ lps)


def _gap(data: PatientData) -> float:
    return 1.0 if data.slice_gap_mm is None else data.slice_gap_mm


def _spacing(data: PatientData, affine: Affine | None) -> tuple[float, float, float] | None:
    if affine is not None:
        x, y, z = np.linalg.norm(affine[:3, :3], axis=0)
        return float(x), float(y), float(z)
    if data.pixel_spacing_mm is None:
        return None
    return data.pixel_spacing_mm[1], data.pixel_spacing_mm[0], _gap(data)
