"""Size, pixel spacing and orientation, which images of one stack have in common."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from cmrpipe.checks.finding import of_image, of_patient
from cmrpipe.checks.pixelspacing import oblong
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.slices import SAME_NORMAL_COSINE, dot

Size: TypeAlias = tuple[tuple[int | None, int | None], tuple[float, float] | None]
Orientation: TypeAlias = tuple[float, ...]

SAME_SPACING = 0.01
"""Relative difference up to which two pixel spacings are equal."""
_TILT_DEG = math.degrees(math.acos(SAME_NORMAL_COSINE))
"""Angle up to which a series of its own joins the stack."""
_IN_ITSELF = (
    " A series that was acquired so is in order, but the store holds images of one size a patient: pad, cut or "
    "resample images and contours to one."
)


def check_constancy(series: Sequence[ImageRecord], limits: ValidateParams) -> Iterator[Finding]:
    """Images of another size, or turned, against most of the stack.

    A series that is tilted a little as a whole, as slices that were planned anew are, is told once, its images are not.
    """
    usual = {uid: _usual([i for i in series if i.series_uid == uid]) for uid in {i.series_uid for i in series}}
    yield from _check_sizes(series, {uid: size for uid, (size, _) in usual.items()}, limits.square)
    yield from _check_orientations(series, {uid: way for uid, (_, way) in usual.items()}, limits.angle_deg)


def _check_sizes(series: Sequence[ImageRecord], usual: Mapping[str, Size], square: float) -> Iterator[Finding]:
    """Images with another number of pixels, or with pixels of another size; `usual` is by series."""
    pixels = Counter((i.rows, i.columns) for i in series).most_common(1)[0][0]
    spacings = Counter(i.pixel_spacing_mm for i in series if i.pixel_spacing_mm).most_common(1)
    spacing = spacings[0][0] if spacings else None
    for image in series:
        same = spacing is None or _same_spacing(image, spacing) or oblong(image, square)
        if (image.rows, image.columns) == pixels and same:
            continue
        in_itself = _size(image) == usual[image.series_uid]
        yield of_image(
            Code.SIZE_CHANGES,
            image,
            f"{image.path} is {image.rows} x {image.columns} pixels of {image.pixel_spacing_mm} mm, "
            f"its series {pixels[0]} x {pixels[1]} of {spacing}." + (_IN_ITSELF if in_itself else ""),
            rows=image.rows,
            columns=image.columns,
        )


def _same_spacing(image: ImageRecord, spacing: tuple[float, float]) -> bool:
    """Whether an image's spacing, if it has any, is this one, in either order."""
    own = image.pixel_spacing_mm
    return not own or own == spacing or np.allclose(sorted(own), sorted(spacing), rtol=SAME_SPACING)


def _check_orientations(
    series: Sequence[ImageRecord], usual: Mapping[str, Orientation | None], limit_deg: float
) -> Iterator[Finding]:
    """Images that are turned; `usual` is by series."""
    orientations = Counter(i.orientation for i in series if i.orientation).most_common(1)
    if not orientations:
        return
    most = orientations[0][0]
    tilted: list[tuple[float, str]] = []
    for image in series:
        if not image.orientation or image.orientation == most:  # a filler of zeros is at no angle with itself
            continue
        angle = _angle_deg(image.orientation, most)
        if angle <= limit_deg:
            continue
        if angle <= _TILT_DEG and image.orientation == usual[image.series_uid]:
            tilted.append((angle, image.path))
            continue
        yield of_image(
            Code.ORIENTATION_CHANGES,
            image,
            f"{image.path} is turned by {angle:.1f} degrees against its series.",
            angle_deg=round(angle, 3),
        )
    if tilted:
        angle, path = max(tilted)
        yield of_patient(
            Code.SERIES_TILTED,
            series[0].patient_id,
            f"{series[0].patient_id}: {len(tilted)} images are turned by up to {angle:.1f} degrees against most of the "
            f"stack ({path}), each as its series is: slices planned anew, it seems; nothing is left out for it. "
            "Volumes take them for parallel.",
            images=len(tilted),
            angle_deg=round(angle, 3),
        )


def _angle_deg(a: Orientation, b: Orientation) -> float:
    """Angle between two orientations: the larger of those between row directions and between column directions."""
    cosines = [dot(a[k : k + 3], b[k : k + 3]) for k in (0, 3)]
    return max(math.degrees(math.acos(min(1.0, max(-1.0, c)))) for c in cosines)


def _size(image: ImageRecord) -> Size:
    return (image.rows, image.columns), image.pixel_spacing_mm


def _usual(series: Sequence[ImageRecord]) -> tuple[Size, Orientation | None]:
    """Size and orientation that most images of a series have."""
    sizes, orientations = Counter(_size(i) for i in series), Counter(i.orientation for i in series)
    return sizes.most_common(1)[0][0], orientations.most_common(1)[0][0]
