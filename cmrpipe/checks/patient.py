"""All checks of one patient, in order."""

from __future__ import annotations

from dataclasses import dataclass

from cmrpipe.checks import contours, images, missing
from cmrpipe.checks.missing import Missing
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Finding, Sample


@dataclass(frozen=True, slots=True)
class PatientReport:
    """What the checks say of one patient."""

    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]


def check_patient(labels: PatientLabels, samples: list[Sample]) -> PatientReport:
    """Run every check that needs this patient only.

    Parameters
    ----------
    labels : images and contours, unreadable ones included
    samples : all contoured images, quarantine not applied
    """
    gone_images = missing.missing_images(labels)
    gone_contours = missing.missing_contours(labels, samples)
    findings = [
        *images.check_files(labels.images),
        *images.check_duplicates(labels.images),
        *images.check_series(labels.patient_id, labels.images),
        *missing.check_images(labels, gone_images),
        *missing.check_contours(labels, samples, gone_contours),
        *contours.check_files(labels.contours, labels.patient_id),
        *contours.check_twice(labels),
        *contours.check_shapes(labels),
        *contours.check_pairs(labels, samples),
    ]
    return PatientReport(tuple(findings), (*gone_images, *gone_contours))
