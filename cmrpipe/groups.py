"""A folder's images in groups that could each be one stack: one orientation, one pixel spacing, one kind of series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from cmrpipe.frames import grouped
from cmrpipe.model import ImageRecord
from cmrpipe.slices import SAME_NORMAL_COSINE, SAME_SLICE_MM, along, by_place, dot, normal, same_axis

SAME_SPACING = 1e-3
"""Relative difference up to which two pixel spacings are one."""

LIKE = 2.0
"""Series of one kind have at most this many times as many images a slice as one another."""

USUAL_FRAMES = 20.0
"""Images a slice that no cine needs to have more of, whatever else has."""

FEWEST_SLICES = 3
"""Slice positions below which a short-axis stack cannot be told from a single long-axis slice."""

FEWEST_FRAMES = 8.0
"""Images a slice below which a group is no cine where another has as many."""

FULL = 0.9
"""Share of the images of the deepest group's slices that a slice of full depth has."""


def places(records: Sequence[ImageRecord], axis: tuple[float, float, float] | None) -> list[float]:
    """Positions along an axis in mm, of the images that have one; none without an axis."""
    return [] if axis is None else along(records, axis)


def axis_of(records: Iterable[ImageRecord]) -> tuple[float, float, float] | None:
    """The first normal that an image has."""
    return next((own for record in records if (own := normal(record)) is not None), None)


def positions(records: Sequence[ImageRecord]) -> int:
    """Number of slice positions; 0 without geometry."""
    return len(set(grouped(places(records, axis_of(records)), SAME_SLICE_MM)))


def depth(records: Sequence[ImageRecord]) -> float:
    """Images a slice position."""
    return len(records) / max(1, positions(records))


def parallel(a: ImageRecord, b: ImageRecord) -> bool:
    """Whether two images lie in parallel planes; two without orientation count as such."""
    one, other = normal(a), normal(b)
    if one is None or other is None:
        return one is other
    return same_axis(one, other)


def same_turn(a: ImageRecord, b: ImageRecord) -> bool:
    """Whether rows and columns of two images run in the same directions, or neither says where."""
    if not parallel(a, b):
        return False
    if a.orientation is None or b.orientation is None or normal(a) is None:
        return True
    return all(dot(a.orientation[k : k + 3], b.orientation[k : k + 3]) >= SAME_NORMAL_COSINE for k in (0, 3))


def same_spacing(a: ImageRecord, b: ImageRecord) -> bool:
    """Whether pixels of two images are equally large, or neither says how large."""
    if a.pixel_spacing_mm is None or b.pixel_spacing_mm is None:
        return a.pixel_spacing_mm is b.pixel_spacing_mm
    return np.allclose(a.pixel_spacing_mm, b.pixel_spacing_mm, rtol=SAME_SPACING, atol=0)


def groups(records: Sequence[ImageRecord]) -> list[list[ImageRecord]]:
    """Images by orientation, turn in the plane included, by pixel spacing, and by kind of series."""
    grids: list[list[ImageRecord]] = []
    for record in records:
        for members in grids:
            if same_turn(members[0], record) and same_spacing(members[0], record):
                members.append(record)
                break
        else:
            grids.append([record])
    return [kind for members in grids for kind in _kinds(members)]


def _kinds(records: Sequence[ImageRecord]) -> Iterator[list[ImageRecord]]:
    """Series with about as many images a slice as one another; a cine before single images, then by slice positions."""
    if positions(records) == 0:
        yield list(records)
        return
    left: dict[str, list[ImageRecord]] = {}
    for record in records:
        left.setdefault(record.series_uid, []).append(record)
    while left:
        depths = {uid: depth(members) for uid, members in left.items()}
        kinds = [
            [r for uid, members in left.items() if middle / LIKE < depths[uid] < middle * LIKE for r in members]
            for middle in sorted(set(depths.values()))
        ]
        deepest = max(depths.values())
        best = max(kinds, key=lambda kind: (is_cine(kind, deepest), positions(kind), len(kind)))
        yield best
        for uid in {record.series_uid for record in best}:
            del left[uid]


def is_cine(records: Sequence[ImageRecord], deepest: float) -> bool:
    """Whether there are two images a slice at least, and half of what there are where most are.

    Late enhancement has two images a slice, a map three to eight; beside a cine that is not one.

    Parameters
    ----------
    deepest : images a slice of the group that has most
    """
    own, usual = depth(records), min(deepest, USUAL_FRAMES)
    return own >= max(2.0, usual / LIKE, FEWEST_FRAMES if usual >= FEWEST_FRAMES else 0.0)


def full_slices(records: Sequence[ImageRecord], deepest: float) -> int:
    """Slice positions with about as many images as a cine has, where the deepest group has so many a slice."""
    axis, usual = axis_of(records), min(deepest, USUAL_FRAMES)
    return 0 if axis is None else sum(count >= FULL * usual for _, count in slice_places(records, axis))


def without_shallow(records: Sequence[ImageRecord], fewest: int) -> list[ImageRecord]:
    """A group without series of less than full depth where others of it, of enough slices together, have theirs.

    Parameters
    ----------
    fewest : slice positions that those others need to have
    """
    series: dict[str, list[ImageRecord]] = {}
    for record in records:
        series.setdefault(record.series_uid, []).append(record)
    depths = {uid: depth(members) for uid, members in series.items()}
    usual = FULL * min(max(depths.values()), USUAL_FRAMES)
    deep = [record for record in records if depths[record.series_uid] >= usual]
    if positions(deep) < fewest:
        return list(records)
    axis = axis_of(deep)
    taken = places(deep, axis)
    beside = {
        uid
        for uid, members in series.items()
        if depths[uid] < usual and any(abs(a - b) <= SAME_SLICE_MM for a in places(members, axis) for b in set(taken))
    }
    return [record for record in records if record.series_uid not in beside]


def slice_places(records: Sequence[ImageRecord], axis: tuple[float, float, float]) -> list[tuple[float, int]]:
    """Slice positions along an axis in mm, ascending, each with its number of images."""
    return [(float(np.median(along(members, axis))), len(members)) for members in by_place(records, axis)]
