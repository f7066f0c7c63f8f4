"""Contoured images: an image with the contours that belong to it, in the order that the store and the pictures keep."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmrpipe.errors import ArchiveError, StaleError
from cmrpipe.files import sha256_bytes
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Contour, ContourKind, ContourRecord, ImageRecord, Phase, Sample
from cmrpipe.phases import assign_phases, frames_there
from cmrpipe.readers.layouts import read_file
from cmrpipe.readers.pixels import decode_pixels

_LOST = "Check --raw; `cmrpipe ingest` when you removed it, `cmrpipe rebuild` when you did not"


def _only(records: list[ContourRecord], excluded: Container[str]) -> Contour | None:
    """The one contour of a kind, unless it is left out; none of two, since nobody can tell which is right."""
    return records[0].contour if len(records) == 1 and records[0].path not in excluded else None


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
    phases = assign_phases([sample for sample, _ in drawn], frames_there(labels.images)).phases
    samples = [
        replace(sample, endo=endo, epi=epi, phase=phase)
        for (sample, (endo, epi)), phase in zip(drawn, phases, strict=True)
        if (endo is not None or epi is not None) and sample.record.path not in excluded
    ]
    return sorted(samples, key=_order)


def unplaced(labels: PatientLabels, drawn: Iterable[Sample]) -> list[int]:
    """Image numbers of endocardia that are in none of the samples: they were drawn, and nobody can tell where.

    Their image is not there, or cannot be read, or lies in no slice of the stack, or two share the number; the file
    cannot be read, or there are two.

    Parameters
    ----------
    drawn : all of the patient's, `patient_samples` without a quarantine
    """
    in_stack = (sample for sample in drawn if sample.endo is not None and sample.record.slice_index is not None)
    placed = {image_number(sample.record) for sample in in_stack}
    numbers = {contour.number for contour in labels.contours if contour.kind is ContourKind.ENDO}
    return sorted(number for number in numbers - placed if number is not None)


def _order(sample: Sample) -> tuple[int, int, int, str]:
    record = sample.record
    parts = (record.slice_index, record.frame, image_number(record))
    first, second, third = (-1 if part is None else part for part in parts)
    return first, second, third, record.path


def _catalogued(record: ImageRecord | ContourRecord, raw: Path, again: str) -> bytes:
    """The bytes of a file, which are those that the catalog describes; `again` is what to run when they were changed.

    Raises
    ------
    StaleError : it is gone, cannot be read, or is another file
    """
    try:
        data = read_file(raw, record.path)
    except ArchiveError as error:
        raise StaleError(raw / record.path, f"lies in an archive that {error.cause}", _LOST) from error
    except OSError as error:
        raise StaleError(raw / record.path, f"cannot be read any more ({error.strerror or error})", _LOST) from error
    if sha256_bytes(data) != record.sha256:
        raise StaleError(
            raw / record.path,
            "is not the file that the catalog describes (its SHA-256 is another)",
            f"{again} when you changed it, `cmrpipe verify` when you did not",
        )
    return data


def read_image(record: ImageRecord, raw: Path) -> npt.NDArray[np.generic]:
    """The image that the catalog describes, (rows, columns), from the raw folder.

    Raises
    ------
    DicomError : the file is the one that was catalogued, and its pixels cannot be decoded
    StaleError : it is gone, cannot be read, or is another file than the one that was catalogued
    """
    return decode_pixels(_catalogued(record, raw, "`cmrpipe ingest`"), raw / record.path)


def check_contours(labels: PatientLabels, raw: Path) -> None:
    """Hold a patient's contour files against the catalog, whose points would else be drawn for files that differ.

    Those in quarantine count too: phases are told from all contours as drawn.

    Raises
    ------
    StaleError : one is gone, cannot be read, or is another file than the one that was catalogued
    """
    for record in labels.contours:
        if record.sha256:  # ingest could read it
            _catalogued(record, raw, "`cmrpipe ingest`, then `cmrpipe validate`,")


def load_pixels(sample: Sample, raw: Path) -> Sample:
    """The sample with its image (see `read_image`)."""
    return replace(sample, image=read_image(sample.record, raw))
