"""Whether millimetres are millimetres: sizes that no heart and no scan of one has.

A conversion that gets PixelSpacing or positions wrong (another unit, the spacing of another matrix) leaves contours and
pixels as they are, and every volume wrong by the same factor. What it cannot hide is the size of the field of view, the
distance of the slices, and in the end that of the ventricle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cmrpipe.checks.finding import of_contours, of_patient
from cmrpipe.clinical import FEWEST_FOR_EF, ClinicalValues
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.slices import main_series, slice_gap_mm

WHOLE = 96
"""Rows or columns, whichever are more, from which an image is taken for a whole field of view; less is a cut-out."""

Reach = tuple[float, float]


def _outside(value: float, reach: Reach) -> bool:
    return not reach[0] <= value <= reach[1]


def _field_mm(image: ImageRecord) -> float | None:
    """The longer side of an image; None where it is a cut-out, or its spacing is not known."""
    spacing = image.pixel_spacing_mm
    if spacing is None or not image.rows or not image.columns:
        return None
    if max(image.rows, image.columns) < WHOLE:
        return None
    return max(image.rows * spacing[0], image.columns * spacing[1])


def check_scale(patient_id: str, images: Sequence[ImageRecord], limits: ValidateParams) -> Iterator[Finding]:
    """Field of view and slice gap beyond what is plausible: of the stack, once a patient each."""
    stack = main_series(images)
    fields = [(mm, i) for i in images if i.series_uid in stack and not i.error and (mm := _field_mm(i)) is not None]
    odd = [(mm, image) for mm, image in fields if _outside(mm, limits.field_mm)]
    if odd:
        mm, image = odd[0]
        row, column = image.pixel_spacing_mm or (0.0, 0.0)
        yield of_patient(
            Code.SCALE_IMPLAUSIBLE,
            patient_id,
            f"{patient_id}: {len(odd)} of {len(fields)} images are {mm:.0f} mm wide ({image.rows} x {image.columns} "
            f"pixels of {row:g} x {column:g} mm); {_words(limits.field_mm)} mm are plausible. Compare "
            "PixelSpacing with the source: volumes go with its square. Where the images were cut, set "
            "validate.field_mm.",
            field_mm=round(mm, 2),
            images=len(odd),
        )
    gap = slice_gap_mm(images)
    if gap is not None and _outside(round(gap, 2), limits.slice_gap_mm):  # positions are rounded themselves
        yield of_patient(
            Code.SCALE_IMPLAUSIBLE,
            patient_id,
            f"{patient_id}: slices lie {gap:.2f} mm apart; {_words(limits.slice_gap_mm)} mm are plausible. Compare "
            "ImagePositionPatient with the source: volumes go with it. Where children were scanned, set "
            "validate.slice_gap_mm.",
            gap_mm=round(gap, 4),
        )


class Implausible(NamedTuple):
    """A value beyond what is plausible: its column and parameter, what it is, and the slices that it comes from."""

    name: str
    what: str
    value: float
    unit: str
    reach: Reach
    slices: int

    def __str__(self) -> str:
        plausible = f"{_words(self.reach)} {self.unit} are plausible"
        return f"the {self.what} comes to {self.value:.0f} {self.unit}; {plausible}"


def implausible(clinical: ClinicalValues, limits: ValidateParams) -> Iterator[Implausible]:
    """End-diastolic volume and mass beyond what is plausible, of three slices at least."""
    edv, mass = (clinical.edv_ml, clinical.slices_ed), (clinical.mass_g, clinical.slices_mass)
    for name, what, unit, reach, (value, count) in (
        ("edv_ml", "end-diastolic volume", "mL", limits.edv_ml, edv),
        ("mass_g", "myocardial mass", "g", limits.mass_g, mass),
    ):
        if value is not None and count >= FEWEST_FOR_EF and _outside(value, reach):
            yield Implausible(name, what, value, unit, reach, count)


def check_volumes(labels: PatientLabels, clinical: ClinicalValues, limits: ValidateParams) -> Iterator[Finding]:
    """What `implausible` says of a patient's values."""
    for found in implausible(clinical, limits):
        yield of_contours(
            Code.VOLUME_IMPLAUSIBLE,
            labels,
            f"{labels.patient_id}: {found}. "
            "Compare PixelSpacing and the slices' positions with the source, and look whether all contours are of "
            f"this patient. Where these are children, set validate.{found.name}.",
            what=found.name,
            value=round(found.value, 2),
            contoured_slices=found.slices,
        )


def _words(reach: Reach) -> str:
    return f"{reach[0]:g} to {reach[1]:g}"
