"""Where each image stands in a patient's slice × frame grid, and how far apart the slices are.

Slices are ordered along the slice normal by ImagePositionPatient, frames by TriggerTime. Positions alone do not say
which end comes first, so slice 0 is the end that the file numbers begin with: where the scanner wrote slice by slice,
slice and frame then equal (number - 1) // frames and (number - 1) % frames + 1. Images without position get just these,
or slices where trigger times begin anew, if their numbers cannot be such; where several images after one another share
each trigger time, these are the slices of a frame.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from cmrpipe.frames import assign_frames, frames_by_time, grouped, number_of, slices_by_time
from cmrpipe.identifiers import series_keys
from cmrpipe.model import ImageRecord

SAME_SLICE_MM = 0.5
"""Positions along the normal that differ by less belong to one slice."""

SAME_NORMAL_COSINE = 0.999
"""Slice normals with at least this cosine between them are parallel (2.6 degrees)."""

UNEVEN = 0.1
"""Relative deviation of a slice gap from the median above which slices are missing, or lie anyhow.

The one limit: validation tells such a gap (`slice-gap-irregular`), and clinical values, evaluation and prediction give
no volume across it. It is no parameter, since stages with sections of their own must agree about it.
"""

POSITION, ASSUMED, NUMBER = "position", "assumed", "number"
"""Values of `ImageRecord.grid_source`."""

Places = dict[str, tuple[int, int, str]]
"""Slice, frame and `grid_source` by path."""


def normal(record: ImageRecord) -> tuple[float, float, float] | None:
    """Unit vector of the slice normal (LPS): row direction × column direction; None without a usable orientation."""
    return None if record.orientation is None else normal_of(record.orientation)


@lru_cache(maxsize=1024)  # all images of a stack share one
def normal_of(orientation: tuple[float, ...]) -> tuple[float, float, float] | None:
    """The normal of an orientation (see `normal`), whose vectors a header may give with another length than 1."""
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
    length = math.sqrt(x * x + y * y + z * z)
    if not math.isfinite(length) or length < 0.5:  # not two directions at a right angle
        return None
    return x / length, y / length, z / length


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Inner product of three numbers each, by plain arithmetic: distances are stored.

    A BLAS rounds otherwise on another processor, and `sum` from Python 3.12 on.
    """
    (p, q, r), (x, y, z) = a, b
    return p * x + q * y + r * z


def same_axis(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two unit vectors are parallel, either way round."""
    return abs(dot(one, other)) >= SAME_NORMAL_COSINE


def _order(record: ImageRecord) -> tuple[float, float, str]:
    """Scanner order: by file number, then instance number, then path; what is unknown comes last."""
    number = np.inf if record.file_number is None else record.file_number
    instance = np.inf if record.instance_number is None else record.instance_number
    return number, instance, record.path


def main_series(records: Iterable[ImageRecord], apart_mm: float = SAME_SLICE_MM) -> frozenset[str]:
    """UIDs of the series that make up the short-axis stack.

    The series with the most images is the stack (the lowest series number, then UID, among equals). Another series
    joins when its slices are parallel and none lies where the stack already has one: scanners may write each slice as
    a series of its own. A series without geometry does not join. Images each of which has a UID of its own are one
    series (see `cmrpipe.identifiers`).

    Parameters
    ----------
    apart_mm : distance from the stack's slices, along the normal, from which on a series' slices are others
    """
    usable = [record for record in records if not record.error]
    series: dict[str, list[ImageRecord]] = {}
    for record, key in zip(usable, series_keys(usable), strict=True):
        series.setdefault(key, []).append(record)

    def rank(uid: str) -> tuple[int, float, str]:
        numbers = [r.series_number for r in series[uid] if r.series_number is not None]
        return -len(series[uid]), min(numbers, default=np.inf), uid

    ranked = sorted(series, key=rank)
    if not ranked:
        return frozenset()
    chosen = {ranked[0]}
    axis = _common_normal(series[ranked[0]])
    if axis is not None:
        taken = along(series[ranked[0]], axis)
        for uid in ranked[1:]:
            own, places = _common_normal(series[uid]), along(series[uid], axis)
            parallel = own is not None and same_axis(own, axis)
            if parallel and places and all(abs(a - b) >= apart_mm for a in places for b in taken):
                chosen.add(uid)
                taken += places
    return frozenset(record.series_uid for uid in chosen for record in series[uid])


def _common_normal(records: Sequence[ImageRecord]) -> tuple[float, float, float] | None:
    """The most frequent slice normal, the first one among equals."""
    counts: dict[tuple[float, float, float], int] = {}
    for record in records:
        own = normal(record)
        if own is not None:
            counts[own] = counts.get(own, 0) + 1
    return max(counts, key=lambda key: counts[key]) if counts else None


def along(records: Iterable[ImageRecord], axis: tuple[float, float, float]) -> list[float]:
    """Positions along an axis (a unit vector, LPS) in mm, of the records that have one."""
    return [dot(r.position_mm, axis) for r in records if r.position_mm is not None]


def by_place(records: Iterable[ImageRecord], axis: tuple[float, float, float]) -> list[list[ImageRecord]]:
    """Images that have a position, a list per slice, ascending along an axis; in each slice in the order given."""
    placed = [record for record in records if record.position_mm is not None]
    slices: dict[int, list[ImageRecord]] = {}
    for record, group in zip(placed, grouped(along(placed, axis), SAME_SLICE_MM), strict=True):
        slices.setdefault(group, []).append(record)
    return [slices[group] for group in sorted(slices)]


def _stack(records: Iterable[ImageRecord]) -> list[list[ImageRecord]]:
    """Readable images of the stack with a position, a list per slice, slice 0 first, each in scanner order."""
    placed = sorted((r for r in records if r.position_mm is not None), key=_order)
    axis = _common_normal(placed)
    if axis is None or not any(any(r.position_mm or ()) for r in placed):  # (0, 0, 0) in all of them is a filler
        return []
    ordered = by_place(placed, axis)
    numbers = [(rank, number) for rank, members in enumerate(ordered) for r in members if (number := number_of(r))]
    if not numbers:
        return ordered
    rank, number = np.asarray(numbers, dtype=np.float64).T
    against = float(np.sum((rank - rank.mean()) * (number - number.mean()))) < 0
    return ordered[::-1] if against else ordered


def arrange(records: Sequence[ImageRecord], frames_per_slice: int) -> list[ImageRecord]:
    """Give a patient's images their place: `slice_index` (from 0), `frame` (from 1) and `grid_source`.

    Slices are numbered without gaps: a slice that is missing as a whole shows as a wide gap, see `measure_gap`. Within
    a slice, frames follow the trigger time; a missing frame leaves its number free, and images of the same time share
    one. Where trigger times are missing, the scanner's order is that of the frames.

    Parameters
    ----------
    records : all images of one patient, in any order
    frames_per_slice : frames a slice, where neither the header (Cardiac Number of Images) nor the images say

    Returns
    -------
    The records in the order given. Unreadable ones and those of another series (see `main_series`) come back unchanged.
    """
    series = main_series(records)
    usable = [r for r in records if not r.error and r.series_uid in series]
    slices = _stack(usable)
    place = _by_position(slices, usable, frames_per_slice) if slices else _by_number(usable, frames_per_slice)
    return [_placed(record, place.get(record.path)) for record in records]


def _by_position(slices: Sequence[Sequence[ImageRecord]], usable: Sequence[ImageRecord], default: int) -> Places:
    """Places of a stack's images; one without position joins those with the numbers around its own."""
    found = assign_frames(slices, default)
    source = ASSUMED if found.assumed else POSITION
    place: Places = {}
    blocks: dict[int, Counter[int]] = {}
    for index, frames in enumerate(found.frames):
        for record, frame in zip(slices[index], frames, strict=True):
            place[record.path] = (index, frame, source)
            number = number_of(record)
            if number is not None:
                blocks.setdefault((number - 1) // found.count, Counter())[index] += 1
    for record in usable:
        number = number_of(record)
        if record.path not in place and number is not None:
            block, frame = divmod(number - 1, found.count)
            index = blocks[block].most_common(1)[0][0] if block in blocks else block
            place[record.path] = (index, frame + 1, NUMBER)
    return place


def _by_number(usable: Sequence[ImageRecord], default: int) -> Places:
    """Places of images without positions: slices by number, or where trigger times begin anew or stand still."""
    numbered = sorted((r for r in usable if number_of(r) is not None), key=_order)
    slices = slices_by_time(numbered)
    found = assign_frames(slices, default) if slices else None
    if found is not None and not found.numbered:
        return {
            record.path: (index, frame, NUMBER)
            for index, frames in enumerate(found.frames)
            for record, frame in zip(slices[index], frames, strict=True)
        }
    place: Places = {}
    by_time = frames_by_time(numbered)
    for frame, members in enumerate(by_time, 1):
        place |= {record.path: (index, frame, NUMBER) for index, record in enumerate(members)}
    for record in () if by_time else numbered:
        count = found.count if found is not None else record.frames_per_slice or default
        block, frame = divmod((number_of(record) or 1) - 1, count)
        place[record.path] = (block, frame + 1, NUMBER)
    return place


def _placed(record: ImageRecord, place: tuple[int, int, str] | None) -> ImageRecord:
    if place is None:
        return record
    return replace(record, slice_index=place[0], frame=place[1], grid_source=place[2])


@dataclass(frozen=True, slots=True)
class SliceGap:
    """Distance between neighbouring slices, measured from their positions along the normal.

    Attributes
    ----------
    gap_mm : median distance
    irregularity_mm : largest deviation of a distance from it
    widest_after : slice_index after which the distance deviates most
    uneven_after : slice_index of each slice after which the distance deviates by more than `UNEVEN` allows
    slices : number of slices
    """

    gap_mm: float
    irregularity_mm: float
    widest_after: int
    uneven_after: tuple[int, ...]
    slices: int


def even(step_mm: float, gap_mm: float) -> bool:
    """Whether two neighbouring slices lie as far apart as the others of their stack do."""
    return abs(step_mm - gap_mm) <= UNEVEN * gap_mm


def measure_gap(records: Iterable[ImageRecord]) -> SliceGap | None:
    """Slice gap of a patient's stack; None with fewer than two slices of known position."""
    usable = [r for r in records if not r.error]
    series = main_series(usable)
    slices = _stack(r for r in usable if r.series_uid in series)
    if len(slices) < 2:
        return None
    axis = _common_normal([record for members in slices for record in members])
    if axis is None:
        return None
    gaps = np.abs(np.diff([float(np.median(along(members, axis))) for members in slices]))
    middle = float(np.median(gaps))
    deviation = np.abs(gaps - middle)
    uneven = tuple(index for index, step in enumerate(gaps.tolist()) if not even(step, middle))
    return SliceGap(middle, float(deviation.max()), int(deviation.argmax()), uneven, len(slices))


def slice_gap_mm(records: Iterable[ImageRecord]) -> float | None:
    """Median distance between neighbouring slices in mm; None where it cannot be measured."""
    gap = measure_gap(records)
    return None if gap is None else gap.gap_mm


def uneven_text(places_mm: Mapping[int, float], gap_mm: float) -> str:
    """Why some slices cannot be summed up, in words: the two neighbours farthest off the gap; "" where all are even.

    Parameters
    ----------
    places_mm : position along the normal by slice_index; slices of unknown position are absent
    gap_mm : distance between neighbouring slices of the stack
    """
    ordered = sorted(places_mm)
    steps = {(a, b): abs(places_mm[b] - places_mm[a]) for a, b in pairwise(ordered) if b == a + 1}
    if not steps:
        return ""
    (a, b), step = max(steps.items(), key=lambda item: abs(item[1] - gap_mm))
    if even(step, gap_mm):
        return ""
    return f"slices {a}, {b} lie {step:.1f} mm apart, where the stack's lie {gap_mm:.1f} mm"
