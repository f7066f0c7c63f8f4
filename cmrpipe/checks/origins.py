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
FEWEST, FEWEST_PATIENTS = 5, 4
"""Contours below which nothing is said about one patient, and patients below which their scatter is not known."""
RAYLEIGH_MEDIAN = 1.1774
"""Median length of a vector whose two parts have a standard deviation of 1."""


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


def _along(x: float, y: float, shift: Shift) -> float:
    """Standard error of a shift along a direction."""
    return float(np.hypot(x * shift.error_x, y * shift.error_y) / np.hypot(x, y))


def check_origins(
    found: Mapping[str, PatientOrigin], folders: Mapping[str, str], limits: ValidateParams
) -> Iterator[Finding]:
    """Findings where contours fit their images better elsewhere.

    A patient is held against the set when the set itself disagrees, so that one wrong declaration is told once. Where
    papillary muscles lie moves all contours of a patient together, which the error over its contours does not know; so
    the scatter of the patients adds to it.

    Parameters
    ----------
    found : by patient id
    folders : contour folder of each patient
    """
    whole = set_shift({patient: [origin.response] for patient, origin in found.items()})
    base = (0.0, 0.0)
    if whole is not None:
        length = float(np.hypot(whole.x, whole.y))
        if length > limits.origin_px and length > CONFIDENCE * _along(whole.x, whole.y, whole):
            base = (whole.x, whole.y)
            yield finding(
                Code.ORIGIN_DISAGREES,
                f"The contours of {len(found)} patients fit their images best when moved by {_words(whole)}: the "
                "declared origin (ingest.contour_origin) does not agree with the images.",
                path="contourfiles",
                more=_evidence(whole, sum(origin.contours for origin in found.values())),
            )
    shifts = {p: o.shift for p, o in sorted(found.items()) if o.shift is not None and o.contours >= FEWEST}
    away = {patient: (shift.x - base[0], shift.y - base[1]) for patient, shift in shifts.items()}
    scatter = 0.0
    if len(away) >= FEWEST_PATIENTS:
        scatter = float(np.median([np.hypot(*xy) for xy in away.values()])) / RAYLEIGH_MEDIAN
    for patient, (x, y) in away.items():
        shift, length = shifts[patient], float(np.hypot(x, y))
        if length > limits.origin_patient_px and length > CONFIDENCE * np.hypot(scatter, _along(x, y, shift)):
            unlike = "the declared origin" if base == (0.0, 0.0) else "those of the other patients"
            yield finding(
                Code.ORIGIN_DISAGREES,
                f"{patient}: its contours fit its images best when moved by {_words(shift)}, unlike {unlike}.",
                patient_id=patient,
                path=folders[patient],
                scatter_px=round(scatter, 3),
                more=_evidence(shift, found[patient].contours),
            )


def _words(shift: Shift) -> str:
    return f"{shift.x:+.2f} ± {shift.error_x:.2f} pixels in x and {shift.y:+.2f} ± {shift.error_y:.2f} pixels in y"


def _evidence(shift: Shift, contours: int) -> dict[str, float | int]:
    values = {"shift_x_px": shift.x, "shift_y_px": shift.y, "error_x_px": shift.error_x, "error_y_px": shift.error_y}
    return {**{name: round(value, 3) for name, value in values.items()}, "contours": contours}
