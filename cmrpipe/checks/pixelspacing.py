"""Pixel spacing that is missing, or of pixels that are not square."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, ImageRecord


def check_spacing(patient_id: str, series: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Told once a patient."""
    missing = [i for i in series if i.pixel_spacing_mm is None]
    if missing:
        yield finding(
            Code.SPACING_MISSING,
            f"{patient_id}: {len(missing)} of {len(series)} images have no pixel spacing, "
            "so no area in mm² and no volume can be computed.",
            patient_id=patient_id,
            number=image_number(missing[0]) if len(missing) == 1 else None,
            path=missing[0].path if len(missing) == 1 else f"dicoms/{patient_id}",
            images=len(missing),
        )


def oblong(image: ImageRecord, tolerance: float) -> bool:
    """Whether rows and columns are apart by other distances, relative to each other by more than `tolerance`."""
    spacing = image.pixel_spacing_mm
    return spacing is not None and abs(spacing[0] / spacing[1] - 1) > tolerance


def check_square(patient_id: str, series: Sequence[ImageRecord], tolerance: float) -> Iterator[Finding]:
    """Pixels that are not square: told once where all images agree, else of each image that is so."""
    found = [image for image in series if oblong(image, tolerance)]
    if not found:
        return
    agree = len({image.pixel_spacing_mm for image in series}) == 1
    for image in found[:1] if agree else found:
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
