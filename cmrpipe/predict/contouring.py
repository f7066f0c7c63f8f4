"""From probabilities to one endocardium and one epicardium an image, consistent over slices and frames.

A network that looks at one image at a time has ideas where there is no ventricle: beside it, above its base, below its
apex. What is kept must be part of one body that reaches through the slices:

1. *One body.* In the slice with the most blood, the largest outline is the ventricle; from there outwards, in every
   slice and frame, the outline nearest to that of the slice before, within its radius. Where a breath moved the heart
   between slices, that finds it in the wider frames only; where it does in half of them, what lies there in the others
   is the ventricle, too.
2. *No apex of some moments.* A slice in which a cavity is found in at most half of the frames is beyond the end. Of
   two or three frames half is enough: where only end-diastole and end-systole are there, a small apex may be closed in
   the latter. A slice without cavities ends the ventricle, too, unless what lies behind it is no small part of the
   whole: then it is a slice in which nothing could be found, it stays, and the ventricle has a hole there.
3. *No atrium.* At the wider end, a slice is beyond the base when its cavity does not shrink towards end-systole while
   the ventricle does (an atrium grows), or when it is far smaller at end-diastole than the next slice's, or has little
   wall. What lies outside such a slice is beyond the base, too.

The numbers were set on five real patients (see docs/predict.md) and are no more certain than that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from cmrpipe.geometry import centroid
from cmrpipe.learn.borders import NOTHING, Drawing, cavities
from cmrpipe.learn.voting import Opinion

OFTEN = 0.5
"""Share of a slice's frames that must show a cavity, more than."""

FEW = 3
"""Frames of a slice, at most, with which that share itself is enough."""

APART = 0.1
"""Cavity area behind a slice without one, over that before it, from which both are the ventricle."""

APART_WHY = "apart from the rest"

BESIDE = 0.35
"""Area of a cavity out of reach of the ventricle's end, over that of its widest slice, from which it is told."""

BESIDE_WHY = "out of reach of the next slice's"

NARROW = 0.72
"""Cavity area at end-diastole over the next slice's, below which a basal slice is beyond the base."""

THIN = 0.5
"""Area of the wall at end-diastole over the next slice's, below which a basal slice is beyond the base."""

PUMPS = 0.9
"""Cavity area of all slices at end-systole over end-diastole, below which a slice that grows is no ventricle."""


class Place(NamedTuple):
    """Slice (from 0) and frame (from 1)."""

    slice_index: int
    frame: int


@dataclass(frozen=True, slots=True)
class Removed:
    """A slice that the network saw a cavity in, and that is beyond the ventricle."""

    slice_index: int
    why: str


Offsets = Mapping[int, tuple[float, float]]
"""Where a slice's first pixel lies, (x, y) in pixels along the stack's rows and columns; (0, 0) where not told."""


def _middle(drawing: Drawing, offset: tuple[float, float]) -> tuple[float, float]:
    """Centre of a cavity in the patient, (x, y) in pixels of the stack; infinitely far where there is none."""
    if drawing.endo is None:
        return np.inf, np.inf
    x, y = centroid(drawing.endo)
    return x + offset[0], y + offset[1]


def _nearest(
    candidates: Sequence[Drawing], offset: tuple[float, float], centre: tuple[float, float], reach: float
) -> Drawing:
    """The candidate whose middle is nearest to a place, within reach."""

    def distance(drawing: Drawing) -> float:
        x, y = _middle(drawing, offset)
        return float(np.hypot(x - centre[0], y - centre[1]))

    best = min(candidates, key=distance, default=NOTHING)
    return best if best.endo is not None and distance(best) <= reach else NOTHING


def _one_body(candidates: dict[Place, list[Drawing]], offsets: Offsets) -> dict[Place, Drawing]:
    """Rule 1."""
    slices = sorted({place.slice_index for place in candidates})
    frames = sorted({place.frame for place in candidates})
    total = {
        index: sum(
            candidates[place][0].area for place in candidates if place.slice_index == index and candidates[place]
        )
        for index in slices
    }
    anchor = max(slices, key=lambda index: total[index])
    shift = {index: offsets.get(index, (0.0, 0.0)) for index in slices}
    firsts = [candidates[p][0] for p in candidates if p.slice_index == anchor and candidates[p]]
    found = [drawing for drawing in firsts if drawing.endo is not None]
    if not found:
        return dict.fromkeys(candidates, NOTHING)
    middle = _median([_middle(drawing, shift[anchor]) for drawing in found])
    radius = float(np.sqrt(np.median([drawing.area for drawing in found]) / np.pi))
    chosen: dict[Place, Drawing] = {}
    for frame in frames:
        for order in (range(anchor, slices[-1] + 1), range(anchor - 1, slices[0] - 1, -1)):
            start = chosen.get(Place(anchor, frame), NOTHING)
            at, reach = (middle, radius) if start.endo is None else _disc(start, shift[anchor])
            for index in order:
                place = Place(index, frame)
                if place not in candidates:
                    continue
                chosen[place] = _nearest(candidates[place], shift[index], at, reach)
                if chosen[place].endo is not None:
                    at, reach = _disc(chosen[place], shift[index])
    for index in slices:
        own = {p: drawing for p, drawing in chosen.items() if p.slice_index == index}
        chosen |= _filled(own, candidates, shift[index])
    return chosen


def _disc(drawing: Drawing, offset: tuple[float, float]) -> tuple[tuple[float, float], float]:
    """Centre and radius of a cavity."""
    return _middle(drawing, offset), float(np.sqrt(drawing.area / np.pi))


def _median(places: Sequence[tuple[float, float]]) -> tuple[float, float]:
    x, y = np.median(places, axis=0)
    return float(x), float(y)


def _filled(
    chosen: dict[Place, Drawing], candidates: dict[Place, list[Drawing]], offset: tuple[float, float]
) -> dict[Place, Drawing]:
    """One slice's choice; a frame without gets what lies where the others' is, if half of them have one."""
    found = [drawing for drawing in chosen.values() if drawing.endo is not None]
    if not OFTEN <= len(found) / len(chosen) < 1:
        return chosen
    middle = _median([_middle(drawing, offset) for drawing in found])
    reach = float(np.sqrt(np.median([drawing.area for drawing in found]) / np.pi))
    return {
        place: drawing if drawing.endo is not None else _nearest(candidates[place], offset, middle, reach)
        for place, drawing in chosen.items()
    }


def _areas(drawings: dict[Place, Drawing], index: int) -> dict[int, float]:
    return {place.frame: drawing.area for place, drawing in drawings.items() if place.slice_index == index}


def _often(found: Sequence[bool]) -> bool:
    """Whether enough of a slice's frames show a cavity."""
    share = float(np.mean(found))
    return share > OFTEN or (share == OFTEN and len(found) <= FEW)


def _reach(sums: Sequence[float]) -> int:
    """How many slices further the ventricle goes from the first of these; their areas are 0 where nothing was found."""
    last, total = 0, 0.0
    for found, run in groupby(range(len(sums)), key=lambda i: sums[i] > 0):
        part = list(run)
        area = sum(sums[i] for i in part)
        if found and area < APART * total:
            break
        if found:
            last, total = part[-1], total + area
    return last


def _seldom(drawings: dict[Place, Drawing], slices: Sequence[int]) -> list[Removed]:
    """Rule 2."""
    often = [_often([area > 0 for area in _areas(drawings, index).values()]) for index in slices]
    if not any(often):
        return [
            Removed(index, "no cavity in most frames") for index in slices if sum(_areas(drawings, index).values()) > 0
        ]
    sums = [sum(_areas(drawings, index).values()) * keep for index, keep in zip(slices, often, strict=True)]
    anchor = int(np.argmax(sums))
    low, high = anchor - _reach(sums[anchor::-1]), anchor + _reach(sums[anchor:])
    return [
        Removed(index, "a cavity in half of the frames or fewer" if not often[i] else APART_WHY)
        for i, index in enumerate(slices)
        if not low <= i <= high and sums[i] + sum(_areas(drawings, index).values()) > 0
    ]


def cavity_curve(drawings: dict[Place, Drawing], slices: Collection[int]) -> dict[int, float]:
    """Total cavity area by frame, square pixels, over frames that have an image of every one of some slices."""
    frames = sorted({place.frame for place in drawings})
    whole = [frame for frame in frames if all(Place(index, frame) in drawings for index in slices)]
    return {frame: sum(drawings[Place(index, frame)].area for index in slices) for frame in whole} if slices else {}


def _atria(drawings: dict[Place, Drawing], kept: Sequence[int]) -> list[Removed]:
    """Rule 3, in the basal third; at least two slices stay."""
    curve = cavity_curve(drawings, kept)
    if len(curve) < 2:
        return []
    ed, es = max(curve, key=lambda frame: curve[frame]), min(curve, key=lambda frame: curve[frame])
    area = {index: _areas(drawings, index) for index in kept}
    third = max(1, len(kept) // 3)
    ends = [np.mean([area[index].get(ed, 0.0) for index in part]) for part in (kept[:third], kept[-third:])]
    order = list(kept) if ends[0] >= ends[1] else list(kept)[::-1]
    pumps = curve[es] < PUMPS * curve[ed]
    why: dict[int, str] = {}
    for index, following in pairwise(order[: min(third + 1, len(order) - 1)]):
        here, there = area[index].get(ed, 0.0), area[following].get(ed, 0.0)
        share = here / there if there else 1.0
        wall, next_wall = (drawings.get(Place(i, ed), NOTHING).wall for i in (index, following))
        if share < NARROW:
            why[index] = f"beyond the base: {share:.0%} of the next slice's area at end-diastole"
        elif wall < THIN * next_wall:
            why[index] = f"beyond the base: {wall / next_wall:.0%} of the next slice's wall at end-diastole"
        elif pumps and area[index].get(es, 0.0) >= here:
            why[index] = "beyond the base: it grows towards end-systole, as an atrium does"
    last = max((i for i, index in enumerate(order) if index in why), default=-1)
    return [Removed(i, why.get(i, "beyond the base: outside a slice that is")) for i in order[: last + 1]]


def contour(
    opinions: dict[Place, Opinion], offsets: Offsets = MappingProxyType({})
) -> tuple[dict[Place, Drawing], list[Removed]]:
    """Borders of a patient's images, and the slices whose cavities were taken for something else.

    Parameters
    ----------
    opinions : the network's, by place
    offsets : of slices whose first pixels do not lie behind one another
    """
    return consistent({place: cavities(opinion) for place, opinion in opinions.items()}, offsets)


def consistent(
    candidates: dict[Place, list[Drawing]], offsets: Offsets = MappingProxyType({})
) -> tuple[dict[Place, Drawing], list[Removed]]:
    """Choose one candidate, or none, for every image by the rules above."""
    if not candidates:
        return {}, []
    drawings = _one_body(candidates, offsets)
    slices = sorted({place.slice_index for place in drawings})
    removed = _seldom(drawings, slices)
    gone = {item.slice_index for item in removed}
    kept = [index for index in slices if index not in gone and sum(_areas(drawings, index).values()) > 0]
    removed += _atria(drawings, kept)
    gone = {item.slice_index for item in removed}
    removed += _beside(candidates, [index for index in kept if index not in gone], gone)
    gone = {item.slice_index for item in removed}
    told = {place: NOTHING if place.slice_index in gone else drawing for place, drawing in drawings.items()}
    return told, sorted(removed, key=lambda item: item.slice_index)


def _beside(candidates: dict[Place, list[Drawing]], kept: Sequence[int], gone: Collection[int]) -> list[Removed]:
    """Slices right behind the ventricle's ends in most of whose frames there is a large cavity, out of its reach."""
    if not kept:
        return []

    def size(index: int) -> float:
        areas = [found[0].area if found else 0.0 for place, found in candidates.items() if place.slice_index == index]
        return float(np.median(areas)) if areas else 0.0

    widest = max(size(index) for index in kept)
    return [
        Removed(index, BESIDE_WHY)
        for index in (min(kept) - 1, max(kept) + 1)
        if index not in gone and size(index) >= BESIDE * widest > 0
    ]
