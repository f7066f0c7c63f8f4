"""Whether a patient's contours fit the images of the next slice better than their own.

Cavities of neighbouring slices are alike, so a numbering that is off by a slice leaves contours that fit well enough,
one by one. Over all of them it shows: on their own images hardly any fits worse than on the next slice's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cmrpipe.checks.finding import finding
from cmrpipe.checks.fit import Pixels, fit
from cmrpipe.checks.misfit import inside, whole_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Finding, Sample
from cmrpipe.params import ValidateParams

ALIKE = 0.02
"""Fits that differ by less are alike."""
FEWEST = 6
"""Contours below which nothing is said."""


def check_other_slice(
    labels: PatientLabels, samples: Sequence[Sample], fits: Mapping[int, float], pixels: Pixels, limits: ValidateParams
) -> Iterator[Finding]:
    """One finding for a patient; none where the contours as a whole do not fit, which has its own.

    Parameters
    ----------
    fits : of the endocardial contours by image number
    pixels : reads another image of the patient
    """
    if whole_patient(fits, limits):
        return
    for step in (1, -1):
        gains = list(_gains(labels, samples, fits, pixels, step))
        if len(gains) < FEWEST:
            continue
        better, worse = (sum(sign * gain > ALIKE for gain in gains) / len(gains) for sign in (1, -1))
        if better - worse > limits.other_slice:
            yield finding(
                Code.CONTOURS_OTHER_SLICE,
                f"{labels.patient_id}: {better:.0%} of its endocardial contours fit the image one slice "
                f"{'further' if step > 0 else 'before'} better than their own, {worse:.0%} worse.",
                patient_id=labels.patient_id,
                path=f"contourfiles/{labels.original_ids[0]}",
                contours=len(gains),
                better=round(better, 3),
                worse=round(worse, 3),
                slices=step,
            )


def _gains(
    labels: PatientLabels, samples: Sequence[Sample], fits: Mapping[int, float], pixels: Pixels, step: int
) -> Iterator[float]:
    """What each contour's fit would gain on the image of its frame in another slice."""
    images = {(i.slice_index, i.frame): i for i in labels.images if i.slice_index is not None and not i.error}
    for sample in samples:
        number, place = image_number(sample.record), sample.record.slice_index
        if number is None or number not in fits or place is None or sample.endo is None:
            continue
        other = images.get((place + step, sample.record.frame))
        image = None if other is None else pixels(other)
        if image is not None and inside(sample.endo.points, image.shape):
            yield fit(image, sample.endo.points) - fits[number]
