"""Contoured images: an image with the contours that belong to it, in the order that the store and the pictures keep."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from pathlib import Path

from cmrpipe.dicom import read_pixels
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Contour, ContourKind, ContourRecord, Phase, Sample
from cmrpipe.phases import assign_phases


def _only(records: list[ContourRecord], excluded: Container[str]) -> Contour | None:
    """The one usable contour of a kind; none when there are two, since nobody can tell which is right."""
    usable = [record for record in records if record.path not in excluded]
    return usable[0].contour if len(usable) == 1 else None


def patient_samples(labels: PatientLabels, excluded: Container[str] = frozenset()) -> list[Sample]:
    """All contoured images of a patient, without pixels.

    Parameters
    ----------
    labels : the patient's images and contours
    excluded : names in quarantine (paths relative to the raw folder, patient ids); they are left out

    Returns
    -------
    samples sorted by slice, frame, number; at least one contour each. Phases are those of the patient's contours as
    drawn, so that a quarantine does not move end-diastole.
    """
    if labels.patient_id in excluded:
        return []
    images = labels.by_number()
    drawn = []
    for number, kinds in labels.contours_by_number().items():
        image = images.get(number)
        if image is not None:
            every = [_only(kinds.get(kind, []), frozenset()) for kind in ContourKind]
            kept = [_only(kinds.get(kind, []), excluded) for kind in ContourKind]
            drawn.append((Sample(image, None, every[0], every[1], Phase.OTHER), kept))
    phases = assign_phases([sample for sample, _ in drawn]).phases
    samples = [
        replace(sample, endo=endo, epi=epi, phase=phase)
        for (sample, (endo, epi)), phase in zip(drawn, phases, strict=True)
        if (endo is not None or epi is not None) and sample.record.path not in excluded
    ]
    return sorted(samples, key=_order)


def _order(sample: Sample) -> tuple[int, int, int, str]:
    record = sample.record
    parts = (record.slice_index, record.frame, image_number(record))
    first, second, third = (-1 if part is None else part for part in parts)
    return first, second, third, record.path


def load_pixels(sample: Sample, raw: Path) -> Sample:
    """The sample with its image read from the raw folder.

    Raises
    ------
    DicomError : the file is gone or cannot be read
    """
    return replace(sample, image=read_pixels(raw / sample.record.path))
