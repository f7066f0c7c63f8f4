"""What can be judged: a patient's short-axis cine stack among all that lies in a folder, and why the rest cannot.

Decided by headers alone. Where these carry no geometry, nobody can tell a short axis from a long one; the images are
then taken on trust, and the result says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmrpipe.groups import (
    FEWEST_SLICES,
    depth,
    full_slices,
    groups,
    is_cine,
    parallel,
    positions,
    same_spacing,
    same_turn,
    without_shallow,
)
from cmrpipe.kinds import no_cine, unfit
from cmrpipe.linking import image_number
from cmrpipe.model import ImageRecord
from cmrpipe.nouns import counted
from cmrpipe.predict.whole import UNUSUAL_DEG, apart, incomplete, missing, off_axis_deg, rivals
from cmrpipe.readers.mends import in_full
from cmrpipe.slices import ASSUMED, arrange, main_series, normal

SURE_SLICES = 5
"""Slice positions below which parallel long-axis planes are as likely, which the result then says."""

PLAIN_PLANE_DEG = 15.0
"""A stack whose normal is this near to one of the patient's axes is transverse, coronal or sagittal."""

ALONG_DEG = 75.0
"""The same angle above which a stack is one of long-axis planes."""

_FURTHER = "a further series where the stack already has slices"

_AXES = {0: "sagittal", 1: "coronal", 2: "transverse"}


@dataclass(frozen=True, slots=True)
class Refused:
    """An image that is not judged, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A patient's folder, sorted out.

    Attributes
    ----------
    stack : records of the short-axis stack with their place, by slice and frame; empty when nothing can be judged
    numbers : the number of each in contour file names
    refused : what is not judged
    notes : what was taken on trust
    reason : why nothing can be judged; "" when something can
    incomplete : why volumes would be those of a part of the ventricle; "" when nothing speaks for it
    """

    stack: tuple[ImageRecord, ...]
    numbers: tuple[int, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    reason: str
    incomplete: str = ""


def _plain_plane(records: Sequence[ImageRecord]) -> str:
    """The plain anatomical plane that a group lies in; "" for an oblique one."""
    own = normal(records[0])
    if own is None:
        return ""
    angles = np.degrees(np.arccos(np.clip(np.abs(own), 0, 1)))
    axis = int(np.argmin(angles))
    return _AXES[axis] if angles[axis] <= PLAIN_PLANE_DEG else ""


def _numbers(stack: Sequence[ImageRecord]) -> tuple[tuple[int, ...], list[str]]:
    """Numbers for contour file names: those of the files, unless two images share one."""
    own = [image_number(record) for record in stack]
    known = [number for number in own if number is not None]
    if len(set(known)) == len(stack):
        return tuple(known), []
    note = "images have no number of their own: contours are numbered by slice, then frame (see images.csv)"
    return tuple(range(1, len(stack) + 1)), [note]


def _no_stack(records: Sequence[ImageRecord]) -> str:
    """Why a group is no short-axis stack; "" for one that is, or that nobody can tell from one."""
    count = positions(records)
    if 0 < count < FEWEST_SLICES:
        return (
            f"only {counted(count, 'slice position')}: a short-axis stack needs {FEWEST_SLICES}, "
            "and a long-axis slice cannot be told from it"
        )
    plane = _plain_plane(records) if count else ""
    if plane:
        return f"the stack is {plane}; a short axis is oblique to the body"
    angle = off_axis_deg(records[0])
    if count and angle > ALONG_DEG:
        return f"the stack is a long axis: its normal is {angle:.0f} degrees off a ventricle's usual axis"
    return ""


def _ranked(candidates: Sequence[list[ImageRecord]]) -> list[list[ImageRecord]]:
    """Groups, the short-axis stack first."""

    def unlikely(group: Sequence[ImageRecord]) -> tuple[bool, bool, bool]:
        return positions(group) == 0, bool(_no_stack(group)), off_axis_deg(group[0]) > UNUSUAL_DEG

    least = min(map(unlikely, candidates))
    deepest = max(depth(group) for group in candidates if unlikely(group) == least)

    def rank(group: Sequence[ImageRecord]) -> tuple[bool, bool, bool, bool, int, int, int, str]:
        nowhere, no_stack, unusual = unlikely(group)
        full, count = full_slices(group, deepest), positions(group)
        return nowhere, no_stack, not is_cine(group, deepest), unusual, -full, -count, -len(group), group[0].path

    return sorted(candidates, key=rank)


def _stranger(record: ImageRecord, group: Sequence[ImageRecord], stack: Sequence[ImageRecord]) -> str:
    """Why an image of another group than the stack's is not judged with it."""
    first = stack[0]
    if not parallel(record, first):
        plane = _plain_plane([record])
        what = "no orientation in its header" if normal(record) is None else plane or "long axis or localizer"
        return f"not parallel to the short-axis stack ({what})"
    if not same_turn(record, first):
        return "turned in its plane against the stack"
    if not same_spacing(record, first):
        theirs, ours = (_spacing(r) for r in (record, first))
        return f"{theirs}, the stack has {ours}"
    if apart(record, stack):
        return f"{depth(group):.3g} images a slice in its series, the stack has {depth(stack):.3g}"
    return _FURTHER


def _spacing(record: ImageRecord) -> str:
    spacing = record.pixel_spacing_mm
    return "no pixel spacing" if spacing is None else f"pixels of {spacing[0]:.4g} x {spacing[1]:.4g} mm"


def judge(records: Sequence[ImageRecord], frames_per_slice: int) -> Judged:
    """Find the short-axis stack among a patient's images.

    Of the groups that could each be one stack (see `cmrpipe.groups`), the stack is an oblique one with enough
    slices; a cine before what has fewer images a slice; one across the ventricle's usual long axis before others; then
    the one with the most slices of full depth, then with the most slice positions, then with the most images.

    Parameters
    ----------
    records : all images of one patient
    frames_per_slice : assumed where headers do not say how many frames a slice has
    """
    records = _with_real_positions(records, frames_per_slice)
    reasons = {record.path: why for record in records if (why := unfit(record))}
    reasons |= {r.path: why for r, why in no_cine([r for r in records if r.path not in reasons])}
    other = of_other_studies([r for r in records if r.path not in reasons])
    reasons |= {r.path: "of another study than the short-axis cine" for r in other or ()}
    refused = [Refused(*item) for item in reasons.items()]
    fit = [record for record in records if record.path not in reasons]
    if not fit:
        most = Counter(reasons.values()).most_common(1)
        cause = f"none of its {len(records)} files can be judged: {in_full(most[0][0])}" if most else "it holds no file"
        return Judged((), (), tuple(refused), (), cause)
    chosen, *rest = _ranked(groups(fit))
    refused += [Refused(r.path, _stranger(r, group, chosen)) for group in rest for r in group]
    if reason := _no_stack(chosen):
        refused += [Refused(r.path, reason) for r in chosen]
        return Judged((), (), tuple(sorted(refused, key=lambda item: item.path)), (), reason)

    series = main_series(without_shallow(chosen, FEWEST_SLICES))
    refused += [Refused(r.path, _FURTHER) for r in chosen if r.series_uid not in series]
    cines = [group for group in rest if parallel(group[0], chosen[0]) and is_cine(group, depth(chosen))]
    stack = arrange([r for r in chosen if r.series_uid in series], frames_per_slice)
    stack, strange = _same_size(stack)
    refused += strange
    stack, homeless = _placed(stack)
    refused += homeless
    ordered = sorted(stack, key=lambda r: (r.slice_index or 0, r.frame or 0, r.path))
    numbers, told = _numbers(ordered)
    taken = {record.path for record in ordered}
    left = [r for r in records if r.path not in taken and (r.error or r.path not in reasons)]
    return Judged(
        tuple(ordered),
        numbers,
        tuple(sorted(refused, key=lambda item: item.path)),
        (
            *_trust(ordered),
            *missing(ordered),
            *rivals(ordered, [[r for r in chosen if r.series_uid not in series], *cines]),
            *told,
        ),
        "" if ordered else "no image has a place in a slice x frame grid",
        incomplete(ordered, left) if ordered else "",
    )


def of_other_studies(records: Sequence[ImageRecord]) -> list[ImageRecord] | None:
    """Images of other studies than the one that alone has a short-axis cine: a localizer's, exported with it, say.

    None where there are several studies, and not just one of them has such a cine.
    """
    studies: dict[str, list[ImageRecord]] = {}
    named = [record for record in records if record.study_uid and not unfit(record)]
    still = {record.path for record, _ in no_cine(named)}
    for record in named:
        if record.path not in still:
            studies.setdefault(record.study_uid, []).append(record)
    if len(studies) < 2:
        return []
    stacks = [
        (uid, group)
        for uid, members in studies.items()
        for group in groups(members)
        if positions(group) and not _no_stack(group)
    ]
    deepest = max((depth(group) for _, group in stacks), default=0.0)
    with_cine = {uid for uid, group in stacks if is_cine(group, deepest)}
    return [r for r in records if r.study_uid and r.study_uid not in with_cine] if len(with_cine) == 1 else None


def _with_real_positions(records: Sequence[ImageRecord], frames_per_slice: int) -> list[ImageRecord]:
    """The images, without positions where (0, 0, 0) is in all headers, more than a slice has: a filler."""
    placed = [record for record in records if record.position_mm is not None]
    real = any(any(record.position_mm or ()) for record in placed)
    one_slice = all(len(placed) <= (record.frames_per_slice or frames_per_slice) for record in placed)
    return [record if real or one_slice else replace(record, position_mm=None) for record in records]


def _trust(stack: Sequence[ImageRecord]) -> list[str]:
    """What was taken on trust."""
    count = positions(stack)
    if count == 0:
        return ["no geometry in the headers: that this is a short-axis stack is taken on trust"] if stack else []
    told = []
    if count < SURE_SLICES:
        told.append(f"only {count} slices: that these are no long-axis planes side by side is taken on trust")
    if any(record.grid_source == ASSUMED and not record.frames_per_slice for record in stack):
        told.append(
            "no header says how many frames a slice has: they come from the images' numbers, trigger times and order"
        )
    return told


def _same_size(stack: Sequence[ImageRecord]) -> tuple[list[ImageRecord], list[Refused]]:
    """The images of the most frequent size."""
    size = Counter((r.rows, r.columns) for r in stack).most_common(1)[0][0]
    strange = [
        Refused(r.path, f"{r.rows} x {r.columns} pixels, the stack has {size[0]} x {size[1]}")
        for r in stack
        if (r.rows, r.columns) != size
    ]
    return [r for r in stack if (r.rows, r.columns) == size], strange


def _placed(stack: Sequence[ImageRecord]) -> tuple[list[ImageRecord], list[Refused]]:
    """The images with a place of their own; of two at one place, the first by path."""
    found: dict[tuple[int, int], list[ImageRecord]] = defaultdict(list)
    refused = []
    for record in sorted(stack, key=lambda r: r.path):
        if record.slice_index is None or record.frame is None:
            refused.append(Refused(record.path, "its slice or frame cannot be told"))
        else:
            found[record.slice_index, record.frame].append(record)
    refused += [
        Refused(r.path, f"a second image of slice {place[0]}, frame {place[1]}")
        for place, members in found.items()
        for r in members[1:]
    ]
    return [members[0] for members in found.values()], refused
