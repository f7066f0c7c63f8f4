"""What a model's figures do not show: what it was judged on and learnt from, in sentences for the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmrpipe.nouns import counted

_FEW_PATIENTS = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """What the model was judged on.

    Attributes
    ----------
    store : the store's fingerprint
    patients : ids of all its patients, of whom the test part judges
    spaced : number of judged patients whose pixel spacing is known
    changed : judged patients whose labels are not those at the time of the training
    synthetic : whether its patients are a phantom's
    """

    store: str
    patients: Sequence[str]
    spaced: int
    changed: Sequence[str] = ()
    synthetic: bool = False


def limits(metrics: Mapping[str, Any], judged: Judged, origin: Mapping[str, Any]) -> list[str]:
    """What the figures do not show, in sentences.

    Parameters
    ----------
    metrics, judged, origin : as in `model_card`
    """
    patients, spaced = metrics["patients"], judged.spaced
    told = [
        _judged_on(judged),
        "Volumes are compared over the expert's own slices and frames; choosing these is not judged here.",
        *_learnt_from(origin),
        "The recipe was tried on cine steady-state short-axis MR of one collection only (the Sunnybrook Cardiac Data); "
        "not on other sequences, contrast or field strengths, nor on congenital disease.",
        "Not a medical device. A reader must look at every contour.",
    ]
    if patients == 1:
        told.append("Only 1 patient judges it: there are no intervals, and another patient may come out otherwise.")
    elif patients < _FEW_PATIENTS:
        told.append(f"Only {patients} patients judge it: the intervals are wide, and too narrow for so few.")
    if spaced < patients:
        told.append(
            f"Of {counted(patients - spaced, 'judged patient')} no spacing is known: no distance in mm, no volume."
        )
    if metrics["images_myocardium"] < metrics["images_cavity"]:
        told.append(
            f"The myocardium is judged on {metrics['images_myocardium']} images of {metrics['images_cavity']}, those "
            "of which the store has an epicardial contour."
        )
    return told


def _judged_on(judged: Judged) -> str:
    beyond = "Slices beyond them, where nothing is to be found, were not judged."
    if judged.synthetic:
        return (
            "Judged on synthetic patients (the phantom), whose contours were computed, between base and apex: the "
            f"figures say nothing of people. {beyond}"
        )
    return f"Judged on images that an expert drew, between base and apex. {beyond}"


def _learnt_from(origin: Mapping[str, Any]) -> list[str]:
    if not origin.get("synthetic"):
        return []
    return ["It has learnt from synthetic patients (the phantom) alone, and is not for images of people."]
