"""Sorting a patient's images into the layout by their headers, whatever their files are called.

The images of one series go to `<InstanceNumber>.dcm`; so do those of series that make up one stack, unless their
numbers begin anew: then they are numbered by place. What is no MR image, belongs to another series, or cannot be told
from another image is put aside with the reason; nothing is dropped in silence, and nothing is guessed.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pydicom

from cmrpipe.connect.stacking import Stack, find_stacks, numbers_by_place
from cmrpipe.groups import FEWEST_SLICES, positions
from cmrpipe.identifiers import without_scattered
from cmrpipe.imagetype import other_part
from cmrpipe.kinds import no_cine
from cmrpipe.model import ImageRecord
from cmrpipe.readers.archives import SUFFIX
from cmrpipe.readers.asides import Aside
from cmrpipe.readers.layouts import LONGEST_NAME
from cmrpipe.readers.mends import NO_IMAGE, NO_MARK, in_full
from cmrpipe.readers.strays import is_stray

_FRAMES = 2
"""A short-axis cine has at least so many images at `FEWEST_SLICES` slice positions."""
_DIGITS = 1
"""Decimals to which positions are compared, mm."""
_NO_NAME = re.compile(r"^\.|[/\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What leads elsewhere, and what shows as something else, or nothing, on a screen."""
_SHOWN = 40
"""Characters of a description that a reason repeats."""


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
    odd = _NO_NAME.search(patient_id) or len(patient_id.encode()) > LONGEST_NAME
    if odd or is_stray(patient_id) or patient_id.endswith(SUFFIX):  # such a folder would be passed over, or mistaken
        return f"PatientID {patient_id[:40]!r} cannot name a folder"
    return ""


def error_told(record: ImageRecord) -> str:
    """Why a file is no usable image; with what to do about it, unless it is none of an image at all."""
    return record.error if record.error.startswith((NO_MARK, NO_IMAGE)) else in_full(record.error)


def _unusable(record: ImageRecord) -> str:
    if record.error:
        return error_told(record)
    if record.modality != "MR":
        return f"modality {record.modality or 'not given'}, not MR"
    if record.instance_number is None or record.instance_number < 0:
        return "no InstanceNumber in the header"
    return ""


def _magnitude(images: Sequence[Found]) -> tuple[list[Found], list[Aside]]:
    """Of one series, the images and, apart, those of the phase and the like; a series of these alone is left so."""
    parts = [(image, other_part(image.record)) for image in images]
    if all(part for _, part in parts):
        return list(images), []
    beside = [
        image.aside(f"{part} beside the magnitude images of its series, by its ImageType")
        for image, part in parts
        if part
    ]
    return [image for image, part in parts if not part], beside


def _moving(images: Sequence[Found]) -> tuple[list[Found], list[Aside]]:
    """The images and, apart, those of series that are no cine, where there is a stack without them."""
    still = {record.sha256: why for record, why in no_cine([image.record for image in images])}
    rest = [image for image in images if image.record.sha256 not in still]
    if not still or not find_stacks(_once(rest), named=False):
        return list(images), []
    return rest, [image.aside(still[image.record.sha256]) for image in images if image.record.sha256 in still]


def _description(image: Found) -> str:
    """SeriesDescription; "" of a file that went meanwhile, which is seen when the source is looked at again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # UIDs with leading zeros
        try:
            header = pydicom.dcmread(image.path, stop_before_pixels=True, specific_tags=["SeriesDescription"])
        except FileNotFoundError:
            return ""
    return str(header.get("SeriesDescription") or "")


def _is_cine(images: Sequence[Found]) -> bool:
    """Whether a series looks like a stack of parallel slices over time."""
    places: dict[tuple[float, ...], int] = defaultdict(int)
    for image in images:
        if image.record.position_mm is None or image.record.orientation is None:
            return False
        places[tuple(round(x, _DIGITS) for x in image.record.position_mm)] += 1
    orientations = {tuple(round(x, 2) for x in image.record.orientation or ()) for image in images}
    return len(orientations) == 1 and sum(count >= _FRAMES for count in places.values()) >= FEWEST_SLICES


@dataclass(frozen=True, slots=True)
class _Choice:
    """UIDs of the series to take, none where it cannot be told, and why the others are not.

    Attributes
    ----------
    why : of all but those in `special`
    """

    taken: frozenset[str]
    why: str
    special: Mapping[str, str] = field(default_factory=dict)


def _choose(series: Mapping[str, Sequence[Found]], pattern: str) -> _Choice:
    """The series to take: the one that fits, else those that fit and are one stack together."""
    if pattern:
        fitting = [uid for uid, images in series.items() if re.search(pattern, _description(images[0]), re.IGNORECASE)]
        words = f"whose description fits source.series {pattern!r}"
    elif len(series) == 1:
        return _Choice(frozenset(series), "")
    else:
        fitting = [uid for uid, images in series.items() if _is_cine(images)]
        words = "that is a short-axis cine (parallel slices over time)"
    among = fitting if pattern else list(series)
    stacks = find_stacks(_once(image for uid in among for image in series[uid]), named=bool(pattern))
    if len(fitting) == 1 and (pattern or _holds(fitting[0], series[fitting[0]], stacks)):
        return _Choice(frozenset(fitting), f"not the series {words}")
    if not stacks:
        why = f"{len(fitting) or 'none'} of {len(series)} series {words}"
        return _Choice(frozenset(), f"{why}; choose one with source.series")
    if len(stacks) > 1:
        parts = sum(len(stack.taken | stack.again) for stack in stacks)
        why = f"{len(stacks)} stacks of parallel slices in {parts} of {len(series)} series"
        return _Choice(frozenset(), f"{why}; {_which(stacks, series)}")
    (stack,) = stacks
    why = f"not of the {len(stack.taken)} series that make up the short-axis stack"
    again = "its slice is in the stack already, from another series (acquired again)"
    special = {uid: f"not a series {words}" for uid in series if uid not in among} if pattern else {}
    return _Choice(stack.taken, why, special | dict.fromkeys(stack.again, again))


def _holds(uid: str, images: Sequence[Found], stacks: Sequence[Stack]) -> bool:
    """Whether a series that fits alone is the stack: more than half of its own, and with more slices than any other."""
    if stacks and not any(uid in stack.taken for stack in stacks):
        return False  # it has several images a slice, and another stack so many more that this is late enhancement
    places = positions([image.record for image in images])
    return all(stack.places < 2 * places if uid in stack.taken else stack.places < places for stack in stacks)


def _which(stacks: Iterable[Stack], series: Mapping[str, Sequence[Found]]) -> str:
    """What there is to choose from."""
    names = [{_description(series[uid][0])[:_SHOWN] for uid in stack.taken} for stack in stacks]
    several = sorted(set().union(*names))
    if sum(map(len, names)) > len(several):
        return f"their descriptions do not tell them apart ({', '.join(map(repr, several))})"
    return f"choose one with source.series ({', '.join(map(repr, several))})"


def _number(images: Sequence[Found]) -> tuple[dict[str, Found], list[Aside]]:
    """Images under their names; of equal ones the first, of different ones with one number none.

    The number is InstanceNumber, unless the numbers begin anew from slice to slice: in series that have some in common,
    or in one of which they tell fewer than half of the images apart.
    """
    own = [image.record.instance_number or 0 for image in images]
    placed, asides = _named(images, own, "have InstanceNumber")
    by_series: dict[str, set[int]] = defaultdict(set)
    for image, number in zip(images, own, strict=True):
        by_series[image.record.series_uid].add(number)
    once = _once(images)
    anew = sum(map(len, by_series.values())) > len(set(own)) or 2 * len(placed) < len(once)
    by_place = numbers_by_place(once) if anew else None
    if by_place is None:
        return placed, asides
    numbers = dict(zip((record.sha256 for record in once), by_place, strict=True))
    return _named(images, [numbers[image.record.sha256] for image in images], "are, by place and time, number")


def _once(images: Iterable[Found]) -> list[ImageRecord]:
    """Without copies."""
    return list({image.record.sha256: image.record for image in images}.values())


def _named(images: Sequence[Found], numbers: Sequence[int], words: str) -> tuple[dict[str, Found], list[Aside]]:
    by_number: dict[int, list[Found]] = defaultdict(list)
    for image, number in zip(images, numbers, strict=True):
        by_number[number].append(image)
    placed: dict[str, Found] = {}
    asides: list[Aside] = []
    for number, equal in sorted(by_number.items()):
        first, *others = sorted(equal, key=lambda image: image.what)
        if any(other.record.sha256 != first.record.sha256 for other in others):
            reason = f"{len(equal)} different images {words} {number}"
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
        only one that is a stack of slices over time. Where not just one fits, series that are one stack together
    """
    asides: list[Aside] = []
    series: dict[str, list[Found]] = defaultdict(list)
    usable: list[Found] = []
    records = without_scattered([image.record for image in images])
    for image in [replace(image, record=record) for image, record in zip(images, records, strict=True)]:
        reason = _unusable(image.record)
        if reason:
            asides.append(image.aside(reason))
        else:
            usable.append(image)
    moving, still = (usable, []) if pattern else _moving(usable)
    asides += still
    for image in moving:
        series[image.record.series_uid].append(image)
    for uid, members in series.items():
        series[uid], beside = _magnitude(members)
        asides += beside
    if not series:
        return Sorted({}, tuple(asides))
    choice = _choose(series, pattern)
    for uid, others in series.items():
        if uid not in choice.taken:
            asides += [image.aside(choice.special.get(uid, choice.why)) for image in others]
    placed, equal = _number([image for uid in sorted(choice.taken) for image in series[uid]])
    return Sorted(placed, (*asides, *equal))
