"""Series that make up one stack of slices together, and numbers for images by the place that they have in it.

Many scanners write each slice of a short-axis cine as a series of its own, with InstanceNumbers that begin anew in
each.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from cmrpipe.groups import FEWEST_SLICES, depth, groups, is_cine, positions
from cmrpipe.model import ImageRecord
from cmrpipe.slices import NUMBER, SAME_SLICE_MM, arrange, main_series

_FEWEST_NAMED = 2
"""Slice positions that a stack of series needs that the user has named."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Series of one stack.

    Attributes
    ----------
    taken : UIDs of the series that make it up
    again : UIDs of the like series that lie where it has slices already
    places : its slice positions
    """

    taken: frozenset[str]
    again: frozenset[str]
    places: int


def find_stacks(records: Sequence[ImageRecord], *, named: bool) -> list[Stack]:
    """The stacks that series make up, alone or together.

    Series are of one stack when they are of one examination and `cmrpipe.groups.groups` puts them together (parallel,
    turned alike, with equal pixels and about as many images a slice), and `main_series` does, without overlap.

    Parameters
    ----------
    records : usable images of one patient, without copies
    named : the user named these series: where no stack of theirs is a cine, or has enough positions, any will do
    """
    of_series = Counter(record.series_uid for record in records)
    examinations: dict[tuple[str, str], list[ImageRecord]] = defaultdict(list)
    for record in sorted(records, key=_rank):
        examinations[record.study_uid, record.frame_of_reference_uid].append(record)
    alike = (group for members in examinations.values() for group in groups(members))
    found = [whole for group in alike if (whole := _whole(group, of_series))]
    series: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in (record for group in found for record in group):
        series[record.series_uid].append(record)
    deepest = max(map(depth, series.values()), default=0.0)
    stacks = list(_split([group for group in found if is_cine(group, deepest)], FEWEST_SLICES))
    return stacks if stacks or not named else list(_split(found, _FEWEST_NAMED))


def _whole(group: Sequence[ImageRecord], of_series: Counter[str]) -> list[ImageRecord]:
    """Images of the series that are in a group as a whole, each with a position."""
    counts = Counter(record.series_uid for record in group if record.position_mm is not None)
    return [record for record in group if counts[record.series_uid] == of_series[record.series_uid]]


def _split(found: Iterable[list[ImageRecord]], fewest: int) -> Iterator[Stack]:
    """The stack of each group, if it has so many positions; another for series that lie over it and are enough."""
    for group in found:
        left = group
        while positions(left) >= fewest:
            series = main_series(left, _apart_mm(left))
            taken = [record for record in left if record.series_uid in series]
            left = [record for record in left if record.series_uid not in series]
            again = left if positions(left) < FEWEST_SLICES else []
            if (places := positions(taken)) >= fewest:
                yield Stack(series, frozenset(record.series_uid for record in again), places)
            if again:
                break


def _apart_mm(group: Sequence[ImageRecord]) -> float:
    """Distance from which on slices of a group do not overlap, as far as headers tell."""
    sizes = [size for r in group for size in (r.slice_thickness_mm, r.spacing_between_slices_mm) if size and size > 0]
    return max(SAME_SLICE_MM, min(sizes, default=0.0) - SAME_SLICE_MM)


def _rank(record: ImageRecord) -> tuple[float, str, float, str]:
    number = math.inf if record.series_number is None else record.series_number
    return number, record.series_uid, record.instance_number or 0, record.path


def numbers_by_place(records: Sequence[ImageRecord]) -> list[int] | None:
    """Numbers of a stack's images, from 1: slice by slice, and in each by frame (see `cmrpipe.slices.arrange`).

    Slices are counted from the end where the series' numbers begin; along the normal where these do not say. Frames go
    by trigger time; by InstanceNumber where trigger times tell fewer images apart. A missing frame leaves its number
    free; images of one slice and frame get the same.

    Parameters
    ----------
    records : without copies

    Returns
    -------
    In the order given; None where the images are not parallel, or some of them has no position
    """
    order = sorted(range(len(records)), key=lambda i: _rank(records[i]))
    plain = [replace(records[i], path=f"{at:09}", file_number=None) for at, i in enumerate(order)]
    if len(groups(plain)) != 1:
        return None
    grid = _grid(plain)
    if grid is None:
        return None
    if len(set(grid)) < len({(index, r.instance_number) for (index, _), r in zip(grid, plain, strict=True)}):
        grid = _grid([replace(record, trigger_time_ms=None) for record in plain]) or grid
    last, most = max(index for index, _ in grid), max(frame for _, frame in grid)
    back = _backwards([index for index, _ in grid], plain)
    numbers = [(last - index if back else index) * most + frame for index, frame in grid]
    return [number for _, number in sorted(zip(order, numbers, strict=True))]


def _grid(records: Sequence[ImageRecord]) -> list[tuple[int, int]] | None:
    """Slice and frame of all images; None where some of them has no position."""
    grid = [
        (record.slice_index, record.frame)
        for record in arrange(records, max(1, round(depth(records))))
        if record.slice_index is not None and record.frame is not None and record.grid_source != NUMBER
    ]
    return grid if len(grid) == len(records) else None


def _backwards(slices: Sequence[int], records: Sequence[ImageRecord]) -> bool:
    """Whether of most pairs of slices the one that lies before has the higher series number."""
    first: dict[int, int] = {}
    for index, record in zip(slices, records, strict=True):
        if record.series_number is not None:
            first[index] = min(first.get(index, record.series_number), record.series_number)
    pairs = list(combinations([number for _, number in sorted(first.items())], 2))
    return sum(a > b for a, b in pairs) > sum(a < b for a, b in pairs)
