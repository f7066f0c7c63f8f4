"""How well predicted labels agree with the expert's, by image, by patient and over all, on the images' own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.learn.metrics import dice, jaccard, mean
from cmrpipe.learn.tables import DIGITS
from cmrpipe.model import Label
from cmrpipe.store import PatientData

MEASURES = ("dice_cavity", "dice_myocardium", "jaccard_cavity", "jaccard_myocardium")


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One image's figures; None where the expert's border is unknown, or where both masks are empty.

    `slice_index` counts from 0 and `frame` from 1; -1 where unknown.
    """

    patient_id: str
    instance_number: int
    slice_index: int
    frame: int
    phase: str
    dice_cavity: float | None
    dice_myocardium: float | None
    jaccard_cavity: float | None
    jaccard_myocardium: float | None


@dataclass(frozen=True, slots=True)
class PatientScore:
    """One patient's figures: means over the patient's images that have them."""

    patient_id: str
    images: int
    images_myocardium: int
    dice_cavity: float | None
    dice_myocardium: float | None
    jaccard_cavity: float | None
    jaccard_myocardium: float | None


def score_patient(data: PatientData, predicted: npt.NDArray[np.uint8]) -> list[ImageScore]:
    """Compare labels with the expert's.

    Parameters
    ----------
    data : the expert's labels
    predicted : (n, rows, cols) uint8, in the same order
    """
    scores = []
    for i, (endo, epi) in enumerate(data.contours):
        judged = {Label.CAVITY: endo, Label.MYOCARDIUM: endo and epi}
        figures = [
            measure(predicted[i] == label, data.label[i] == label) if known else None
            for measure in (dice, jaccard)
            for label, known in judged.items()
        ]
        place = (int(data.instance_number[i]), int(data.slice_index[i]), int(data.frame[i]))
        scores.append(ImageScore(data.patient_id, *place, data.phase[i].value, *figures))
    return scores


def patient_means(scores: Sequence[ImageScore]) -> list[PatientScore]:
    """One row a patient, in the order in which patients come."""
    patients: dict[str, list[ImageScore]] = {}
    for score in scores:
        patients.setdefault(score.patient_id, []).append(score)
    return [
        PatientScore(
            patient,
            len(rows),
            sum(row.dice_myocardium is not None for row in rows),
            *(mean(getattr(row, measure) for row in rows) for measure in MEASURES),
        )
        for patient, rows in patients.items()
    ]


def overall(scores: Sequence[ImageScore]) -> dict[str, float | int | None]:
    """Means over all images (`test_<measure>`) and over patients (`test_<measure>_patients`), and what they rest on."""
    patients = patient_means(scores)
    figures: dict[str, float | int | None] = {
        "patients": len(patients),
        "images": len(scores),
        "images_cavity": sum(score.dice_cavity is not None for score in scores),
        "images_myocardium": sum(score.dice_myocardium is not None for score in scores),
    }
    for measure in MEASURES:
        for name, rows in ((f"test_{measure}", scores), (f"test_{measure}_patients", patients)):
            value = mean(getattr(row, measure) for row in rows)
            figures[name] = None if value is None else round(value, DIGITS)
    return figures
