"""Images with their contour drawn into the pixels, as a screenshot of the drawing software or a secondary capture has.

A network learns to read the line, and is judged on images that show it the answer. A line is brighter, or darker, than
what lies on both of its sides, which a border between blood and muscle is not. Along the epicardium only bright lines
count: where muscle meets fat, steady-state images have a dark line of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cmrpipe.checks.finding import finding, of_patient
from cmrpipe.checks.fit import Image, inside, outline, sample
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, Points, Sample
from cmrpipe.params import ValidateParams

ON_PX = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
"""Where a line is looked for, along the normal."""
BESIDE_PX = np.array([-2.5, -2.0, 2.0, 2.5])
"""What it is held against."""
STANDS_OUT = 0.02
"""Difference to both sides, in the image's contrast (1st to 99th percentile), that makes a line."""
SMALLEST_PX = 5.0
"""Radius below which both sides are one cavity."""
MOST = 0.5
"""Share of a patient's contours from which the patient as a whole is told."""


def line_share(image: Image, points: Points) -> tuple[float, float]:
    """Shares of a contour along which the image has a bright and a dark line; 0, 0 for a tiny one.

    Parameters
    ----------
    image : (rows, columns), any numeric type, at least 2 x 2
    points : (n, 2) in pixel-centre coordinates from 0
    """
    along = outline(points)
    if along.radius < SMALLEST_PX:
        return 0.0, 0.0
    low, high = np.percentile(image.astype(np.float64), (1.0, 99.0))
    least = STANDS_OUT * float(high - low)

    def at(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return sample(image, along.points + steps[:, None, None] * along.normals)

    on, beside = at(ON_PX), at(BESIDE_PX)
    bright = on.max(axis=0) - beside.max(axis=0) > least
    dark = beside.min(axis=0) - on.min(axis=0) > least
    return float(bright.mean()), float(dark.mean())


def _shares(one: Sample) -> Iterator[float]:
    if one.image is None:
        return
    if one.endo is not None and inside(one.endo.points, one.image.shape):
        yield from line_share(one.image, one.endo.points)
    if one.epi is not None and inside(one.epi.points, one.image.shape):
        yield line_share(one.image, one.epi.points)[0]


def check_burnt(patient_id: str, samples: Sequence[Sample], limits: ValidateParams) -> Iterator[Finding]:
    """Findings for images with a line along their contour: one for the patient where it is most of them, else one each.

    `samples` are contoured images, pixels loaded.
    """
    looked, told = 0, []
    for one in samples:
        shares = list(_shares(one))
        looked += bool(shares)
        if shares and max(shares) > limits.burnt:
            told.append((one, max(shares)))
    if looked > 1 and len(told) > MOST * looked:
        yield of_patient(
            Code.CONTOUR_IN_IMAGE,
            patient_id,
            f"{patient_id}: {len(told)} of its {looked} contoured images have a line along their contour, which is "
            "drawn into the pixels. Export the images themselves, without graphics.",
            images=len(told),
            share=round(float(np.median([share for _, share in told])), 3),
        )
        return
    for one, share in told:
        yield finding(
            Code.CONTOUR_IN_IMAGE,
            f"{one.record.path} has a line along {share:.0%} of its contour, which is drawn into the pixels. "
            "Export the image itself, without graphics.",
            patient_id=patient_id,
            number=image_number(one.record),
            path=one.record.path,
            share=round(share, 3),
        )
