"""Checks of the short-axis cine as a whole: one series a folder, and what its images have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from cmrpipe.checks.blankends import check_ends
from cmrpipe.checks.constancy import check_constancy
from cmrpipe.checks.finding import finding, of_patient
from cmrpipe.checks.pixelspacing import check_spacing, check_square
from cmrpipe.clinical import slices_text
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.slices import ASSUMED, NUMBER, main_series, measure_gap


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
    yield from check_spacing(patient_id, series)
    yield from check_square(patient_id, series, limits.square)
    yield from check_constancy(series, limits)
    yield from _check_gap(patient_id, series, limits)
    yield from check_ends(series, limits.blank_end)
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


def _check_gap(patient_id: str, series: Sequence[ImageRecord], limits: ValidateParams) -> Iterator[Finding]:
    gap = measure_gap(series)
    if gap is None:
        return
    if gap.uneven_after:
        several = len(gap.uneven_after) > 1
        yield of_patient(
            Code.SLICE_GAP_IRREGULAR,
            patient_id,
            f"{patient_id}: slices lie {gap.gap_mm:.2f} mm apart, but the gap{'s' if several else ''} after "
            f"{slices_text(gap.uneven_after)} {'are' if several else 'is'} off by {'up to ' if several else ''}"
            f"{gap.irregularity_mm:.2f} mm. No volume is given across {'them' if several else 'it'}.",
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
    yield from _check_overlap(patient_id, series, gap.gap_mm, limits.overlap)


def _check_overlap(patient_id: str, series: Sequence[ImageRecord], gap_mm: float, limit: float) -> Iterator[Finding]:
    """Slices that are far thicker than they are apart: their positions, or the thickness, cannot be right."""
    thick = [i.slice_thickness_mm for i in series if i.slice_thickness_mm and i.slice_thickness_mm > 0]
    thickness = float(np.median(thick)) if thick else 0.0
    if gap_mm < (1 - limit) * thickness:
        yield of_patient(
            Code.SLICES_OVERLAP,
            patient_id,
            f"{patient_id}: slices are {thickness:.2f} mm thick and lie {gap_mm:.2f} mm apart by their positions: they "
            f"overlap by {1 - gap_mm / thickness:.0%}. Compare ImagePositionPatient with the source: volumes go with "
            "the distance. Where slices were interpolated, set validate.overlap.",
            thickness_mm=round(thickness, 4),
            gap_mm=round(gap_mm, 4),
        )
