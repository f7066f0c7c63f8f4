"""The stored format: names, types, version. `writer` and `reader` alone know how they lie in a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.model import Phase

SCHEMA_VERSION = 1
INDEX = "index.h5"
"""Small file of external links, `index["<patient_id>/image"]`."""

IMAGE, LABEL, CONTOURS = "image", "label", "contours"
NUMBER, SLICE, FRAME, PHASE = "instance_number", "slice_index", "frame", "phase"
DATASETS = (IMAGE, LABEL, CONTOURS, NUMBER, SLICE, FRAME, PHASE)
UNKNOWN = -1
"""Stored where a slice index, frame or number is not known."""


def patient_file(patient_id: str) -> str:
    """Name of a patient's file relative to the store."""
    return f"patients/{patient_id}.h5"


@dataclass(frozen=True, slots=True, eq=False)
class PatientData:
    """All samples of one patient, in the store's order (slice, frame, number).

    Attributes
    ----------
    image : (n, rows, columns), the scanner's integer type, or float32 where rescale tags were applied
    label : (n, rows, columns) uint8: 0 background, 1 LV cavity, 2 myocardium
    contours : (n, 2) bool: whether endocardium, epicardium are drawn; without epicardium, myocardium is unknown
    instance_number, slice_index, frame : (n,) int32, -1 where unknown
    phase : n phases
    pixel_spacing_mm : (between rows, between columns), None when unknown
    slice_gap_mm : distance of neighbouring slices along the normal, from positions; None when unknown
    """

    patient_id: str
    image: npt.NDArray[np.generic]
    label: npt.NDArray[np.uint8]
    contours: npt.NDArray[np.bool_]
    instance_number: npt.NDArray[np.int32]
    slice_index: npt.NDArray[np.int32]
    frame: npt.NDArray[np.int32]
    phase: tuple[Phase, ...]
    pixel_spacing_mm: tuple[float, float] | None
    slice_gap_mm: float | None

    def __len__(self) -> int:
        return len(self.image)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The datasets by name, as they are stored."""
        return {
            IMAGE: self.image,
            LABEL: self.label,
            CONTOURS: self.contours,
            NUMBER: self.instance_number,
            SLICE: self.slice_index,
            FRAME: self.frame,
            PHASE: np.array([phase.value for phase in self.phase], dtype="S5"),
        }
