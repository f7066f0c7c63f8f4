"""The contours' measured coordinate origin against the declared one, for the set and for each patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, Sample
from cmrpipe.origin import CONFIDENCE, Response, Shift, edge_response, patient_shift, set_shift
from cmrpipe.params import ValidateParams

FITS = 0.5
"""Contours that fit worse say nothing about the origin."""
FEWEST = 5
"""Contours below which nothing is said about one patient."""


@dataclass(frozen=True, slots=True, eq=False)
class PatientOrigin:
    """What a patient's endocardial contours say: their mean response to shifts, and the shift with its error."""

    response: Response
    shift: Shift | None
    contours: int


def measure_origin(samples: Sequence[Sample], fits: Mapping[int, float]) -> PatientOrigin | None:
    """The patient's say about the origin; None when no contour tells."""
    responses = []
    for sample in samples:
        number = image_number(sample.record)
        if sample.image is None or sample.endo is None or number is None or fits.get(number, -1.0) < FITS:
            continue
        response = edge_response(sample.image, sample.endo.points)
        if response is not None:
            responses.append(response)
    if not responses:
        return None
    return PatientOrigin(np.mean(responses, axis=0), patient_shift(responses), len(responses))


def _exceeds(x: float, y: float, shift: Shift, tolerance_px: float) -> bool:
    """Whether a shift is longer than the tolerance, and than chance explains along its own direction."""
    length = float(np.hypot(x, y))
    if length <= tolerance_px:
        return False
    error = float(np.hypot(x * shift.error_x, y * shift.error_y)) / length
    return bool(length > CONFIDENCE * error)


def check_origins(
    found: Mapping[str, PatientOrigin], folders: Mapping[str, str], limits: ValidateParams
) -> Iterator[Finding]:
    """Findings where contours fit their images better elsewhere.

    A patient is held against the set when the set itself disagrees, so that one wrong declaration is told once.

    Parameters
    ----------
    found : by patient id
    folders : contour folder of each patient
    """
    whole = set_shift({patient: [origin.response] for patient, origin in found.items()}) if len(found) > 1 else None
    base = (0.0, 0.0)
    if whole is not None and _exceeds(whole.x, whole.y, whole, limits.origin_px):
        base = (whole.x, whole.y)
        contours = sum(origin.contours for origin in found.values())
        yield finding(
            Code.ORIGIN_DISAGREES,
            f"The contours of {len(found)} patients fit their images best when moved by {whole.x:+.2f} ± "
            f"{whole.error_x:.2f} pixels in x and {whole.y:+.2f} ± {whole.error_y:.2f} in y: the declared origin "
            "(ingest.contour_origin) does not agree with the images.",
            path="contourfiles",
            more=_evidence(whole, contours),
        )
    for patient, origin in sorted(found.items()):
        shift = origin.shift
        if shift is None or origin.contours < FEWEST:
            continue
        x, y = shift.x - base[0], shift.y - base[1]
        if _exceeds(x, y, shift, limits.origin_patient_px):
            yield finding(
                Code.ORIGIN_DISAGREES,
                f"{patient}: its contours fit its images best when moved by {shift.x:+.2f} ± {shift.error_x:.2f} "
                f"pixels in x and {shift.y:+.2f} ± {shift.error_y:.2f} in y"
                + (", unlike the other patients'." if base != (0.0, 0.0) else ", unlike the declared origin."),
                patient_id=patient,
                path=folders[patient],
                more=_evidence(shift, origin.contours),
            )


def _evidence(shift: Shift, contours: int) -> dict[str, float | int]:
    values = {"shift_x_px": shift.x, "shift_y_px": shift.y, "error_x_px": shift.error_x, "error_y_px": shift.error_y}
    known = {name: round(value, 3) for name, value in values.items() if np.isfinite(value)}
    return {**known, "contours": contours}
