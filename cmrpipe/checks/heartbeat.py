"""Whether a patient's contours go with its heartbeat: the larger one where the heart is relaxed, the smaller where not.

Between the two contours of a slice lies a ring that is blood at end-diastole and wall at end-systole: bright in the one
image, dark in the other. Exchanged contours turn that round, though each fits its image well enough by itself. And
where the cine is there, the ring is brightest at about the frame of the larger contour and darkest at about that of the
smaller; contours whose numbers are off by several frames lie elsewhere. Off by one or two frames they cannot be told,
since the heart moves little in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from cmrpipe.checks.finding import finding, of_contours
from cmrpipe.checks.fit import Image, Pixels, fit, inside
from cmrpipe.checks.misfit import whole_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import label_image
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Finding, ImageRecord, Label, Mask, Sample
from cmrpipe.params import ValidateParams

FEWEST_PX = 20
"""Pixels of a ring below which nothing is said of it."""
FEWEST_SLICES = 3
"""Slices with a ring below which nothing is said of the patient."""
FEWEST_FRAMES = 8
"""Frames below which there is no curve over the heartbeat."""
LOOKED_AT = 3
"""Slices, those with the largest rings, whose cine is read."""
TURNED, TURNED_SLICE = -0.05, -0.1
"""Fall of the rings' brightness, in relation to the images' contrast, from which a patient's, or a slice's, counts as
turned round. Of 29 real patients the least is 0.18, of their 246 slices -0.005."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ring:
    """What lies between the two contours of a slice.

    Attributes
    ----------
    large, small : the images of the larger and the smaller contour
    mask : (rows, cols) bool
    fall : mean brightness of the ring in the large one's image less that in the small one's, contrast being 1
    """

    large: Sample
    small: Sample
    mask: Mask
    fall: float

    @property
    def size(self) -> int:
        """In pixels."""
        return int(self.mask.sum())


def _cavity(sample: Sample, shape: tuple[int, int]) -> Mask:
    return np.asarray(label_image(None if sample.endo is None else sample.endo.points, None, shape) == Label.CAVITY)


def _ring(samples: Sequence[Sample]) -> _Ring | None:
    """The ring of one slice's contoured images; None where these are not two."""
    usable = [
        (sample, sample.image)
        for sample in samples
        if sample.image is not None and sample.endo is not None and inside(sample.endo.points, sample.image.shape)
    ]
    if len(usable) != 2 or usable[0][1].shape != usable[1][1].shape:
        return None
    rows, columns = usable[0][1].shape
    cavities = sorted(
        ((_cavity(sample, (rows, columns)), sample, image) for sample, image in usable),
        key=lambda item: int(item[0].sum()),
    )
    (core, small, contracted), (whole, large, relaxed) = cavities
    mask = whole & ~core
    if mask.sum() < FEWEST_PX or not core.any():
        return None
    return _Ring(large, small, mask, _fall(relaxed, contracted, mask, core))


def _fall(relaxed: Image, contracted: Image, mask: Mask, core: Mask) -> float:
    """Of the ring's mean, in relation to what lies between blood and wall in both images."""
    blood = np.concatenate([relaxed[core], contracted[core]])
    ring = np.concatenate([relaxed[mask], contracted[mask]])
    contrast = float(np.percentile(blood, 90) - np.percentile(ring, 5))
    return float(relaxed[mask].mean() - contracted[mask].mean()) / contrast if contrast > 0 else 0.0


def check_heartbeat(
    labels: PatientLabels, samples: Sequence[Sample], fits: Mapping[int, float], pixels: Pixels, limits: ValidateParams
) -> Iterator[Finding]:
    """One finding for a patient, or for both contours of each slice that stands apart.

    Parameters
    ----------
    samples : all contoured images with their pixels, quarantine not applied
    fits : of the endocardial contours by image number; where these do not fit as a whole, nothing is said unless they
        fit when they are exchanged
    pixels : reads another image of the patient
    """
    slices: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.record.slice_index is not None:
            slices[sample.record.slice_index].append(sample)
    rings = [ring for members in slices.values() if (ring := _ring(members)) is not None]
    if len(rings) < FEWEST_SLICES:
        return
    fall = float(np.average([ring.fall for ring in rings], weights=[ring.size for ring in rings]))
    turned = fall < TURNED
    if whole_patient(fits, limits) and not (turned and _exchanged_fit(rings) >= limits.fit_patient):
        return
    beat = _beat(labels, rings, pixels)
    if turned or (beat is not None and beat.share < limits.heartbeat):
        yield of_contours(
            Code.CONTOURS_OTHER_PHASE,
            labels,
            f"{labels.patient_id}: {_cause(beat)}.",
            slices=len(rings),
            fall=round(fall, 3),
            share=None if beat is None else round(beat.share, 3),
        )
        return
    for ring in rings:
        if ring.fall < TURNED_SLICE and _fitting(ring, fits, limits):
            yield from _slice(labels, ring)


def _cause(beat: _Beat | None) -> str:
    """In words; without a cine there are two images a slice, and the contours of each can only be the other's."""
    if beat is None:
        return (
            "the heart is contracted where its larger contours lie and relaxed where the smaller ones do: "
            "end-diastole and end-systole are exchanged"
        )
    return (
        "its contours lie at other frames than its heart's end-diastole and end-systole, about "
        f"{beat.relaxed} and {beat.contracted} (larger contours at {beat.large}, smaller at {beat.small})"
    )


def _exchanged_fit(rings: Sequence[_Ring]) -> float:
    """Median fit of the contours, each on the other one's image of its slice."""
    pairs = [pair for ring in rings for pair in ((ring.large, ring.small), (ring.small, ring.large))]
    fits = [fit(b.image, a.endo.points) for a, b in pairs if a.endo is not None and b.image is not None]
    return float(np.median(fits))


def _fitting(ring: _Ring, fits: Mapping[int, float], limits: ValidateParams) -> bool:
    """Whether both contours fit their images; what does not has a finding of its own."""
    numbers = (image_number(sample.record) for sample in (ring.large, ring.small))
    return all(number is not None and fits.get(number, -1.0) >= limits.fit for number in numbers)


def _slice(labels: PatientLabels, ring: _Ring) -> Iterator[Finding]:
    """A finding for each of a slice's two contours."""
    numbers = [image_number(ring.large.record), image_number(ring.small.record)]
    kinds = labels.contours_by_number()
    for number in numbers:
        for record in chain.from_iterable(kinds.get(number or 0, {}).values()):
            yield finding(
                Code.CONTOURS_OTHER_PHASE,
                f"{record.path}: the heart is contracted in image {numbers[0]}, where the larger contour lies, and "
                f"relaxed in image {numbers[1]}: end-diastole and end-systole are exchanged.",
                patient_id=labels.patient_id,
                number=number,
                path=record.path,
                fall=round(ring.fall, 3),
                slice_index=ring.large.record.slice_index,
            )


@dataclass(frozen=True, slots=True)
class _Beat:
    """Where in the heartbeat the contours lie.

    Attributes
    ----------
    share : fall of the rings' brightness between their two frames, over the largest fall in the heartbeat
    relaxed, contracted : frames at which the rings are brightest and darkest
    large, small : frames of the contours of the slice with the largest ring
    """

    share: float
    relaxed: int
    contracted: int
    large: int
    small: int


def _beat(labels: PatientLabels, rings: Sequence[_Ring], pixels: Pixels) -> _Beat | None:
    """None where there is no cine to tell it from."""
    grid: dict[int, dict[int, ImageRecord]] = defaultdict(dict)
    for (index, frame), image in labels.grid().items():
        grid[index][frame] = image
    largest = sorted(rings, key=lambda ring: -ring.size)[:LOOKED_AT]
    shared = set.intersection(*(set(grid[ring.large.record.slice_index or 0]) for ring in largest))
    drawn = [frame for ring in largest for frame in (ring.large.record.frame, ring.small.record.frame)]
    if len(shared) < FEWEST_FRAMES or not shared.issuperset(drawn):
        return None
    frames = sorted(shared)
    curves = [
        _curve(ring, [grid[ring.large.record.slice_index or 0][frame] for frame in frames], pixels) for ring in largest
    ]
    found = [curve for curve in curves if curve is not None]
    if len(found) < len(curves):
        return None
    total = np.sum(found, axis=0)
    at = {frame: i for i, frame in enumerate(frames)}
    ends = [(at[ring.large.record.frame or 0], at[ring.small.record.frame or 0]) for ring in largest]
    fall = sum(float(curve[large] - curve[small]) for curve, (large, small) in zip(found, ends, strict=True))
    most = float(total.max() - total.min())
    if most <= 0:
        return None
    return _Beat(
        fall / most,
        frames[int(total.argmax())],
        frames[int(total.argmin())],
        frames[ends[0][0]],
        frames[ends[0][1]],
    )


def _curve(ring: _Ring, images: Sequence[ImageRecord], pixels: Pixels) -> npt.NDArray[np.float64] | None:
    """Sum of the ring's brightness in each image; None where one cannot be read."""
    values = []
    for record in images:
        image = pixels(record)
        if image is None or image.shape != ring.mask.shape:
            return None
        values.append(float(image[ring.mask].sum(dtype=np.float64)))
    return np.array(values)
