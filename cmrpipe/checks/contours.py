"""Checks of one patient's contour files and of the contours in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cmrpipe.checks.finding import finding, of_contour
from cmrpipe.checks.steps import check_steps
from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import polygon_area, protrusion, rounds, self_intersections
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Contour, ContourKind, ContourRecord, Finding, ImageRecord, Points, Sample
from cmrpipe.nouns import counted
from cmrpipe.params import ValidateParams
from cmrpipe.readers.contours import MIN_POINTS, is_manual, is_papillary
from cmrpipe.readers.refusals import names_its_mend

BORDER_PX = 0.5
"""A point may lie this far beyond the outermost pixel centres: on the image's edge."""
FINEST_MM = 0.3
"""Pixel spacing below which it is not that of a cardiac scan."""
THINNEST_PX = 0.5
"""Mean wall below which there is none: the same outline twice, or an epicardium within its endocardium."""

_MENDS = {
    Code.CONTOUR_UNREADABLE: "Export it again.",
    Code.CONTOUR_TOO_FEW_POINTS: "Export it again.",
    Code.CONTOUR_NAME_UNCLEAR: "Rename it, or move it to the folder of its kind.",
}


def _with_mend(code: Code, why: str) -> str:
    return f"{why}." if names_its_mend(why) else f"{why}. {_MENDS[code]}"


def check_files(contours: Sequence[ContourRecord], patient_id: str) -> Iterator[Finding]:
    """Contour files that cannot be used."""
    for contour in contours:
        if not contour.error:
            continue
        if contour.points is not None and len(contour.points) < MIN_POINTS:
            code = Code.CONTOUR_TOO_FEW_POINTS
        elif contour.points is not None and contour.kind is None:
            code = Code.CONTOUR_NAME_UNCLEAR
        else:
            empty = contour.bytes == 0 and contour.sha256 != ""  # and not one that could not be read
            code = Code.CONTOUR_TOO_FEW_POINTS if empty else Code.CONTOUR_UNREADABLE
        yield finding(
            code,
            f"{contour.path} cannot be used: {_with_mend(code, contour.error)}",
            patient_id=patient_id,
            number=contour.number,
            path=contour.path,
            points=0 if contour.points is None else len(contour.points),
        )


def check_twice(labels: PatientLabels) -> Iterator[Finding]:
    """Images with two contours of one kind."""
    for number, kinds in labels.contours_by_number().items():
        for kind, records in kinds.items():
            for record in records[1:]:
                yield finding(
                    Code.CONTOUR_DUPLICATE_NUMBER,
                    f"Image {number} has two {kind.value} contours, "
                    f"{records[0].path} and {record.path}; neither is used.",
                    patient_id=labels.patient_id,
                    number=number,
                    path=record.path,
                    other=records[0].path,
                )


def check_makers(labels: PatientLabels) -> Iterator[Finding]:
    """Contours that by their names no person drew: learnt from, they teach a model what another one did."""
    others = [
        record
        for record in labels.contours
        if not (record.error or is_papillary(record.path) or is_manual(record.path))
    ]
    if others:
        yield finding(
            Code.CONTOUR_NOT_MANUAL,
            f"{labels.patient_id}: {len(others)} of {len(labels.contours)} contours are by their names not drawn by "
            f"hand (first: {others[0].path}).",
            patient_id=labels.patient_id,
            number=others[0].number if len(others) == 1 else None,
            path=others[0].path if len(others) == 1 else f"contourfiles/{others[0].original_id}",
            contours=len(others),
        )


def check_papillary(labels: PatientLabels) -> Iterator[Finding]:
    """Outlines of papillary muscles, which some collections have beside the endocardium's."""
    others = [record for record in labels.contours if is_papillary(record.path) and not record.error]
    if others:
        yield finding(
            Code.CONTOUR_OF_PAPILLARY,
            f"{labels.patient_id}: {counted(len(others), 'contour')} of papillary muscles not used; these count as "
            f"cavity (first: {others[0].path}).",
            patient_id=labels.patient_id,
            path=f"contourfiles/{others[0].original_id}",
            contours=len(others),
        )


def check_shape(
    record: ContourRecord, contour: Contour, image: ImageRecord | None, patient_id: str, limits: ValidateParams
) -> Iterator[Finding]:
    """One contour by itself and against its image's size."""
    points = contour.points
    if image is not None and image.rows and image.columns:
        beyond = max(
            float((-BORDER_PX - points).max()),
            float((points - (np.array([image.columns, image.rows]) - 1 + BORDER_PX)).max()),
        )
        if beyond > 0:
            yield of_contour(
                Code.CONTOUR_OUT_OF_BOUNDS,
                patient_id,
                record,
                f"{record.path} leaves its image of {image.rows} x {image.columns} pixels by {beyond:.1f} pixels.",
                beyond_px=round(beyond, 3),
            )
    crossings = self_intersections(points)
    times = rounds(points)
    if crossings or times > 1 or polygon_area(points) == 0:
        what = "encloses no area"
        if times > 1:
            what = f"runs round {times} times: its points were written more than once"
        elif crossings:
            what = f"crosses itself {counted(crossings, 'time')}"
        yield of_contour(
            Code.CONTOUR_SELF_INTERSECTING,
            patient_id,
            record,
            f"{record.path} {what}.",
            crossings=crossings,
            rounds=times,
        )
        return  # its points may lie anywhere
    yield from check_steps(record, points, patient_id, limits)


def check_shapes(labels: PatientLabels, limits: ValidateParams) -> Iterator[Finding]:
    """All readable contours of a patient by themselves."""
    images = labels.by_number()
    for record in labels.contours:
        contour = record.contour
        if contour is not None and record.number is not None:
            yield from check_shape(record, contour, images.get(record.number), labels.patient_id, limits)


def _mean_wall_px(endo: Points, epi: Points) -> float:
    """Distance of two circles of the same areas, pixels; negative where the epicardium is the smaller."""
    inner, outer = (float(np.sqrt(polygon_area(points) / np.pi)) for points in (endo, epi))
    return outer - inner


def _tolerated_px(image: ImageRecord, limits: ValidateParams) -> float:
    """How far the endocardium may leave the epicardium, pixels; by a spacing that may be in another unit no further."""
    spacing = image.pixel_spacing_mm
    if spacing is None or min(spacing) < FINEST_MM:
        return limits.outside_px
    return max(limits.outside_px, limits.outside_mm / max(spacing))


def check_pairs(labels: PatientLabels, samples: Sequence[Sample], limits: ValidateParams) -> Iterator[Finding]:
    """Endocardium inside epicardium, with a wall between them. Which of both is wrong, nobody can tell by that."""
    by_number = labels.contours_by_number()
    for sample in samples:
        if sample.endo is None or sample.epi is None:
            continue
        out = protrusion(sample.endo.points, sample.epi.points)
        wall = _mean_wall_px(sample.endo.points, sample.epi.points)
        tolerated = _tolerated_px(sample.record, limits)
        if out > tolerated or wall < THINNEST_PX:
            number = image_number(sample.record)
            kinds = by_number.get(number, {}) if number is not None else {}
            endo, epi = (next(iter(kinds.get(kind, ())), None) for kind in ContourKind)
            what = f"leaves the epicardial one by {out:.1f} pixels"
            if out <= tolerated:
                what = f"leaves no wall to the epicardial one: {wall:.1f} pixels on average"
            yield finding(
                Code.ENDO_OUTSIDE_EPI,
                f"The endocardial contour of image {number} {what}.",
                patient_id=labels.patient_id,
                number=number,
                path=epi.path if epi else sample.record.path,
                outside_px=round(out, 3),
                wall_px=round(wall, 3),
                endo_path=endo.path if endo else None,
                slice_index=sample.record.slice_index,
                frame=sample.record.frame,
            )
