"""Sorting a patient's images into the layout by their headers, whatever their files are called.

The images of one series go to `<InstanceNumber>.dcm`. What is no MR image, belongs to another series, or cannot be told
from another image is put aside with the reason; nothing is dropped in silence, and nothing is guessed.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from cmrpipe.model import ImageRecord
from cmrpipe.readers.asides import Aside

_PLACES, _FRAMES = 3, 2
"""A short-axis cine has at least so many slice positions with at least so many images each."""
_DIGITS = 1
"""Decimals to which positions are compared, mm."""
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Found:
    """An image of a source: what the source calls it, where its bytes are, and its header."""

    what: str
    path: Path
    record: ImageRecord

    def aside(self, reason: str) -> Aside:
        """The image, put aside."""
        return Aside(self.record.header_patient_id, self.what, self.record.series_uid, reason)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Images by the file name that the layout gives them, and those put aside."""

    placed: dict[str, Found]
    asides: tuple[Aside, ...]


def folder_problem(patient_id: str) -> str:
    """Why an id cannot name a folder, "" when it can."""
    if not patient_id:
        return "no PatientID in the header"
    if patient_id.startswith(".") or len(patient_id) > _LONGEST_NAME or re.search(r"[/\\\x00-\x1f]", patient_id):
        return f"PatientID {patient_id[:40]!r} cannot name a folder"
    return ""


def _unusable(record: ImageRecord) -> str:
    if record.error:
        return record.error
    if record.modality != "MR":
        return f"modality {record.modality or 'not given'}, not MR"
    if record.instance_number is None or record.instance_number < 0:
        return "no InstanceNumber in the header"
    return ""


def _description(image: Found) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # UIDs with leading zeros
        header = pydicom.dcmread(image.path, stop_before_pixels=True, specific_tags=["SeriesDescription"])
    return str(header.get("SeriesDescription") or "")


def _is_cine(images: Sequence[Found]) -> bool:
    """Whether a series looks like a stack of parallel slices over time."""
    places: dict[tuple[float, ...], int] = defaultdict(int)
    for image in images:
        if image.record.position_mm is None or image.record.orientation is None:
            return False
        places[tuple(round(x, _DIGITS) for x in image.record.position_mm)] += 1
    orientations = {tuple(round(x, 2) for x in image.record.orientation or ()) for image in images}
    return len(orientations) == 1 and sum(count >= _FRAMES for count in places.values()) >= _PLACES


def _choose(series: dict[str, list[Found]], pattern: str) -> tuple[str | None, str]:
    """The series to take and why the others are not; None where it cannot be told."""
    if pattern:
        fitting = [uid for uid, images in series.items() if re.search(pattern, _description(images[0]), re.IGNORECASE)]
        words = f"whose description fits source.series {pattern!r}"
    elif len(series) == 1:
        return next(iter(series)), ""
    else:
        fitting = [uid for uid, images in series.items() if _is_cine(images)]
        words = "that is a short-axis cine (parallel slices over time)"
    if len(fitting) == 1:
        return fitting[0], f"not the series {words}"
    return None, f"{len(fitting) or 'none'} of {len(series)} series {words}; choose one with source.series"


def _number(images: Sequence[Found]) -> tuple[dict[str, Found], list[Aside]]:
    """Images of one series under their numbers; of equal ones the first, of different ones with one number none."""
    by_number: dict[int, list[Found]] = defaultdict(list)
    for image in images:
        by_number[image.record.instance_number or 0].append(image)
    placed: dict[str, Found] = {}
    asides: list[Aside] = []
    for number, equal in sorted(by_number.items()):
        first, *others = sorted(equal, key=lambda image: image.what)
        if any(other.record.sha256 != first.record.sha256 for other in others):
            reason = f"{len(equal)} different images have InstanceNumber {number}"
            asides += [image.aside(reason) for image in equal]
            continue
        placed[f"{number}.dcm"] = first
        asides += [other.aside(f"a copy of {first.what}") for other in others]
    return placed, asides


def sort_patient(images: Sequence[Found], pattern: str = "") -> Sorted:
    """Sort one patient's images.

    Parameters
    ----------
    images : all that the source has of the patient
    pattern : regular expression that the description of the series to take must hold; "": the only series, or the
        only one that is a stack of slices over time
    """
    asides: list[Aside] = []
    series: dict[str, list[Found]] = defaultdict(list)
    for image in images:
        reason = _unusable(image.record)
        if reason:
            asides.append(image.aside(reason))
        else:
            series[image.record.series_uid].append(image)
    if not series:
        return Sorted({}, tuple(asides))
    chosen, why = _choose(series, pattern)
    for uid, others in series.items():
        if uid != chosen:
            asides += [image.aside(why) for image in others]
    placed: dict[str, Found] = {}
    if chosen is not None:
        placed, equal = _number(series[chosen])
        asides += equal
    return Sorted(placed, tuple(asides))
