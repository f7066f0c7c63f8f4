"""The wall between endocardium and epicardium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cmrpipe.checks.finding import finding
from cmrpipe.checks.fit import outline
from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import PIXELS, polygon_area, wall_thickness
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, Sample
from cmrpipe.params import ValidateParams


def check_walls(
    samples: Sequence[Sample], paths: Mapping[int, str], patient_id: str, limits: ValidateParams
) -> Iterator[Finding]:
    """Mean wall thickness (of 64 points a border) out of bounds: in mm, or in cavity radii without pixel spacing.

    The minimum stands in the evidence only, since drawn borders may touch. Where the epicardium lies within the
    endocardium there is no wall, and `endo-outside-epi` says so.

    Parameters
    ----------
    paths : files of the epicardial contours by image number
    """
    for sample in samples:
        number = image_number(sample.record)
        if sample.endo is None or sample.epi is None or number is None or number not in paths:
            continue
        spacing = sample.record.pixel_spacing_mm
        lines = outline(sample.endo.points).points, outline(sample.epi.points).points
        wall = wall_thickness(*lines, spacing or PIXELS)
        radius = float(np.sqrt(polygon_area(sample.endo.points) / np.pi))
        if wall.mean_mm <= 0 or radius == 0:
            continue
        mean, least = wall.mean_mm, wall.minimum_mm
        (low, high), unit, limit = limits.wall_mm, "mm", "wall_mm"
        if spacing is None:
            mean, least, (low, high), unit = mean / radius, least / radius, limits.wall_share, "cavity radii"
            limit = "wall_share"
        if not low <= mean <= high:
            yield finding(
                Code.WALL_IMPLAUSIBLE,
                f"{paths[number]}: the wall of image {number} is {float(f'{mean:.2g}'):g} {unit} thick; "
                f"{low:g} to {high:g} are plausible. For children, or thick walls, set validate.{limit}.",
                patient_id=patient_id,
                number=number,
                path=paths[number],
                mean=round(mean, 3),
                minimum=round(least, 3),
                unit=unit,
                slice_index=sample.record.slice_index,
                frame=sample.record.frame,
            )
