"""Whether a stack is whole: what speaks for slices or frames of it that are not there."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from statistics import median

from cmrpipe.frames import frames_said
from cmrpipe.groups import FEWEST_SLICES, LIKE, depth, parallel, places, positions, slice_places
from cmrpipe.model import ImageRecord
from cmrpipe.nouns import counted
from cmrpipe.readers.mends import NO_IMAGE
from cmrpipe.slices import SAME_SLICE_MM, UNEVEN, dot, measure_gap, normal

USUAL_AXIS = (0.627, -0.680, -0.380)
"""Direction of the left ventricle's long axis, base to apex, in patient coordinates (LPS, unit vector): to the left,
forwards and down. Mean normal of the short-axis stacks of five patients, all of them within 13 degrees of it
(Sunnybrook Cardiac Data; Radau et al. 2009)."""

UNUSUAL_DEG = 55.0
"""Angle of a stack's normal with that direction above which volumes are withheld: it may be one of long-axis planes,
whose normals are at right angles with the ventricle's own axis."""

WHOLE_BEAT = 0.9
"""Share of the frames that headers name, below which the heartbeat is not whole."""


def off_axis_deg(record: ImageRecord) -> float:
    """Angle of an image's normal, of either sense, with the usual long axis; 0 where the header has no orientation."""
    own = normal(record)
    return 0.0 if own is None else math.degrees(math.acos(min(1.0, abs(dot(own, USUAL_AXIS)))))


def apart(record: ImageRecord, stack: Sequence[ImageRecord]) -> bool:
    """Whether an image lies where the stack has no slice."""
    axis = normal(stack[0])
    own = places([record], axis)
    return bool(own) and all(abs(own[0] - place) > SAME_SLICE_MM for place in places(stack, axis))


def missing(stack: Sequence[ImageRecord]) -> list[str]:
    """How many images of the slice x frame grid are not there, where some are not."""
    count, told = _holes(stack), []
    if count:
        told.append(f"{count} of the stack's images {'is' if count == 1 else 'are'} missing")
    frames = len({r.frame for r in stack})
    said = [r.frames_per_slice for r in stack if r.frames_per_slice]
    if said and frames > 1 and frames < WHOLE_BEAT * median(said):
        told.append(
            f"{frames} of the heartbeat's {median(said):.0f} frames are there: end-diastole and end-systole are the "
            "largest and smallest of these"
        )
    return told


def rivals(stack: Sequence[ImageRecord], others: Iterable[Sequence[ImageRecord]]) -> list[str]:
    """That there are further stacks at the stack's slices, which it was preferred to, or which are other frames of it.

    Parameters
    ----------
    others : groups of images that were refused, of about as many images a slice as the stack has
    """
    left = [record for group in others if positions(group) >= FEWEST_SLICES for record in group]
    series = len({record.series_uid for record in left if not apart(record, stack)})
    words = "a further series" if series == 1 else f"{series} further series"
    return [f"{len(left)} images of {words} at the same slices were not used (see refused.csv)"] if series else []


def _holes(stack: Sequence[ImageRecord]) -> int:
    """Places of the slice x frame grid without an image; a slice has no more than its own header says."""
    frames = len({r.frame for r in stack})
    slices: dict[int | None, list[ImageRecord]] = defaultdict(list)
    for record in stack:
        slices[record.slice_index].append(record)
    return sum(min(frames, frames_said(members) or frames) for members in slices.values()) - len(stack)


def incomplete(stack: Sequence[ImageRecord], others: Sequence[ImageRecord]) -> str:
    """Why volumes of the stack would be those of a part of the ventricle; "" where nothing speaks for it.

    Parameters
    ----------
    others : images that may be the stack's and were refused; those that are something else are not among them
    """
    return _lost(stack, others) or _unread(stack, others) or _own_series(stack, others)


def _lost(stack: Sequence[ImageRecord], others: Sequence[ImageRecord]) -> str:
    """Slices that by their places are the stack's, or are missing between its own."""
    gap, axis = measure_gap(stack), normal(stack[0])
    if gap is None or axis is None:
        return ""
    if (angle := off_axis_deg(stack[0])) > UNUSUAL_DEG:
        return f"the stack's normal is {angle:.0f} degrees off a ventricle's usual axis: it may be a long axis"
    if gap.uneven_after:
        return (
            f"slices are not evenly spaced: {gap.gap_mm:.1f} mm apart, after slice {gap.widest_after} "
            f"{gap.irregularity_mm:.1f} mm off that"
        )
    ours, frames = places(stack, axis), depth(stack)
    lost = 0
    beside = [r for r in others if parallel(r, stack[0]) and apart(r, stack)]
    for place, count in slice_places(beside, axis):
        steps = min(abs(place - own) for own in ours) / gap.gap_mm
        like = frames / LIKE < count < frames * LIKE
        lost += like and round(steps) > 0 and abs(steps - round(steps)) <= UNEVEN
    return f"{counted(lost, 'slice')} of the stack could not be used (see refused.csv)" if lost else ""


def _many(count: int, stack: Sequence[ImageRecord]) -> bool:
    """Whether images that are not there, beyond the holes of the stack's grid, may be a slice."""
    return count - _holes(stack) >= max(1.0, depth(stack) / 2)


def _unread(stack: Sequence[ImageRecord], others: Sequence[ImageRecord]) -> str:
    """Files that look like the stack's by folder and ending and cannot be read, enough of them for a slice."""
    kinds = {(path.parent, path.suffix.lower()) for r in stack for path in [PurePosixPath(r.path)]}
    paths = [PurePosixPath(r.path) for r in others if r.error and not r.error.startswith(NO_IMAGE)]
    named = [path for path in paths if path.suffix or any(map(str.isdigit, path.name))]  # no README, no VERSION
    count = sum((path.parent, path.suffix.lower()) in kinds for path in named)
    files = "a file" if count == 1 else f"{count} files"
    return f"{files} beside the stack's cannot be read, and may be a slice" if _many(count, stack) else ""


def _own_series(stack: Sequence[ImageRecord], others: Sequence[ImageRecord]) -> str:
    """Readable images of the stack's series, of its orientation or of none, that are not in it, enough for a slice."""
    series = {r.series_uid for r in stack}
    instances = {r.sop_uid for r in stack if r.sop_uid}
    left = [r for r in others if not r.error and r.series_uid in series and r.sop_uid not in instances]
    count = sum(parallel(r, stack[0]) or normal(r) is None for r in left)
    images = "an image" if count == 1 else f"{count} images"
    told = f"{images} of the stack's own series could not be used (see refused.csv)"
    return told if _many(count, stack) else ""
