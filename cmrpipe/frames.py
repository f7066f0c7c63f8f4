"""Which cardiac frame each image of a slice is, by trigger time, with the numbers of missing frames left free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cmrpipe.model import ImageRecord

SAME_TIME_MS = 0.5
"""Trigger times that follow one another within this belong to one frame."""

LEAST_SPREAD_MS = 20.0
"""Where no slice's trigger times spread over more, they are fillers, or seconds: a heartbeat lasts 300 ms and more."""

LONGEST_BEAT_MS = 3000.0
"""Time over which the images of one slice of a cine spread at most: a heart that beats 20 times a minute."""

MOST_FRAMES = 100
"""Frames a slice up to which numbers are tried for a count that no header says: cines have 20 to 50."""

TOGETHER_APART = 0.125, 0.5
"""Trigger times of slices, in steps of the shortest from frame to frame, up to which they are of one frame, and from
which they are of two; where some lie between, slices do not share times."""

Slices = Sequence[Sequence[ImageRecord]]


def number_of(record: ImageRecord) -> int | None:
    """The image's number in scanner order: that of its file, else its instance number; None without either."""
    number = record.file_number if record.file_number is not None else record.instance_number
    return number if number is not None and number >= 1 else None


def grouped(values: Sequence[float], step: float) -> list[int]:
    """Ascending group number of each value, from 0; a value more than `step` above the one below starts a group."""
    array = np.asarray(values, dtype=np.float64)
    order = np.argsort(array)
    group = np.zeros(len(array), dtype=np.intp)
    group[order[1:]] = np.cumsum(np.diff(array[order]) > step)
    return group.tolist()


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a stack's images.

    Attributes
    ----------
    frames : frame number, from 1, of every image of every slice
    count : frames a slice
    numbered : the numbers of images run through the slices, or through each anew, with so many a slice
    assumed : no slice bears out a header's count, or frames could not be told by it
    """

    frames: list[list[int]]
    count: int
    numbered: bool
    assumed: bool


def assign_frames(slices: Slices, default: int) -> Frames:
    """Frame number of every image.

    A slice with all its frames is numbered in the order of trigger times. In one with fewer, the order alone would
    close the holes, so the number in the scanner's order decides, (number - 1) % frames + 1, provided that it can: each
    slice lies in one block of so many numbers, no two in the same (or all in the first, where each slice is numbered
    anew), and the order is that of the trigger times; else these, counted in frame intervals.

    The header says how many frames a slice has, and a whole slice bears it out. Where none does, or numbers and times
    do not tell a frame, frames are assumed: by the first count by which the numbers can decide, of the most that a
    slice has, the header's (without one, `default`), and all above; else by trigger times that slices share; else as
    before; else, in a slice whose times tell nothing, by the order.

    Parameters
    ----------
    slices : the images of each slice, in scanner order (which is the order of frames where trigger times are missing)
    default : frames a slice, tried where the header does not say
    """
    slices = _without_fillers(slices)
    ranks = [_ranks(members) for members in slices]
    shared = _shared(slices, ranks)
    said = _said(slices, ranks)
    most = max((max(rank) for rank in ranks), default=default)
    if any(max(rank) >= count for rank, count in zip(ranks, said, strict=bool(said))):
        by_number = _by_number(slices, ranks, shared, max(said))
        frames = _counted(slices, ranks, said, by_number)
        if None not in frames:
            return Frames(_filled(frames, ranks), max(said), by_number is not None, assumed=False)
    named = max(said, default=default)
    # One image a slice bears out any count.
    for count in [most, named, *range(most + 1, MOST_FRAMES + 1)] if most > 1 else [named]:
        if by_number := _by_number(slices, ranks, shared, count):
            return Frames(by_number, count, numbered=True, assumed=True)
    if shared:
        return Frames(shared, max(max(own) for own in shared), numbered=False, assumed=True)
    frames = _counted(slices, ranks, said, borrow=True) if said else [None]
    if None in frames:
        frames = _counted(slices, ranks, [most] * len(slices), borrow=True)
    return Frames(_filled(frames, ranks), most, numbered=False, assumed=True)


def slices_by_time(records: Sequence[ImageRecord]) -> list[list[ImageRecord]]:
    """Slices of images in scanner order, a new one where the trigger time falls back; none where it nowhere does."""
    times = _times(records)
    if not times or max(times) - min(times) <= LEAST_SPREAD_MS:
        return []
    back = (max(times) - min(times)) / 2
    cuts = [i + 1 for i, (before, after) in enumerate(pairwise(times)) if before - after > back]
    return [list(records[a:b]) for a, b in pairwise([0, *cuts, len(records)])] if cuts else []


def frames_by_time(records: Sequence[ImageRecord]) -> list[list[ImageRecord]]:
    """Frames of images in scanner order, each with its slices, where times show that they were written frame by frame.

    They rise with the numbers, within a heartbeat, and as many images have each; none where it is not so, or where that
    many are the frames that the headers name.
    """
    times = [record.trigger_time_ms for record in records]
    known = [time for time in times if time is not None]
    if len(known) < len(times) or known != sorted(known) or len({number_of(record) for record in records}) < len(times):
        return []
    if not known or not LEAST_SPREAD_MS < known[-1] - known[0] < LONGEST_BEAT_MS:
        return []
    frames: dict[int, list[ImageRecord]] = {}
    for record, frame in zip(records, grouped(known, SAME_TIME_MS), strict=True):
        frames.setdefault(frame, []).append(record)
    sizes = {len(members) for members in frames.values()}
    slices = sizes.pop()
    if sizes or slices == 1 or len(frames) == 1 or any(record.frames_per_slice == slices for record in records):
        return []
    return list(frames.values())


def frames_said(members: Sequence[ImageRecord]) -> int | None:
    """Frames that a slice has by its own headers; None where they do not say, or say fewer than there are."""
    said = max((record.frames_per_slice or 0 for record in members), default=0)
    return said if said > 1 and said >= len({record.frame for record in members}) else None


def _said(slices: Slices, ranks: Sequence[Sequence[int]]) -> list[int]:
    """Frames of each slice by its headers, or another slice's; none where they are fillers, fewer than there are."""
    said = [max((record.frames_per_slice or 0 for record in members), default=0) for members in slices]
    most = max(said, default=0)
    if most < 2 or most < np.median([max(rank) for rank in ranks]):
        return []
    return [own if own > 1 else most for own in said]


def _counted(
    slices: Slices,
    ranks: Sequence[list[int]],
    counts: Sequence[int],
    by_number: Sequence[list[int]] | None = None,
    *,
    borrow: bool = False,
) -> list[list[int] | None]:
    """Frames of each slice, which has so many: by rank in a whole one, else by number, or else by time."""
    whole = [max(rank) >= count for rank, count in zip(ranks, counts, strict=True)]
    rest = by_number or _by_time(slices, ranks, counts, whole, borrow=borrow)
    return [rank if own else other for own, rank, other in zip(whole, ranks, rest, strict=True)]


def _filled(frames: Sequence[list[int] | None], ranks: Sequence[list[int]]) -> list[list[int]]:
    return [rank if own is None else own for own, rank in zip(frames, ranks, strict=True)]


def _without_fillers(slices: Slices) -> Slices:
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


def _shared(slices: Slices, ranks: Sequence[Sequence[int]]) -> list[list[int]] | None:
    """Frames by trigger times that slices share; None where they do not.

    They do where times of one frame lie far closer together than those of two: whichever distance within
    `TOGETHER_APART` is taken for the border, the same are together. Where each slice has one image, no interval tells;
    times then count that most slices have in company.
    """
    times = [_times(members) for members in slices]
    flat = [time for own in times if own for time in own]
    if not flat or any(own is None for own in times):
        return None
    steps = np.concatenate([np.diff(np.unique(own)) for own in times if own])
    steps = steps[steps > SAME_TIME_MS]
    near, far = (part * float(min(steps, default=2 * LEAST_SPREAD_MS)) for part in TOGETHER_APART)
    groups = grouped(flat, far)
    if groups != grouped(flat, near if len(steps) else far) or (not len(steps) and 2 * max(groups) + 2 > len(flat)):
        return None
    group = iter(groups)
    frames = [[next(group) + 1 for _ in members] for members in slices]
    return frames if _in_order(frames, ranks) else None


def _by_number(
    slices: Slices, ranks: Sequence[Sequence[int]], shared: Sequence[Sequence[int]] | None, count: int
) -> list[list[int]] | None:
    """Frames by the numbers of images, with so many a slice; None where these cannot be."""
    numbers = [[number - 1 for record in members if (number := number_of(record))] for members in slices]
    if not slices or any(len(own) < len(members) for own, members in zip(numbers, slices, strict=True)):
        return None
    blocks = [min(own) // count for own in numbers]
    if any(max(own) // count != block for own, block in zip(numbers, blocks, strict=True)):
        return None
    anew = len(set().union(*numbers)) < sum(len(set(own)) for own in numbers)
    if len(set(blocks)) < len(blocks) and not (anew and set(blocks) == {0}):
        return None
    frames = [[number % count + 1 for number in own] for own in numbers]
    if not _in_order(frames, ranks):
        return None
    return None if shared and _against(frames, shared) else frames


def _against(frames: Sequence[Sequence[int]], shared: Sequence[Sequence[int]]) -> bool:
    """Whether an image of a later time, in another slice or the same, has no later frame."""
    pairs = sorted(zip((f for own in shared for f in own), (f for own in frames for f in own), strict=True))
    return any(a[0] < b[0] and a[1] >= b[1] for a, b in pairwise(pairs))


def _by_time(
    slices: Slices, ranks: Sequence[Sequence[int]], counts: Sequence[int], whole: Sequence[bool], *, borrow: bool
) -> list[list[int] | None]:
    """Frames of each slice by trigger time, in units of its own frame interval, or of others' where it may `borrow`.

    The first frame's time is that of whole slices; without one, it is taken to lie within the first interval after the
    trigger.
    """
    times = [_times(members) for members in slices]
    starts = [min(own) for own, is_whole in zip(times, whole, strict=True) if own and is_whole]
    intervals = [_interval(own, count) for own, count in zip(times, counts, strict=True)]
    known = [interval for interval in intervals if interval is not None]
    usual = float(np.median(known)) if known and borrow else None
    frames: list[list[int] | None] = []
    for own, rank, count, measured in zip(times, ranks, counts, intervals, strict=True):
        interval = measured or usual
        if own is None or interval is None:
            frames.append(None)
            continue
        first = float(np.median(starts)) if starts else min(own) % interval
        found = [round((time - first) / interval) + 1 for time in own]
        frames.append(found if max(found) <= count and _same_order(found, rank) else None)
    return frames


def _interval(times: Sequence[float] | None, count: int) -> float | None:
    """Time from frame to frame of a slice; None where so many frames are missing that most steps may be over holes."""
    steps = np.diff(np.unique(times if times is not None else []))
    steps = steps[steps > SAME_TIME_MS]
    return float(np.median(steps)) if len(steps) > (count - 1) * 2 / 3 else None


def _in_order(frames: Sequence[Sequence[int]], ranks: Sequence[Sequence[int]]) -> bool:
    return all(_same_order(own, rank) for own, rank in zip(frames, ranks, strict=True))


def _same_order(frames: Sequence[int], ranks: Sequence[int]) -> bool:
    """Whether frames are all from 1 up and rise exactly where the ranks do."""
    pairs = sorted(zip(ranks, frames, strict=True))
    rising = all((a[0] < b[0]) == (a[1] < b[1]) for a, b in pairwise(pairs))
    return rising and min(frames, default=1) >= 1
