"""validate, one patient: everything that this patient's images and contours tell by themselves."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cmrpipe.catalog import Catalog
from cmrpipe.checks.duplicates import check_pixels
from cmrpipe.checks.fit import Image, Pixels
from cmrpipe.checks.images import undecodable
from cmrpipe.checks.patient import check_patient
from cmrpipe.checks.scale import check_volumes
from cmrpipe.clinical import ClinicalValues, clinical_values
from cmrpipe.errors import DicomError
from cmrpipe.incremental.refresh import Written
from cmrpipe.linking import PatientLabels, link_patient
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.samples import check_contours, patient_samples, read_image, unplaced
from cmrpipe.slices import slice_gap_mm
from cmrpipe.stages.patientfile import PatientFile, patient_file, write_patient_file

DIGITS = 4
"""Decimals of clinical values."""


@dataclass(frozen=True, slots=True)
class Task:
    """A patient, and where everything of it lies; `originals` are its contour folders."""

    raw: Path
    catalog: Path
    patient_id: str
    originals: tuple[str, ...]
    params: ValidateParams


class Reader:
    """Reads each image once; None for those whose pixels cannot be had.

    Attributes
    ----------
    undecodable : of those of them that ingest, which looks at headers, took for usable
    """

    def __init__(self, raw: Path) -> None:
        self._raw = raw
        self._read: dict[str, Image | None] = {}
        self.undecodable: list[Finding] = []

    def __call__(self, record: ImageRecord) -> Image | None:
        """The pixels of an image, as `cmrpipe.checks.fit.Pixels`."""
        if record.path not in self._read:
            try:
                self._read[record.path] = read_image(record, self._raw)
            except DicomError as error:
                self._read[record.path] = None
                if not record.error:
                    self.undecodable.append(undecodable(record, error.cause))
        return self._read[record.path]


def equal_pixels(pixels: Pixels, first: ImageRecord, later: ImageRecord) -> bool:
    """Whether two images can both be read, and are the same."""
    one, other = pixels(first), pixels(later)
    return one is not None and other is not None and np.array_equal(one, other)


def rounded_values(labels: PatientLabels, excluded: Container[str]) -> ClinicalValues:
    """Clinical values of a patient without what is in quarantine, to `DIGITS` decimals."""
    drawn, gap_mm = patient_samples(labels), slice_gap_mm(labels.images)
    kept = patient_samples(labels, excluded)
    values = clinical_values(labels.patient_id, kept, gap_mm, drawn, unplaced(labels, drawn))
    cells: dict[str, Any] = asdict(values)
    rounded = {name: round(cell, DIGITS) for name, cell in cells.items() if isinstance(cell, float)}
    return ClinicalValues(**{**cells, **rounded})


def validate_patient(task: Task, out: Path) -> Written:
    """Check a patient and write its file below `out`."""
    labels = link_patient(Catalog(task.catalog), task.patient_id, task.originals)
    check_contours(labels, task.raw)
    pixels = Reader(task.raw)
    samples = [replace(sample, image=pixels(sample.record)) for sample in patient_samples(labels)]
    report = check_patient(labels, samples, pixels, task.params)
    twins = check_pixels(task.patient_id, labels.images, partial(equal_pixels, pixels))
    clinical = rounded_values(labels, frozenset())
    volumes = check_volumes(labels, clinical, task.params)
    report = replace(report, findings=(*report.findings, *twins, *pixels.undecodable, *volumes))
    name = patient_file(task.patient_id)
    write_patient_file(out, name, PatientFile(report, clinical))
    return Written([name], {"findings": len(report.findings), "missing": len(report.missing)})
