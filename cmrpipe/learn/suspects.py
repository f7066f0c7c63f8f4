"""Suspicious labels: contours that lie far from where a model that never saw the patient puts them.

The measure is the mean distance of the two outlines, both ways, in radii of the patient's median cavity: a shape's
size does not count, so that a small apical cavity, whose overlap is always low, does not come before a contour that is
out of place. Where the model finds nothing, the distance is one radius of the expert's own contour at least. The model
errs, too: what comes first is worth a look, not wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import PIXELS
from cmrpipe.learn.metrics import dice
from cmrpipe.learn.surfaces import perpendicular_distance
from cmrpipe.model import ContourKind, Label, Mask, Points
from cmrpipe.outline import outline
from cmrpipe.store import PatientData

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Suspect:
    """One contour held against an out-of-fold prediction.

    Attributes
    ----------
    position : of its image among the patient's samples
    score : mean distance of the outlines in radii of the patient's median cavity; large is suspicious
    overlap : Dice coefficient of what the outlines enclose
    distance_px : mean distance of the outlines, pixels
    """

    patient_id: str
    instance_number: int
    position: int
    kind: ContourKind
    score: float
    overlap: float
    distance_px: float


def _apart(predicted: Points | None, expert: Points, alone: float) -> float:
    """Mean distance of two outlines, both ways, pixels; `alone` where there is no prediction."""
    if predicted is None:
        return alone
    there, back = (perpendicular_distance(a, b, PIXELS) for a, b in ((predicted, expert), (expert, predicted)))
    return (there + back) / 2


def _radius(mask: Mask) -> float:
    return float(np.sqrt(np.count_nonzero(mask) / np.pi))


def suspects_of(data: PatientData, predicted: Labels) -> Iterator[Suspect]:
    """Every contour of a patient with its score, in the store's order.

    Parameters
    ----------
    data : the expert's labels
    predicted : (n, rows, cols) uint8, values of `Label`, by a model that did not see this patient
    """
    cavities = data.label == Label.CAVITY
    radii = [_radius(mask) for mask in cavities if mask.any()]
    unit = float(np.median(radii)) if radii else 1.0
    for i, (endo, epi) in enumerate(data.contours):
        pairs = [(ContourKind.ENDO, cavities[i], predicted[i] == Label.CAVITY)] * bool(endo)
        pairs += [(ContourKind.EPI, data.label[i] > 0, predicted[i] > 0)] * bool(endo and epi)
        for kind, expert, ours in pairs:
            drawn = outline(expert)
            if drawn is None:
                continue
            alone = max(_radius(expert), unit)
            distance = _apart(outline(ours), drawn, alone)
            yield Suspect(
                data.patient_id,
                int(data.instance_number[i]),
                i,
                kind,
                distance / unit,
                dice(ours, expert) or 0.0,
                distance,
            )


def ranked(found: Iterator[Suspect]) -> list[Suspect]:
    """Strongest disagreement first; equals by patient, image and kind."""
    return sorted(found, key=lambda s: (-s.score, s.patient_id, s.instance_number, s.kind))
