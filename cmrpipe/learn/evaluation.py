"""How well predicted labels agree with the expert's, image by image, on the images' own grid.

Three regions are judged: the cavity (its border is the endocardium), the myocardium, and the whole ventricle (its
border is the epicardium). What the expert did not draw is not judged. Distances are in mm where the pixel spacing is
known, and in pixels always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import PIXELS, Spacing
from cmrpipe.learn.metrics import dice, jaccard, mean, over_rate, under_rate
from cmrpipe.learn.surfaces import average_perpendicular_distance, border_distances
from cmrpipe.model import Label, Mask
from cmrpipe.store import PatientData

Labels = npt.NDArray[np.uint8]


class Part(StrEnum):
    """What is judged."""

    CAVITY = "cavity"
    MYOCARDIUM = "myocardium"
    EPICARDIUM = "epicardium"


class Region(StrEnum):
    """Third of a patient's drawn slices, from the wider end to the narrower one."""

    BASE = "base"
    MID = "mid"
    APEX = "apex"
    UNKNOWN = "unknown"


OVERLAPS: dict[str, Callable[[Mask, Mask], float | None]] = {
    "dice": dice,
    "jaccard": jaccard,
    "under": under_rate,
    "over": over_rate,
}
DISTANCES = ("hd95", "asd", "apd")
UNITS = ("mm", "px")
OUTLINED = (Part.CAVITY, Part.EPICARDIUM)
"""Regions with one border, which have a perpendicular distance."""

FIGURES = tuple(
    name
    for part in Part
    for name in (
        *(f"{overlap}_{part}" for overlap in OVERLAPS),
        *(
            f"{measure}_{part}_{unit}"
            for measure in DISTANCES
            for unit in UNITS
            if measure != "apd" or part in OUTLINED
        ),
    )
)
"""Names of all figures of an image, in the order of the tables' columns."""

GOOD_MM = 5.0
"""The field's rule: a contour is good when its average perpendicular distance is below this (Radau et al. 2009)."""

Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One image's figures by name (see `FIGURES`), None where the expert's border is unknown or both masks are empty.

    `slice_index` counts from 0 and `frame` from 1; -1 where unknown.
    """

    patient_id: str
    instance_number: int
    slice_index: int
    frame: int
    phase: str
    region: Region
    figures: Figures


def regions(data: PatientData) -> list[Region]:
    """Base, mid or apex for every image.

    The slices with an endocardium are divided into thirds. The end whose cavities are larger is the base: files do not
    say which end a stack begins with. With fewer than three slices, or none of known place, nobody can tell.
    """
    area = (data.label == Label.CAVITY).sum(axis=(1, 2))
    places = np.unique(data.slice_index[data.contours[:, 0] & (data.slice_index >= 0)])
    if len(places) < len(Region) - 1:
        return [Region.UNKNOWN] * len(data)
    mean_area = np.array([area[data.slice_index == place].mean() for place in places])
    third = max(1, len(places) // 3)
    ordered = places if mean_area[:third].mean() >= mean_area[-third:].mean() else places[::-1]
    rank = {int(place): i for i, place in enumerate(ordered)}
    names = (Region.BASE, Region.MID, Region.APEX)
    return [
        names[3 * rank[int(place)] // len(places)] if int(place) in rank else Region.UNKNOWN
        for place in data.slice_index
    ]


def masks(label: Labels) -> dict[Part, Mask]:
    """The regions of a label image (rows, cols)."""
    return {
        Part.CAVITY: label == Label.CAVITY,
        Part.MYOCARDIUM: label == Label.MYOCARDIUM,
        Part.EPICARDIUM: label != Label.BACKGROUND,
    }


def compare(predicted: Labels, expert: Labels, known: Iterable[bool], spacing_mm: Spacing | None) -> Figures:
    """All figures of one image.

    Parameters
    ----------
    predicted, expert : (rows, cols) uint8, values of `Label`
    known : whether endocardium and epicardium were drawn
    spacing_mm : between rows and between columns; None when unknown
    """
    endo, epi = known
    judged = {Part.CAVITY: endo, Part.MYOCARDIUM: endo and epi, Part.EPICARDIUM: epi}
    ours, theirs = masks(predicted), masks(expert)
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    for part in (part for part in Part if judged[part]):
        a, b = ours[part], theirs[part]
        figures |= {f"{name}_{part}": overlap(a, b) for name, overlap in OVERLAPS.items()}
        for unit, spacing in (("px", PIXELS), ("mm", spacing_mm)):
            if spacing is None:
                continue
            apart = border_distances(a, b, spacing)
            if apart is not None:
                figures |= {f"hd95_{part}_{unit}": apart.hd95, f"asd_{part}_{unit}": apart.asd}
            if part in OUTLINED:
                figures[f"apd_{part}_{unit}"] = average_perpendicular_distance(a, b, spacing)
    return figures


def score_patient(data: PatientData, predicted: Labels) -> list[ImageScore]:
    """Compare labels with the expert's.

    Parameters
    ----------
    data : the expert's labels
    predicted : (n, rows, cols) uint8, in the same order
    """
    return [
        ImageScore(
            data.patient_id,
            int(data.instance_number[i]),
            int(data.slice_index[i]),
            int(data.frame[i]),
            data.phase[i].value,
            region,
            compare(predicted[i], data.label[i], map(bool, data.contours[i]), data.pixel_spacing_mm),
        )
        for i, region in enumerate(regions(data))
    ]


def by_patient(scores: Iterable[ImageScore]) -> dict[str, list[ImageScore]]:
    """Scores of each patient, in the order in which patients come."""
    patients: dict[str, list[ImageScore]] = {}
    for score in scores:
        patients.setdefault(score.patient_id, []).append(score)
    return patients


def patient_means(rows: Sequence[ImageScore]) -> dict[str, float | None]:
    """Means of all figures over images that have them."""
    return {name: mean(row.figures[name] for row in rows) for name in FIGURES}


def is_good(score: ImageScore, part: Part) -> bool | None:
    """Whether a contour is good by the field's rule; None where the expert drew none or the spacing is unknown.

    What the model missed is not good: its distance is the image's diagonal.
    """
    value = score.figures[f"apd_{part}_mm"]
    return None if value is None else value < GOOD_MM
