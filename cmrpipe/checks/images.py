"""Checks of one patient's images, from their headers and pixel facts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from cmrpipe.checks.finding import finding, of_image, of_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.readers.mends import mend
from cmrpipe.readers.refusals import names_its_mend
from cmrpipe.slices import ASSUMED, NUMBER, SAME_NORMAL_COSINE, main_series, measure_gap

SAME_SPACING = 0.01
"""Relative difference up to which two pixel spacings are equal."""
_TILT_DEG = math.degrees(math.acos(SAME_NORMAL_COSINE))
"""Angle up to which a series of its own joins the stack."""
_IN_ITSELF = (
    " A series that was acquired so is in order, but the store holds images of one size a patient: pad, cut or "
    "resample images and contours to one."
)
_FEWEST_OTHERS = 4
"""Other frames of a slice below which nothing is said of blank ends."""
_MOSTLY = 0.8
"""Share of the other frames that have to agree on theirs."""
_ALIKE = 0.02
"""Share of the rows by which they may differ all the same."""


def check_files(images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Files that cannot be used, and images that are not what the folder is for."""
    usable = [image for image in images if not image.error]
    modalities = {image.modality for image in usable}
    throughout = len(usable) > 1 and len(modalities) == 1 and "MR" not in modalities
    if throughout:
        yield _not_mr(usable)
    for image in images:
        if image.error:
            truncated = image.error.startswith("truncated")
            what_to_do = "" if names_its_mend(image.error) else f" {mend(image.error)}"
            yield of_image(
                Code.IMAGE_TRUNCATED if truncated else Code.IMAGE_UNREADABLE,
                image,
                f"{image.path} cannot be used: {image.error}.{what_to_do}",
                bytes=image.bytes,
            )
            continue
        if image.modality != "MR" and not throughout:
            yield of_image(
                Code.IMAGE_NOT_MR,
                image,
                f"{image.path} is not MR: its Modality is {image.modality or 'absent'}.",
                modality=image.modality,
            )
        if image.pixel_min is not None and image.pixel_min == image.pixel_max:
            yield of_image(
                Code.IMAGE_CONSTANT,
                image,
                f"All pixels of {image.path} are {image.pixel_min}.",
                value=image.pixel_min,
            )


def _not_mr(images: Sequence[ImageRecord]) -> Finding:
    """The finding for a patient whose usable images all have one other modality."""
    patient, modality = images[0].patient_id, images[0].modality
    return of_patient(
        Code.IMAGE_NOT_MR,
        patient,
        f"{patient}: the Modality of all {len(images)} images is {modality or 'absent'}, not MR. Programs that convert "
        "images write OT; where these are MR all the same, take image-not-mr out of validate.quarantine.",
        modality=modality,
        images=len(images),
    )


def undecodable(image: ImageRecord, cause: str) -> Finding:
    """The finding for an image that the catalog took for usable, and whose pixels cannot be had."""
    return of_image(
        Code.IMAGE_UNDECODABLE,
        image,
        f"{image.path} cannot be used: {cause}. {mend(cause)}",
    )


def check_series(patient_id: str, images: Sequence[ImageRecord], limits: ValidateParams) -> Iterator[Finding]:
    """What must be constant within a series, and one series a folder."""
    usable = [image for image in images if not image.error]
    if not usable:
        return
    main = main_series(usable)
    series = [image for image in usable if image.series_uid in main]
    others = [image for image in usable if image.series_uid not in main]
    if others:
        yield finding(
            Code.SERIES_MIXED,
            f"{patient_id}: {len(series)} images are taken for the short-axis cine, {len(others)} images belong to "
            f"{len({i.series_uid for i in others})} other series (first: {others[0].path}).",
            patient_id=patient_id,
            path=others[0].path,
            images=len(others),
        )
    yield from _check_spacing(patient_id, series)
    yield from _check_square(patient_id, series, limits.square)
    yield from _check_constancy(series, limits)
    yield from _check_gap(patient_id, series, limits)
    yield from _check_ends(series, limits.blank_end)
    yield from _check_grid(patient_id, series)


def _check_grid(patient_id: str, series: Sequence[ImageRecord]) -> Iterator[Finding]:
    """One finding a patient, where something of slices and frames was not in the headers."""
    said = next((i.frames_per_slice for i in series if i.frames_per_slice), None)
    by_number = [i for i in series if i.grid_source == NUMBER]
    assumed = [i for i in series if i.grid_source == ASSUMED]
    if by_number and all(i.trigger_time_ms is not None for i in by_number):
        cause = "slice and frame come from file numbers and trigger times, since the headers tell no position"
    elif by_number:
        cause = "slice and frame come from the file numbers, since the headers tell no position or time"
    elif assumed:
        most = max(Counter(i.slice_index for i in assumed).values())
        cause = (
            "frames come from the images' numbers, trigger times and order, since the headers do not tell them "
            f"(images a slice: {most} at most, {'not in the headers' if said is None else f'{said} by the headers'})"
        )
    else:
        return
    yield of_patient(
        Code.GRID_ASSUMED,
        patient_id,
        f"{patient_id}: {cause}.",
        frames_in_header=said,
    )


def _check_spacing(patient_id: str, series: Sequence[ImageRecord]) -> Iterator[Finding]:
    missing = [i for i in series if i.pixel_spacing_mm is None or min(i.pixel_spacing_mm) <= 0]
    if missing:
        yield finding(
            Code.SPACING_MISSING,
            f"{patient_id}: {len(missing)} of {len(series)} images have no pixel spacing, "
            "so no area in mm² and no volume can be had from them.",
            patient_id=patient_id,
            number=image_number(missing[0]) if len(missing) == 1 else None,
            path=missing[0].path if len(missing) == 1 else f"dicoms/{patient_id}",
            images=len(missing),
        )


def _check_ends(series: Sequence[ImageRecord], share: float) -> Iterator[Finding]:
    """Images whose end is blank where the other frames of their slice are not.

    Nothing is said where there are too few others, or where these differ among themselves: black air there ends blank
    by chance. A fifth of them may be damaged, too.
    """
    slices: dict[tuple[int, int], list[tuple[int, ImageRecord]]] = defaultdict(list)
    for image in series:
        if image.slice_index is not None and image.blank_rows is not None and image.rows:
            slices[image.slice_index, image.rows].append((image.blank_rows, image))
    for (_, rows), group in slices.items():
        for at, (blank, image) in enumerate(group):
            others = sorted(count for count, _ in group[:at] + group[at + 1 :])
            if len(others) < _FEWEST_OTHERS or image.pixel_min == image.pixel_max:
                continue
            least, most = others[0], others[int(_MOSTLY * (len(others) - 1))]
            if most - least > _ALIKE * rows or blank - most <= share * rows:
                continue
            yield of_image(
                Code.IMAGE_BLANK_END,
                image,
                f"{image.path}: the last {blank} of {rows} rows are blank, {most} in the slice's others.",
                blank_rows=blank,
                usual=most,
            )


def _oblong(image: ImageRecord, tolerance: float) -> bool:
    spacing = image.pixel_spacing_mm
    return spacing is not None and min(spacing) > 0 and abs(spacing[0] / spacing[1] - 1) > tolerance


def _check_square(patient_id: str, series: Sequence[ImageRecord], tolerance: float) -> Iterator[Finding]:
    """Pixels that are not square: told once where all images agree, else of each image that is so."""
    oblong = [image for image in series if _oblong(image, tolerance)]
    if not oblong:
        return
    agree = len({image.pixel_spacing_mm for image in series}) == 1
    for image in oblong[:1] if agree else oblong:
        row, column = image.pixel_spacing_mm or (0.0, 0.0)
        yield finding(
            Code.SPACING_NOT_SQUARE,
            f"{patient_id if agree else image.path} has pixels of {row:g} x {column:g} mm.",
            patient_id=patient_id,
            number=None if agree else image_number(image),
            path=f"dicoms/{patient_id}" if agree else image.path,
            row_mm=row,
            column_mm=column,
            images=len(series) if agree else 1,
        )


def _angle_deg(a: Sequence[float], b: Sequence[float]) -> float:
    """Angle between two orientations: the larger of those between row directions and between column directions."""
    cosines = [float(np.dot(a[k : k + 3], b[k : k + 3])) for k in (0, 3)]
    return max(math.degrees(math.acos(min(1.0, max(-1.0, c)))) for c in cosines)


def _check_constancy(series: Sequence[ImageRecord], limits: ValidateParams) -> Iterator[Finding]:
    sizes = Counter((i.rows, i.columns) for i in series)
    spacings = Counter(i.pixel_spacing_mm for i in series if i.pixel_spacing_mm)
    orientations = Counter(i.orientation for i in series if i.orientation)
    size = sizes.most_common(1)[0][0]
    spacing = spacings.most_common(1)[0][0] if spacings else None
    orientation = orientations.most_common(1)[0][0] if orientations else None
    usual = {uid: _usual([i for i in series if i.series_uid == uid]) for uid in {i.series_uid for i in series}}
    tilted: list[tuple[float, str]] = []
    for image in series:
        if (image.rows, image.columns) != size or (
            image.pixel_spacing_mm
            and spacing
            and image.pixel_spacing_mm != spacing
            and not np.allclose(sorted(image.pixel_spacing_mm), sorted(spacing), rtol=SAME_SPACING)
            and not _oblong(image, limits.square)
        ):
            its_own = usual[image.series_uid][0]
            its_mend = _IN_ITSELF if _size(image) == its_own != (size, spacing) else ""
            yield of_image(
                Code.SIZE_CHANGES,
                image,
                f"{image.path} is {image.rows} x {image.columns} pixels of {image.pixel_spacing_mm} mm, "
                f"its series {size[0]} x {size[1]} of {spacing}." + its_mend,
                rows=image.rows,
                columns=image.columns,
            )
        if image.orientation and orientation and image.orientation != orientation:
            angle = _angle_deg(image.orientation, orientation)
            if limits.angle_deg < angle <= _TILT_DEG and image.orientation == usual[image.series_uid][1]:
                tilted.append((angle, image.path))
            elif angle > limits.angle_deg:
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


Size: TypeAlias = tuple[tuple[int | None, int | None], tuple[float, float] | None]


def _size(image: ImageRecord) -> Size:
    return (image.rows, image.columns), image.pixel_spacing_mm


def _usual(series: Sequence[ImageRecord]) -> tuple[Size, tuple[float, ...] | None]:
    """Size and orientation that most images of a series have."""
    sizes, orientations = Counter(_size(i) for i in series), Counter(i.orientation for i in series)
    return sizes.most_common(1)[0][0], orientations.most_common(1)[0][0]


def _check_gap(patient_id: str, series: Sequence[ImageRecord], limits: ValidateParams) -> Iterator[Finding]:
    gap = measure_gap(series)
    if gap is None:
        return
    if gap.irregularity_mm > limits.gap * gap.gap_mm:
        yield of_patient(
            Code.SLICE_GAP_IRREGULAR,
            patient_id,
            f"{patient_id}: slices lie {gap.gap_mm:.2f} mm apart, but the gap after slice {gap.widest_after} "
            f"is off by {gap.irregularity_mm:.2f} mm.",
            gap_mm=round(gap.gap_mm, 4),
            off_by_mm=round(gap.irregularity_mm, 4),
            after_slice=gap.widest_after,
        )
    headers = [i.spacing_between_slices_mm for i in series if i.spacing_between_slices_mm]
    if headers:
        header = float(np.median(headers))
        if abs(header / gap.gap_mm - 1) > limits.gap_header:
            yield of_patient(
                Code.SLICE_GAP_HEADER,
                patient_id,
                f"{patient_id}: the header says {header:.2f} mm between slices, positions say {gap.gap_mm:.2f} mm.",
                header_mm=header,
                gap_mm=round(gap.gap_mm, 4),
            )
