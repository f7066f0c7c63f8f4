"""A patient whose slices lie askew in space, with known places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.model import Phase
from cmrpipe.progress import silent
from cmrpipe.store import PatientData, write_patient
from cmrpipe.store.schema import StoreFormat, head, patient_file

ALONG_COLUMNS = np.array([0.6, 0.64, -0.48])
ALONG_ROWS = np.array([-0.8, 0.48, -0.36])
NORMAL = np.cross(ALONG_COLUMNS, ALONG_ROWS)
FIRST = np.array([-31.5, 12.25, 140.0])
SPACING = (1.25, 0.75)
GAP = 8.0


def position(slice_index: int) -> npt.NDArray[np.float64]:
    """Centre of a slice's first pixel in LPS millimetres."""
    return FIRST + GAP * slice_index * NORMAL


def stack(patient_id: str, places: Sequence[tuple[int, int, Phase]], *, rows: int = 6, columns: int = 9) -> PatientData:
    """A sample for every (slice, frame, phase); pixels are numbered through, the epicardium is drawn at ED."""
    n = len(places)
    values = np.arange(n * rows * columns, dtype=np.int16).reshape(n, rows, columns)
    slices = [place[0] for place in places]
    drawn = np.array([[True, place[2] is Phase.ED] for place in places])
    label = (values % 3).astype(np.uint8)
    label[~drawn[:, 1]] = label[~drawn[:, 1]] == 1
    return PatientData(
        patient_id,
        image=values,
        label=label,
        contours=drawn,
        instance_number=np.arange(1, n + 1, dtype=np.int32),
        slice_index=np.array(slices, dtype=np.int32),
        frame=np.array([place[1] for place in places], dtype=np.int32),
        phase=tuple(place[2] for place in places),
        position_mm=np.array([position(k) for k in slices]),
        orientation=np.tile(np.concatenate([ALONG_COLUMNS, ALONG_ROWS]), (n, 1)),
        pixel_spacing_mm=SPACING,
        slice_gap_mm=GAP,
    )


def write_store(folder: Path, patients: Sequence[PatientData]) -> Path:
    """A store with these patients."""

    def work(data: PatientData, out: Path) -> Written:
        hashes = write_patient(out, data, {})
        return Written([patient_file(data.patient_id)], {"samples": len(data), "sha256": hashes})

    units = [Unit(data.patient_id, data.patient_id, data) for data in patients]
    refresh("store", folder, units, work, listen=silent, extra=head(StoreFormat.HDF5))
    return folder
