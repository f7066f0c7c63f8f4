"""All checks of one patient, in order."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from cmrpipe.checks import contours, images, missing, series
from cmrpipe.checks.alike import Look, looks
from cmrpipe.checks.blankrows import check_blank_rows
from cmrpipe.checks.burnt import check_burnt
from cmrpipe.checks.copies import Content, contents
from cmrpipe.checks.duplicates import check_duplicates
from cmrpipe.checks.ends import check_ends
from cmrpipe.checks.fit import Pixels
from cmrpipe.checks.heartbeat import check_heartbeat
from cmrpipe.checks.misfit import check_fits, measure_fits, whole_patient
from cmrpipe.checks.missing import Missing
from cmrpipe.checks.neighbours import check_jumps, jumps
from cmrpipe.checks.numbers import check_numbers
from cmrpipe.checks.onestudy import study_marks
from cmrpipe.checks.origins import PatientOrigin, measure_origin
from cmrpipe.checks.otherframe import check_other_frame
from cmrpipe.checks.otherslice import check_other_slice
from cmrpipe.checks.patientids import check_patient_id
from cmrpipe.checks.places import check_places
from cmrpipe.checks.scale import check_scale
from cmrpipe.checks.twopatients import marks
from cmrpipe.checks.walls import check_walls
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import ContourKind, Finding, Sample
from cmrpipe.params import ValidateParams


@dataclass(frozen=True, slots=True)
class PatientReport:
    """What the checks say of one patient, and what the checks of the whole set need from it."""

    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]
    contents: tuple[Content, ...]
    origin: PatientOrigin | None
    marks: tuple[str, ...]
    looks: tuple[Look, ...]


def _paths(labels: PatientLabels, kind: ContourKind) -> dict[int, str]:
    """Files of the contours of a kind by image number, where there is only one."""
    by_number = labels.contours_by_number()
    return {number: kinds[kind][0].path for number, kinds in by_number.items() if len(kinds.get(kind, ())) == 1}


def _without(samples: Sequence[Sample], labels: PatientLabels, misshapen: Container[str]) -> list[Sample]:
    """Samples without the endocardia that no neighbour can be held against."""
    bad = {number for number, path in _paths(labels, ContourKind.ENDO).items() if path in misshapen}
    return [replace(s, endo=None) if image_number(s.record) in bad else s for s in samples]


def check_patient(
    labels: PatientLabels, samples: Sequence[Sample], pixels: Pixels, limits: ValidateParams
) -> PatientReport:
    """Run every check that needs this patient only.

    Parameters
    ----------
    labels : images and contours, unreadable ones included
    samples : all contoured images with their pixels where these can be read, quarantine not applied
    pixels : reads another of the patient's images
    limits : thresholds
    """
    patient = labels.patient_id
    gone_images = missing.missing_images(labels)
    gone_contours = missing.missing_contours(labels, samples)
    shapes = list(contours.check_shapes(labels, limits))
    misshapen = {found.path for found in shapes if found.code is not Code.CONTOUR_COARSE}
    fits, apart = measure_fits(samples), jumps(_without(samples, labels, misshapen))
    endo, epi = (
        {number: path for number, path in _paths(labels, kind).items() if path not in misshapen}
        for kind in (ContourKind.ENDO, ContourKind.EPI)
    )
    findings = [
        *images.check_files(labels.images),
        *check_patient_id(patient, labels.images),
        *check_numbers(patient, labels.images),
        *check_duplicates(patient, labels.images),
        *series.check_series(patient, labels.images, limits),
        *check_places(patient, labels.images),
        *check_scale(patient, labels.images, limits),
        *check_blank_rows(labels, samples, pixels, limits.blank_rows),
        *missing.check_images(labels, gone_images),
        *missing.check_contours(labels, samples, gone_contours),
        *check_burnt(patient, samples, limits),
        *check_ends(labels, samples, limits),
        *missing.check_phases(labels, samples),
        *contours.check_files(labels.contours, patient),
        *contours.check_twice(labels),
        *contours.check_makers(labels),
        *contours.check_papillary(labels),
        *shapes,
        *contours.check_pairs(labels, samples, limits),
        *check_walls(samples, epi, patient, limits),
        *check_jumps(samples, apart, endo, patient, limits),
        *check_fits(labels, samples, fits, apart, endo, pixels, limits),
        *check_other_frame(labels, samples, limits),
        *check_heartbeat(labels, samples, fits, pixels, limits),
        *check_other_slice(labels, samples, fits, pixels, limits),
    ]
    origin = None if whole_patient(fits, limits) else measure_origin(samples, fits)
    return PatientReport(
        tuple(findings),
        (*gone_images, *gone_contours),
        tuple(contents(labels, samples, fits, apart)),
        origin,
        (*marks(labels.images), *study_marks(labels.images)),
        tuple(looks(samples)),
    )
