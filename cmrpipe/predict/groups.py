"""A folder's images in groups that could each be one stack: one orientation, one pixel spacing, one kind of series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cmrpipe.frames import grouped
from cmrpipe.model import ImageRecord
from cmrpipe.slices import SAME_NORMAL_COSINE, SAME_SLICE_MM, along, normal

SAME_SPACING = 1e-3
"""Relative difference up to which two pixel spacings are one."""

LIKE = 2.0
"""Series of one kind have at most this many times as many images a slice as one another."""


def places(records: Sequence[ImageRecord], axis: tuple[float, float, float] | None) -> list[float]:
    """Positions along an axis in mm, of the images that have one; none without an axis."""
    return [] if axis is None else along(records, axis)


def positions(records: Sequence[ImageRecord]) -> int:
    """Number of slice positions; 0 without geometry."""
    axis = next((own for record in records if (own := normal(record)) is not None), None)
    return len(set(grouped(places(records, axis), SAME_SLICE_MM)))


def depth(records: Sequence[ImageRecord]) -> float:
    """Images a slice position."""
    return len(records) / max(1, positions(records))


def parallel(a: ImageRecord, b: ImageRecord) -> bool:
    """Whether two images lie in parallel planes; two without orientation count as such."""
    one, other = normal(a), normal(b)
    if one is None or other is None:
        return one is other
    return abs(float(np.dot(one, other))) >= SAME_NORMAL_COSINE


def same_turn(a: ImageRecord, b: ImageRecord) -> bool:
    """Whether rows and columns of two images run in the same directions, or neither says where."""
    if not parallel(a, b):
        return False
    if a.orientation is None or b.orientation is None or normal(a) is None:
        return True
    return all(
        float(np.dot(a.orientation[part], b.orientation[part])) >= SAME_NORMAL_COSINE
        for part in (slice(0, 3), slice(3, 6))
    )


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
        best = max(kinds, key=lambda kind: (is_cine(kind), positions(kind), len(kind)))
        yield best
        for uid in {record.series_uid for record in best}:
            del left[uid]


def is_cine(records: Sequence[ImageRecord]) -> bool:
    """Whether there are several images a slice."""
    return depth(records) >= 2


def slice_places(records: Sequence[ImageRecord], axis: tuple[float, float, float]) -> list[tuple[float, int]]:
    """Slice positions along an axis in mm, ascending, each with its number of images."""
    along = places(records, axis)
    found: dict[int, list[float]] = {}
    for place, group in zip(along, grouped(along, SAME_SLICE_MM), strict=True):
        found.setdefault(group, []).append(place)
    return [(float(np.median(members)), len(members)) for _, members in sorted(found.items())]
