"""Volumes, ejection fraction and mass from label images of contoured slices: the model's against the expert's.

Both are summed over the same images, those that the expert drew (the ED frame's and the ES frame's slices), by the
rule of `cmrpipe.clinical`. So they differ by segmentation alone, not by the choice of slices and frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.clinical import MYOCARDIUM_G_PER_ML, disc_volume_ml, ejection_fraction_pct
from cmrpipe.model import Label, Mask, Phase
from cmrpipe.store import PatientData

QUANTITIES = {"edv_ml": "EDV, mL", "esv_ml": "ESV, mL", "ef_pct": "EF, percentage points", "mass_g": "LV mass, g"}
"""Name in the tables: name for people and unit of a difference."""


@dataclass(frozen=True, slots=True)
class Volumes:
    """What label images come to; None where it cannot be had.

    The ejection fraction is a ratio and needs no spacing, only slices of one pixel size at equal distances.
    """

    edv_ml: float | None = None
    esv_ml: float | None = None
    ef_pct: float | None = None
    mass_g: float | None = None


def volumes(data: PatientData, labels: npt.NDArray[np.uint8]) -> Volumes:
    """Values of a patient from labels (n, rows, cols), in the order of `data`, whose contours and phases count."""
    phase = np.array([value.value for value in data.phase])
    endo = data.contours[:, 0]
    ed, es = (endo & (phase == which.value) for which in (Phase.ED, Phase.ES))
    walls = ed & data.contours[:, 1]
    cavity, wall = ((labels == label).sum(axis=(1, 2)) for label in (Label.CAVITY, Label.MYOCARDIUM))
    end_diastolic, end_systolic = int(cavity[ed].sum()), int(cavity[es].sum())
    ejected = ejection_fraction_pct(end_diastolic, end_systolic) if es.any() and end_diastolic else None
    if data.pixel_spacing_mm is None or data.slice_gap_mm is None:
        return Volumes(ef_pct=ejected)
    pixel, gap = float(np.prod(data.pixel_spacing_mm)), data.slice_gap_mm

    def volume(areas: npt.NDArray[np.int64], which: Mask) -> float | None:
        return disc_volume_ml((float(area) * pixel for area in areas[which]), gap) if which.any() else None

    muscle = volume(wall, walls)
    return Volumes(
        volume(cavity, ed), volume(cavity, es), ejected, None if muscle is None else muscle * MYOCARDIUM_G_PER_ML
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """A patient's values by the expert and by the model."""

    patient_id: str
    expert: Volumes
    model: Volumes

    def row(self) -> Mapping[str, float | str | None]:
        """A row of the table: patient_id, edv_ml_expert, edv_ml_model, ..."""
        values = {
            f"{name}_{who}": getattr(getattr(self, who), name) for name in QUANTITIES for who in ("expert", "model")
        }
        return {"patient_id": self.patient_id, **values}
