"""What can be judged: a patient's short-axis cine stack among all that lies in a folder, and why the rest cannot.

Decided by headers alone. Where these carry no geometry, nobody can tell a short axis from a long one; the images are
then taken on trust, and the result says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmrpipe.frames import grouped
from cmrpipe.linking import image_number
from cmrpipe.model import ImageRecord
from cmrpipe.slices import SAME_NORMAL_COSINE, SAME_SLICE_MM, arrange, main_series, normal

FEWEST_SLICES = 3
"""Slice positions below which a short-axis stack cannot be told from a single long-axis slice."""

PLAIN_PLANE_DEG = 15.0
"""A stack whose normal is this near to one of the patient's axes is transverse, coronal or sagittal."""

_AXES = {0: "sagittal", 1: "coronal", 2: "transverse"}
_OTHER_TYPES = {
    "LOCALIZER": "a localizer",
    "SCOUT": "a localizer",
    "PHASE MAP": "a phase map",
    "VELOCITY": "velocities",
}
_MODALITY = "MR"


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
    """

    stack: tuple[ImageRecord, ...]
    numbers: tuple[int, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    reason: str


def _unfit(record: ImageRecord) -> str:
    """Why an image by itself cannot be judged."""
    if record.error:
        return record.error
    if record.modality != _MODALITY:
        return f"not MR but {record.modality or 'of no modality'}"
    kind = record.image_type.upper().split("\\")
    return next((f"{what}, by its ImageType" for word, what in _OTHER_TYPES.items() if word in kind), "")


def _positions(records: Sequence[ImageRecord]) -> int:
    """Number of slice positions; 0 without geometry."""
    axis = next((own for record in records if (own := normal(record)) is not None), None)
    places = [float(np.dot(r.position_mm, axis)) for r in records if r.position_mm is not None and axis is not None]
    return len(set(grouped(places, SAME_SLICE_MM))) if places else 0


def _planes(records: Sequence[ImageRecord]) -> list[list[ImageRecord]]:
    """Images in groups of parallel planes; those without orientation are a group."""
    groups: list[tuple[np.ndarray | None, list[ImageRecord]]] = []
    for record in records:
        own = normal(record)
        axis = None if own is None else np.array(own)
        for other, members in groups:
            if (axis is None) == (other is None) and (
                axis is None or other is None or abs(float(axis @ other)) >= SAME_NORMAL_COSINE
            ):
                members.append(record)
                break
        else:
            groups.append((axis, [record]))
    return [members for _, members in groups]


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


def judge(records: Sequence[ImageRecord], frames_per_slice: int) -> Judged:
    """Find the short-axis stack among a patient's images.

    Of the groups of parallel planes, the one with the most slice positions is the stack (the most images, among
    equals).

    Parameters
    ----------
    records : all images of one patient
    frames_per_slice : assumed where headers do not say how many frames a slice has
    """
    refused = [Refused(r.path, reason) for r in records if (reason := _unfit(r))]
    fit = [record for record in records if not _unfit(record)]
    if not fit:
        reasons = Counter(item.reason for item in refused).most_common(1)
        cause = f"none of its {len(records)} files can be judged: {reasons[0][0]}" if reasons else "it holds no file"
        return Judged((), (), tuple(refused), (), cause)
    planes = sorted(_planes(fit), key=lambda group: (-_positions(group), -len(group), group[0].path))
    chosen, notes = planes[0], []
    refused += [
        Refused(r.path, "not parallel to the short-axis stack (long axis or localizer)")
        for group in planes[1:]
        for r in group
    ]
    positions = _positions(chosen)
    reason = ""
    if positions == 0:
        notes.append("no geometry in the headers: that this is a short-axis stack is taken on trust")
    elif positions < FEWEST_SLICES:
        reason = (
            f"only {positions} slice position{'s' if positions > 1 else ''}: a short-axis stack needs {FEWEST_SLICES}, "
            "and a long-axis slice cannot be told from it"
        )
    elif plane := _plain_plane(chosen):
        reason = f"the stack is {plane}; a short axis is oblique to the body"
    if reason:
        refused += [Refused(r.path, reason) for r in chosen]
        return Judged((), (), tuple(sorted(refused, key=lambda item: item.path)), (), reason)

    series = main_series(chosen)
    refused += [
        Refused(r.path, "a further series where the stack already has slices")
        for r in chosen
        if r.series_uid not in series
    ]
    stack = arrange([r for r in chosen if r.series_uid in series], frames_per_slice)
    stack, strange = _same_size(stack)
    refused += strange
    stack, homeless = _placed(stack)
    refused += homeless
    ordered = sorted(stack, key=lambda r: (r.slice_index or 0, r.frame or 0, r.path))
    numbers, told = _numbers(ordered)
    return Judged(
        tuple(ordered),
        numbers,
        tuple(sorted(refused, key=lambda item: item.path)),
        (*notes, *told),
        "" if ordered else "no image has a place in a slice x frame grid",
    )


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
