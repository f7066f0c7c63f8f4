"""Endocardial contours that do not fit their images, with the likeliest cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cmrpipe.checks.causes import Cause, Suspect, find_cause
from cmrpipe.checks.finding import finding, of_contours
from cmrpipe.checks.fit import Pixels, fit, inside
from cmrpipe.checks.neighbours import Jump
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Finding, Sample
from cmrpipe.params import ValidateParams

FEWEST = 3
"""Contours below which nothing is said about a patient as a whole."""
DISPLACED = 0.7
"""A centre displaced by this share of the limit makes a contour that fits poorly a suspect; beyond the limit, any."""


def measure_fits(samples: Sequence[Sample]) -> dict[int, float]:
    """Fit of each endocardial contour whose image was loaded, by image number."""
    found = {}
    for sample in samples:
        number, image = image_number(sample.record), sample.image
        if number is None or image is None or sample.endo is None:
            continue
        if inside(sample.endo.points, image.shape):
            found[number] = fit(image, sample.endo.points)
    return found


def whole_patient(fits: Mapping[int, float], limits: ValidateParams) -> bool:
    """Whether a patient's contours as a whole do not fit."""
    return len(fits) >= FEWEST and float(np.median(list(fits.values()))) < limits.fit_patient


def _suspect(sample: Sample, expected: tuple[float, float, float] | None) -> Suspect | None:
    if sample.image is None or sample.endo is None:
        return None
    return Suspect(sample.record, sample.image, sample.endo.points, expected)


def _because(cause: Cause) -> str:
    if not cause.name:
        return "None of the causes that were tried explains it" + (
            f"; nearest comes: {cause.nearest} ({cause.fit:.2f})" if cause.nearest else ""
        )
    if cause.name.startswith("shifted"):
        return f"The likeliest cause: {cause.name}; moved back, the fit would be {cause.fit:.2f}"
    return f"The likeliest cause: {cause.name}; the fit would be {cause.fit:.2f}"


def check_fits(
    labels: PatientLabels,
    samples: Sequence[Sample],
    fits: Mapping[int, float],
    jumps: Mapping[int, Jump],
    paths: Mapping[int, str],
    pixels: Pixels,
    limits: ValidateParams,
) -> Iterator[Finding]:
    """Findings for contours that do not fit: one for the patient when it is most of them, else one each.

    Parameters
    ----------
    samples : contoured images, pixels loaded
    fits, jumps : measures of the endocardial contours by image number
    paths : files of the endocardial contours by image number
    pixels : reads another image of the patient
    """
    images = labels.grid()
    drawn = {number: s for s in samples if (number := image_number(s.record)) is not None}
    if whole_patient(fits, limits):
        now = float(np.median(list(fits.values())))
        suspects = [x for number in sorted(fits) if (x := _suspect(drawn[number], None)) is not None]
        cause = find_cause(suspects, now, images, pixels)
        yield of_contours(
            Code.CONTOUR_MISFIT,
            labels,
            f"{labels.patient_id}: its {len(fits)} endocardial contours do not fit its images "
            f"(median fit {now:.2f} of 1). {_because(cause)}.",
            contours=len(fits),
            fit=round(now, 3),
            cause=cause.name,
            **cause.tried,
        )
        return
    for number, now in sorted(fits.items()):
        jump = jumps.get(number)
        off = 0.0 if jump is None else jump.off_share / limits.centre_jump
        if number not in paths or not (now < limits.fit or (now < limits.fit_suspect and off > DISPLACED) or off > 1):
            continue
        expected = None if jump is None else (*jump.expected, jump.radius_px)
        suspect = _suspect(drawn[number], expected)
        if suspect is None:
            continue
        cause = find_cause([suspect], now, images, pixels)
        if now >= limits.fit and not cause.name:
            continue
        yield finding(
            Code.CONTOUR_MISFIT,
            f"{paths[number]} does not fit its image (fit {now:.2f} of 1). {_because(cause)}.",
            patient_id=labels.patient_id,
            number=number,
            path=paths[number],
            fit=round(now, 3),
            cause=cause.name,
            off_px=None if jump is None else round(jump.off_px, 2),
            more=cause.tried,
        )
