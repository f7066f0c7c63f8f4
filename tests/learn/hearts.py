"""Patients with a bright disc in a grey ring in every image, and a store of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.learn.volumes import Missing
from cmrpipe.model import Phase
from cmrpipe.progress import silent
from cmrpipe.store import PatientData, write_patient
from cmrpipe.store.leftout import LeftOut, Lost, told
from cmrpipe.store.schema import StoreFormat, head, patient_file

PATIENTS = ("A", "B", "C", "D")
ROWS, COLS = 40, 52


def make_patient(patient_id: str, seed: int, images: int = 4) -> PatientData:
    """Images (n, 40, 52) of a heart somewhere; the epicardium is drawn in every second one."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:ROWS, :COLS]
    label = np.zeros((images, ROWS, COLS), np.uint8)
    for i in range(images):
        centre = rng.uniform((16, 20), (24, 32))
        distance = np.hypot(row - centre[0], col - centre[1])
        label[i][distance < 11] = 2
        label[i][distance < 7] = 1
    image = np.array([50, 400, 150])[label] + rng.normal(0, 10, label.shape)
    epi = np.arange(images) % 2 == 0
    label[~epi] *= label[~epi] == 1
    numbers = np.arange(images, dtype=np.int32)
    return PatientData(
        patient_id,
        image=image.astype(np.int16),
        label=label,
        contours=np.column_stack([np.ones(images, bool), epi]),
        instance_number=numbers + 1,
        slice_index=numbers // 2,
        frame=numbers % 2 + 1,
        phase=tuple(Phase.ED if drawn else Phase.ES for drawn in epi),
        position_mm=np.column_stack([np.zeros((images, 2)), numbers // 2 * 8.0]),
        orientation=np.tile([1.0, 0, 0, 0, 1, 0], (images, 1)),
        pixel_spacing_mm=(1.5, 1.5),
        slice_gap_mm=8.0,
    )


def only(data: PatientData, keep: np.ndarray) -> PatientData:
    """A patient without some of its images."""
    arrays = {
        field.name: value[keep] for field in fields(data) if isinstance(value := getattr(data, field.name), np.ndarray)
    }
    return replace(data, **arrays, phase=tuple(np.array(data.phase, object)[keep]))


def _left_out(phases: Missing, tell: bool) -> dict[str, object]:
    lost = LeftOut(Lost(phases, phases), Lost({}, {}))
    return told(lost) if tell else {"left_out": lost.total}


def write_store(
    folder: Path,
    patients: Sequence[PatientData],
    left_out: Mapping[str, Missing] | None = None,
    *,
    tell: bool = True,
    synthetic: bool = False,
) -> Path:
    """A store with these patients, of whom a person left out so many drawn images of each phase.

    With `tell` it says of which phase and by whom; stores of earlier versions do not. `synthetic`: as of a phantom.
    """
    out_of = left_out or {}

    def work(data: PatientData, out: Path) -> Written:
        hashes = write_patient(out, data, {}) if len(data) else {}
        return Written(
            [patient_file(data.patient_id)] if len(data) else [],
            {
                "samples": len(data),
                **_left_out(out_of.get(data.patient_id, {}), tell),
                "sha256": hashes,
            },
        )

    units = [Unit(data.patient_id, data.patient_id, data) for data in patients]
    refresh("store", folder, units, work, listen=silent, extra=head(StoreFormat.HDF5, synthetic=synthetic))
    return folder
