"""The stored content: names, types, version. How it lies in a file is the business of `hdf5` and `zarrzip`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from cmrpipe.model import Phase

SCHEMA_VERSION = 2
"""2 adds `position_mm`, `orientation` and `heart_px`, and holds the phase as a number; see `migrate`."""

IMAGE, LABEL, CONTOURS = "image", "label", "contours"
NUMBER, SLICE, FRAME, PHASE = "instance_number", "slice_index", "frame", "phase"
POSITION, ORIENTATION, LINEAGE = "position_mm", "orientation", "lineage"
DATASETS = (IMAGE, LABEL, CONTOURS, NUMBER, SLICE, FRAME, PHASE, POSITION, ORIENTATION)
"""Those with an entry a sample; `lineage` (JSON as bytes) comes on top."""
SYNTHETIC = "synthetic"
"""In the manifest's root: whether the patients are a phantom's."""
STACKS = (IMAGE, LABEL)
"""Those of three axes, which are chunked a slice at a time."""
UNKNOWN = -1
"""Stored where a slice index, frame or number is not known; positions and orientations are NaN then."""
PHASES = (Phase.OTHER, Phase.ED, Phase.ES)
"""A stored phase is a position in this list, which each file repeats as its attribute `phases`."""


class StoreFormat(StrEnum):
    """How a patient's file is laid out; `store.format` of params.yaml."""

    HDF5 = "hdf5"
    ZARR = "zarr"


_SUFFIX = {StoreFormat.HDF5: ".h5", StoreFormat.ZARR: ".zarr.zip"}
_INDEX = {StoreFormat.HDF5: "index.h5", StoreFormat.ZARR: "index.json"}
INDEXES = tuple(_INDEX.values())
"""Names of an index, which are its keys in the manifest, too."""


def patient_file(patient_id: str, store_format: StoreFormat = StoreFormat.HDF5) -> str:
    """Name of a patient's file relative to the store."""
    return f"patients/{patient_id}{_SUFFIX[store_format]}"


def index_file(store_format: StoreFormat) -> str:
    """Name of the index relative to the store."""
    return _INDEX[store_format]


def head(store_format: StoreFormat, *, synthetic: bool = False) -> dict[str, Any]:
    """What the manifest's root says of the store; `synthetic`: its patients are a phantom's."""
    return {"schema_version": SCHEMA_VERSION, "format": store_format.value, SYNTHETIC: synthetic}


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
    position_mm : (n, 3) float64, ImagePositionPatient: x, y, z (LPS) of the first pixel's centre; NaN where unknown
    orientation : (n, 6) float64, ImageOrientationPatient: direction of growing column, then of growing row (LPS unit
        vectors); NaN where unknown
    pixel_spacing_mm : (between rows, between columns), None when unknown
    slice_gap_mm : distance of neighbouring slices along the normal, from positions; None when unknown
    heart_px : (row, column) where the cine says that the heart is (see `cmrpipe.heart`); None when it does not say
    """

    patient_id: str
    image: npt.NDArray[np.generic]
    label: npt.NDArray[np.uint8]
    contours: npt.NDArray[np.bool_]
    instance_number: npt.NDArray[np.int32]
    slice_index: npt.NDArray[np.int32]
    frame: npt.NDArray[np.int32]
    phase: tuple[Phase, ...]
    position_mm: npt.NDArray[np.float64]
    orientation: npt.NDArray[np.float64]
    pixel_spacing_mm: tuple[float, float] | None
    slice_gap_mm: float | None
    heart_px: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        n = len(self.image)
        wanted = {
            LABEL: self.image.shape,
            CONTOURS: (n, 2),
            **dict.fromkeys((NUMBER, SLICE, FRAME), (n,)),
            POSITION: (n, 3),
            ORIENTATION: (n, 6),
        }
        for name, shape in wanted.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"patient {self.patient_id}: {name} has shape {found}, not {shape}")
        if self.image.ndim != 3 or len(self.phase) != n:
            raise ValueError(f"patient {self.patient_id}: {self.image.shape} images, {len(self.phase)} phases")

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
            PHASE: np.array([PHASES.index(phase) for phase in self.phase], dtype=np.uint8),
            POSITION: self.position_mm,
            ORIENTATION: self.orientation,
        }

    def attributes(self) -> dict[str, Any]:
        """What is stored once a patient (JSON-able)."""
        found: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "patient_id": self.patient_id,
            "phases": [phase.value for phase in PHASES],
        }
        if self.pixel_spacing_mm is not None:
            found["pixel_spacing_mm"] = [float(value) for value in self.pixel_spacing_mm]
        if self.slice_gap_mm is not None:
            found["slice_gap_mm"] = float(self.slice_gap_mm)
        if self.heart_px is not None:
            found["heart_px"] = [float(value) for value in self.heart_px]
        return found


def pair(attributes: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """A stored attribute of two numbers; None where it is absent."""
    value = attributes.get(name)
    return None if value is None else (float(value[0]), float(value[1]))


@dataclass(frozen=True, slots=True, eq=False)
class StoredSample:
    """One sample, with what is known of its patient that learning needs.

    Attributes
    ----------
    image : (rows, cols); label : (rows, cols) uint8; contours : (2,) bool, as in `PatientData`
    instance_number : -1 where unknown
    pixel_spacing_mm, heart_px : as in `PatientData`
    """

    image: npt.NDArray[np.generic]
    label: npt.NDArray[np.uint8]
    contours: npt.NDArray[np.bool_]
    instance_number: int
    pixel_spacing_mm: tuple[float, float] | None
    heart_px: tuple[float, float] | None


def patient_data(arrays: Mapping[str, npt.NDArray[Any]], attributes: Mapping[str, Any]) -> PatientData:
    """A patient from stored arrays and attributes; the inverse of `arrays` and `attributes`."""
    gap = attributes.get("slice_gap_mm")
    phases = [Phase(value) for value in attributes["phases"]]
    return PatientData(
        str(attributes["patient_id"]),
        **{name: arrays[name] for name in DATASETS if name != PHASE},
        phase=tuple(phases[code] for code in arrays[PHASE]),
        pixel_spacing_mm=pair(attributes, "pixel_spacing_mm"),
        slice_gap_mm=None if gap is None else float(gap),
        heart_px=pair(attributes, "heart_px"),
    )


def lineage_array(lineage: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """Lineage as it is stored: JSON with sorted keys, UTF-8, one byte an element."""
    text = json.dumps(lineage, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return np.frombuffer(text.encode(), dtype=np.uint8)
