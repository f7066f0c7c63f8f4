"""Endocardial contours against those of the neighbouring slices and of the other phase.

A ventricle's size and place change smoothly from slice to slice and in the same way from end-diastole to end-systole.
So each contour has two expectations: the mean of the slices before and after at its phase, and the other phase in its
own slice with what lies between the phases in the slices around. A contour counts as jumping by the smaller of its two
deviations: apical slices that shrink fast, a base that leaves the plane, or a neighbour that is wrong itself break one
expectation, a wrong contour breaks both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import centroid, polygon_area
from cmrpipe.linking import image_number
from cmrpipe.model import Evidence, Finding, Phase, Points, Sample
from cmrpipe.params import ValidateParams

AROUND = (-2, -1, 1, 2)
"""Slices that tell what lies between the phases; two of them are needed."""
SMALLEST_PX = 1.0, 2.0
"""A difference of radius, and of place, up to this is none: a cavity that empties is a few pixels wide."""
OTHER = {Phase.ED: Phase.ES, Phase.ES: Phase.ED}


@dataclass(frozen=True, slots=True)
class Jump:
    """How a contour differs from what its neighbours let expect.

    Attributes
    ----------
    factor : its radius (of the circle of equal area) over the expected one, that expectation which lies nearer
    off_px : distance of its centre from the expected one that lies nearer
    off_share : the same in relation to its radius or the expected one, whichever is larger
    expected : (x, y), px, where the centre should lie: mean of both expectations
    radius_px : the expected radius from the neighbouring slices
    """

    factor: float
    off_px: float
    off_share: float
    expected: tuple[float, float]
    radius_px: float


@dataclass(frozen=True, slots=True, eq=False)
class _Disc:
    sample: Sample
    radius: float
    centre: Points


def _discs(samples: Sequence[Sample]) -> dict[tuple[int, Phase], _Disc]:
    found = {}
    for sample in samples:
        index = sample.record.slice_index
        if sample.endo is not None and index is not None and sample.phase in OTHER:
            points = sample.endo.points
            area = polygon_area(points)
            if area > 0:
                found[index, sample.phase] = _Disc(sample, float(np.sqrt(area / np.pi)), np.array(centroid(points)))
    return found


def jumps(samples: Sequence[Sample]) -> dict[int, Jump]:
    """Jumps of a patient's endocardial contours by image number, for those that have both expectations."""
    discs = _discs(samples)
    found = {}
    for (index, phase), disc in discs.items():
        number = image_number(disc.sample.record)
        sides = [discs.get((index + step, phase)) for step in (-1, 1)]
        other = discs.get((index, OTHER[phase]))
        pairs = [
            (discs[index + step, phase], discs[index + step, OTHER[phase]])
            for step in AROUND
            if (index + step, phase) in discs and (index + step, OTHER[phase]) in discs
        ]
        if number is None or other is None or sides[0] is None or sides[1] is None or len(pairs) < 2:
            continue
        radius = (sides[0].radius + sides[1].radius) / 2
        here = (sides[0].centre + sides[1].centre) / 2
        across = other.centre + np.median([own.centre - its.centre for own, its in pairs], axis=0)
        logs = (
            np.log(disc.radius / radius),
            np.log(disc.radius / other.radius) - np.median([np.log(own.radius / its.radius) for own, its in pairs]),
        )
        log = min(logs, key=abs) if logs[0] * logs[1] > 0 else 0.0
        off = min(float(np.hypot(*(disc.centre - place))) for place in (here, across))
        x, y = (here + across) / 2
        found[number] = Jump(
            float(np.exp(log)), off, off / max(disc.radius, radius), (float(x), float(y)), float(radius)
        )
    return found


def check_jumps(
    samples: Sequence[Sample],
    found: Mapping[int, Jump],
    paths: Mapping[int, str],
    patient_id: str,
    limits: ValidateParams,
) -> Iterator[Finding]:
    """Findings for areas and centres that jump; `paths` are those of the endocardial contours by image number."""
    for sample in samples:
        number = image_number(sample.record)
        if number is None or number not in found or number not in paths:
            continue
        jump, path, record = found[number], paths[number], sample.record
        place: Evidence = {"slice_index": record.slice_index, "frame": record.frame, "phase": sample.phase.value}
        wider = abs(jump.factor - 1) * jump.radius_px
        if not 1 / limits.area_jump < jump.factor < limits.area_jump and wider > SMALLEST_PX[0]:
            yield finding(
                Code.AREA_JUMP,
                f"{path}: the cavity is {jump.factor:.2f} times as wide as expected from the neighbouring slices and "
                "the other phase.",
                patient_id=patient_id,
                number=number,
                path=path,
                factor=round(jump.factor, 3),
                expected_radius_px=round(jump.radius_px, 2),
                more=place,
            )
        if jump.off_share > limits.centre_jump and jump.off_px > SMALLEST_PX[1]:
            yield finding(
                Code.CENTROID_JUMP,
                f"{path}: the cavity's centre lies {jump.off_px:.1f} pixels ({jump.off_share:.0%} of its radius) from "
                "where it is expected from the neighbouring slices and the other phase.",
                patient_id=patient_id,
                number=number,
                path=path,
                off_px=round(jump.off_px, 2),
                share=round(jump.off_share, 3),
                expected_x=round(jump.expected[0], 2),
                expected_y=round(jump.expected[1], 2),
                more=place,
            )
