"""Which cardiac frame each image of a slice is, by trigger time, with the numbers of missing frames left free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from cmrpipe.model import ImageRecord

SAME_TIME_MS = 0.5
"""Trigger times that follow one another within this belong to one frame."""

LEAST_SPREAD_MS = 20.0
"""Where no slice's trigger times spread over more, they are fillers, or seconds: a heartbeat lasts 300 ms and more."""


def frame_count(record: ImageRecord, default: int) -> int:
    """Frames a slice: the header's Cardiac Number of Images where it says, else `default`."""
    return record.frames_per_slice if record.frames_per_slice else default


def number_of(record: ImageRecord) -> int | None:
    """The image's number in scanner order: that of its file, else its instance number; None without either."""
    number = record.file_number if record.file_number is not None else record.instance_number
    return number if number is not None and number >= 1 else None


def grouped(values: Sequence[float], step: float) -> list[int]:
    """Ascending group number of each value, from 0; a value more than `step` above the one below starts a group."""
    array = np.asarray(values, dtype=np.float64)
    order = np.argsort(array, kind="stable")
    group = np.zeros(len(array), dtype=np.intp)
    group[order[1:]] = np.cumsum(np.diff(array[order]) > step)
    return group.tolist()


def assign_frames(slices: Sequence[Sequence[ImageRecord]], default: int) -> list[list[int]]:
    """Frame number, from 1, of every image of every slice.

    A slice with all its frames is numbered in the order of trigger times. In one with fewer, the order alone would
    close the holes, so the number in the scanner's order decides, (number - 1) % frames + 1, provided that it says the
    same as the trigger times in every complete slice; else the trigger times counted in frame intervals; else the
    order.

    Parameters
    ----------
    slices : the images of each slice, in scanner order (which is the order of frames where trigger times are missing)
    default : frames a slice, where the header does not say
    """
    slices = _without_fillers(slices)
    ranks = [_ranks(members) for members in slices]
    counts = [max((frame_count(record, default) for record in members), default=default) for members in slices]
    complete = [max(rank, default=0) >= count for rank, count in zip(ranks, counts, strict=True)]
    numbered = [_by_number(members, count) for members, count in zip(slices, counts, strict=True)]
    reliable = all(n == rank for n, rank, whole in zip(numbered, ranks, complete, strict=True) if whole)
    starts = [min(t) for members, whole in zip(slices, complete, strict=True) if whole and (t := _times(members))]
    start = float(np.median(starts)) if starts else None

    frames = []
    for members, rank, count, whole, by_number in zip(slices, ranks, counts, complete, numbered, strict=True):
        chosen = rank
        if not whole:
            by_time = _by_time(members, count, start)
            if reliable and by_number is not None and _same_order(by_number, rank):
                chosen = by_number
            elif by_time is not None and max(by_time) <= count and _same_order(by_time, rank):
                chosen = by_time
        frames.append(chosen)
    return frames


def _without_fillers(slices: Sequence[Sequence[ImageRecord]]) -> Sequence[Sequence[ImageRecord]]:
    """The slices, without trigger times where these tell nothing."""
    several = [times for members in slices if len(members) > 2 and (times := _times(members))]
    if not several or max(max(times) - min(times) for times in several) > LEAST_SPREAD_MS:
        return slices
    return [[replace(record, trigger_time_ms=None) for record in members] for members in slices]


def _times(members: Sequence[ImageRecord]) -> list[float] | None:
    times = [record.trigger_time_ms for record in members if record.trigger_time_ms is not None]
    return times if len(times) == len(members) else None


def _ranks(members: Sequence[ImageRecord]) -> list[int]:
    times = _times(members)
    if times is None:
        return list(range(1, len(members) + 1))
    return [group + 1 for group in grouped(times, SAME_TIME_MS)]


def _by_number(members: Sequence[ImageRecord], count: int) -> list[int] | None:
    numbers = [number_of(record) for record in members]
    known = [(number - 1) % count + 1 for number in numbers if number is not None]
    return known if len(known) == len(members) else None


def _by_time(members: Sequence[ImageRecord], count: int, start: float | None) -> list[int] | None:
    """Frames by trigger time in units of the slice's own frame interval; None where too few frames tell the interval.

    `start` is the first frame's time in complete slices; without one, the first frame is taken to lie within the first
    interval after the trigger.
    """
    times = _times(members)
    if times is None:
        return None
    distinct = np.unique(times)
    steps = np.diff(distinct)
    steps = steps[steps > SAME_TIME_MS]
    if len(steps) + 1 < count / 2:
        return None
    interval = float(np.median(steps))
    first = float(distinct[0] % interval) if start is None else start
    return [round((time - first) / interval) + 1 for time in times]


def _same_order(frames: Sequence[int], ranks: Sequence[int]) -> bool:
    """Whether frames are all from 1 up and rise exactly where the ranks do."""
    pairs = sorted(zip(ranks, frames, strict=True))
    rising = all((a[0] < b[0]) == (a[1] < b[1]) for a, b in pairwise(pairs))
    return rising and min(frames, default=1) >= 1
