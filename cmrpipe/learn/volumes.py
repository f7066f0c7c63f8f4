"""Volumes, ejection fraction and mass from label images of contoured slices: the model's against the expert's.

Both are summed over the same images, those that the expert drew (the ED frame's and the ES frame's slices), by the
rule of `cmrpipe.clinical`. So they differ by segmentation alone, not by the choice of slices and frames.

A sum over fewer slices than were drawn is no volume: where a drawn image of a phase is not in the store, or a slice
between drawn neighbours lacks its contour or is not there at all, what that touches is withheld, for expert, model and
baselines alike, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.clinical import MYOCARDIUM_G_PER_ML, disc_volume_ml, ejection_fraction_pct, holes_of, slices_text
from cmrpipe.model import Label, Mask, Phase
from cmrpipe.nouns import counted
from cmrpipe.slices import normal_of, uneven_text
from cmrpipe.store import PatientData
from cmrpipe.store.leftout import UNTOLD, LeftOut

QUANTITIES = {"edv_ml": "EDV, mL", "esv_ml": "ESV, mL", "ef_pct": "EF, percentage points", "mass_g": "LV mass, g"}
"""Name in the tables: name for people and unit of a difference."""


@dataclass(frozen=True, slots=True)
class Volumes:
    """What label images come to; None where it cannot be had.

    The ejection fraction is a ratio and needs no spacing, only slices of one pixel size at equal distances. Labels
    without an end-diastolic cavity have none.
    """

    edv_ml: float | None = None
    esv_ml: float | None = None
    ef_pct: float | None = None
    mass_g: float | None = None


Missing = Mapping[str, int]
"""How many drawn images of a phase (value of `Phase`) are not in the store; none where the phase is absent."""


def missing_images(lost: LeftOut) -> Missing:
    """Drawn images of a patient that are not in the store: the endocardium, or the image, is in quarantine.

    A store of an earlier version does not tell the phases; what it left out may be of either.
    """
    untold = lost.images.phases.get(UNTOLD, 0)
    return dict.fromkeys((Phase.ED.value, Phase.ES.value), untold) if untold else lost.images.phases


def _phase(data: PatientData, phase: Phase) -> Mask:
    """Images at a phase that have an endocardium."""
    at: Mask = np.array([value is phase for value in data.phase], bool) & data.contours[:, 0]
    return at


def _uneven(data: PatientData, at: Mask) -> str:
    """Why some images' slices cannot be summed up as discs of one height (see `cmrpipe.clinical`)."""
    known = at & np.isfinite(data.position_mm).all(axis=1)
    normals = (normal_of(tuple(orientation)) for orientation in data.orientation[known].tolist())
    axis = next((found for found in normals if found is not None), None)
    if data.slice_gap_mm is None or axis is None:
        return ""
    places = (data.position_mm[known] * axis).sum(axis=1).tolist()
    return uneven_text(dict(zip(data.slice_index[known].tolist(), places, strict=True)), data.slice_gap_mm)


def withheld(data: PatientData, missing: Missing) -> dict[str, str]:
    """Why a patient's values cannot be had, by quantity; those that can are not in it.

    Parameters
    ----------
    data : its images and contours
    missing : drawn images that are not among them (see `missing_images`)
    """
    found: dict[str, str] = {}
    for name, volume, phase in (("edv_ml", "EDV", Phase.ED), ("esv_ml", "ESV", Phase.ES)):
        places = [int(place) for place in data.slice_index[_phase(data, phase)]]
        if n := missing.get(phase.value):
            found[name] = f"no {volume}: {counted(n, 'image')} at {phase.value} left out (quarantine)"
        elif not places:
            found[name] = f"no {volume}: no endocardium at {phase.value}"
        elif holes := holes_of(places):
            found[name] = f"no {volume}: endocardium of {slices_text(holes)} missing"
        elif uneven := _uneven(data, _phase(data, phase)):
            found[name] = f"no {volume}: {uneven}"
    ed, epi = _phase(data, Phase.ED), data.contours[:, 1]
    if not (ed & epi).any():
        found["mass_g"] = "no mass: no slice with both contours at ED"
    elif (ed & ~epi).any():
        found["mass_g"] = f"no mass: epicardium of {slices_text(map(int, data.slice_index[ed & ~epi]))} missing"
    elif "edv_ml" in found:
        found["mass_g"] = found["edv_ml"]
    if either := found.get("edv_ml", found.get("esv_ml")):
        found["ef_pct"] = either
    for value, text in ((data.pixel_spacing_mm, "pixel spacing unknown"), (data.slice_gap_mm, "slice gap unknown")):
        if value is None:
            found |= {name: found.get(name, text) for name in ("edv_ml", "esv_ml", "mass_g")}
    return found


def volumes(data: PatientData, labels: npt.NDArray[np.uint8], missing: Missing) -> Volumes:
    """Values of a patient.

    Parameters
    ----------
    data : the patient, whose contours and phases say which images count
    labels : (n, rows, cols) uint8, values of `Label`, in the order of `data`
    missing : drawn images that are not in `data` (see `missing_images`)
    """
    ed, es = (_phase(data, phase) for phase in (Phase.ED, Phase.ES))
    cavity, wall = ((labels == label).sum(axis=(1, 2)) for label in (Label.CAVITY, Label.MYOCARDIUM))
    end_diastolic, end_systolic = int(cavity[ed].sum()), int(cavity[es].sum())
    pixel = 0.0 if data.pixel_spacing_mm is None else float(np.prod(data.pixel_spacing_mm))
    gap = 0.0 if data.slice_gap_mm is None else data.slice_gap_mm

    def volume(areas: npt.NDArray[np.int64], which: Mask) -> float:
        return disc_volume_ml((float(area) * pixel for area in areas[which]), gap)

    found = {
        "edv_ml": volume(cavity, ed),
        "esv_ml": volume(cavity, es),
        "ef_pct": ejection_fraction_pct(end_diastolic, end_systolic) if end_diastolic else None,
        "mass_g": volume(wall, ed) * MYOCARDIUM_G_PER_ML,
    }
    reasons = withheld(data, missing)
    return Volumes(**{name: value for name, value in found.items() if name not in reasons})


@dataclass(frozen=True, slots=True)
class Pair:
    """A patient's values by the expert and by the model, and why some cannot be had ("" when all can)."""

    patient_id: str
    expert: Volumes
    model: Volumes
    reason: str = ""

    def row(self) -> Mapping[str, float | str | None]:
        """A row of the table: patient_id, edv_ml_expert, edv_ml_model, ..., reason."""
        values = {
            f"{name}_{who}": getattr(getattr(self, who), name) for name in QUANTITIES for who in ("expert", "model")
        }
        return {"patient_id": self.patient_id, **values, "reason": self.reason}


def pair(data: PatientData, labels: npt.NDArray[np.uint8], missing: Missing) -> Pair:
    """Expert and model of a patient; parameters as in `volumes`."""
    reasons = dict.fromkeys(withheld(data, missing).values())
    return Pair(data.patient_id, volumes(data, data.label, missing), volumes(data, labels, missing), "; ".join(reasons))
