"""Whether a patient's contours fit the images of the next slice better than their own.

Cavities of neighbouring slices are alike, so a numbering that is off by a slice leaves contours that fit well enough,
one by one. Over all of them it shows: on their own images hardly any fits worse than on the next slice's. Where a slice
was dropped, or counted twice, the numbers are off from there to an end of the ventricle: it shows over these alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cmrpipe.checks.finding import of_contours
from cmrpipe.checks.fit import Pixels, fit, inside
from cmrpipe.checks.misfit import whole_patient
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
    told = [off for step in (1, -1) for off in _off(_gains(labels, samples, fits, pixels, step), step, limits)]
    if told:
        off = max(told, key=_Off.strength)
        part = "" if off.whole else f" of slices {off.slices[0]} to {off.slices[-1]}"
        yield of_contours(
            Code.CONTOURS_OTHER_SLICE,
            labels,
            f"{labels.patient_id}: {off.better:.0%} of its endocardial contours{part} fit the image one slice "
            f"{'further' if off.step > 0 else 'before'} better than their own, {off.worse:.0%} worse.",
            contours=off.contours,
            better=round(off.better, 3),
            worse=round(off.worse, 3),
            slices=off.step,
        )


@dataclass(frozen=True, slots=True)
class _Off:
    """Slices, all or those from some place to an end, whose contours belong to the next slice's images.

    Attributes
    ----------
    step : to the next slice, 1 or -1
    better, worse : shares of the contours whose fit is better, and worse, there
    """

    slices: Sequence[int]
    whole: bool
    step: int
    contours: int
    better: float
    worse: float

    def strength(self) -> float:
        """The difference of the shares in units of its scatter, but for a factor."""
        return (self.better - self.worse) * math.sqrt(self.contours)


def _off(gains: Mapping[int, Sequence[float]], step: int, limits: ValidateParams) -> Iterator[_Off]:
    """Whatever is off by a slice; what each contour's fit would gain there is given by slice."""
    order = sorted(gains)
    for slices in (order, *(part for n in range(1, len(order)) for part in (order[:n], order[n:]))):
        values = [gain for place in slices for gain in gains[place]]
        if len(values) < FEWEST:
            continue
        better, worse = (sum(sign * gain > ALIKE for gain in values) / len(values) for sign in (1, -1))
        if better - worse > (limits.other_slice if slices is order else limits.other_slice_part):
            yield _Off(slices, slices is order, step, len(values), better, worse)


def _gains(
    labels: PatientLabels, samples: Sequence[Sample], fits: Mapping[int, float], pixels: Pixels, step: int
) -> Mapping[int, Sequence[float]]:
    """What each contour's fit would gain on the image of its frame in another slice, by its slice."""
    images = labels.grid()
    found: dict[int, list[float]] = defaultdict(list)
    for sample in samples:
        number, place, frame = image_number(sample.record), sample.record.slice_index, sample.record.frame
        if number is None or number not in fits or place is None or frame is None or sample.endo is None:
            continue
        other = images.get((place + step, frame))
        image = None if other is None else pixels(other)
        if image is not None and inside(sample.endo.points, image.shape):
            found[place].append(fit(image, sample.endo.points) - fits[number])
    return found
