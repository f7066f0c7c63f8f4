"""End-diastole and end-systole, found from which frames were contoured and how large the cavity is in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cmrpipe.geometry import polygon_area
from cmrpipe.model import ImageRecord, Phase, Sample

FRAME_TOLERANCE, FRAMES_A_TOLERANCE = 2, 5
"""Frames by which a slice's contoured frame may differ from the patient's: experts choose the frame slice by slice. It
is one for every 5 frames of the cycle where the cycle is short, so that end-systole stays apart from end-diastole."""

COVERAGE = 0.75
"""A frame is compared when at least this share of the slices that the best-covered frame has are contoured at it."""


@dataclass(frozen=True, slots=True)
class Phases:
    """Cardiac phases of one patient.

    Attributes
    ----------
    phases : phase of each sample, in the order given; at most one ED and one ES in a slice
    ed_frame, es_frame : frames of the patient's end-diastole and end-systole, from 1; None when they cannot be told
    reason : what is unclear; "" when nothing is
    """

    phases: tuple[Phase, ...]
    ed_frame: int | None = None
    es_frame: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A sample's place and what was drawn there; `area` is that of the cavity in square pixels."""

    index: int
    slice_index: int
    frame: int
    area: float | None
    epi: bool


def frames_there(images: Iterable[ImageRecord]) -> int | None:
    """Frames that a patient's images have, where these run from 1; None where there are gaps, as in selected frames."""
    frames = {image.frame for image in images if not image.error and image.frame is not None}
    return len(frames) if frames and max(frames) == len(frames) else None


def assign_phases(samples: Sequence[Sample], frames: int | None = None) -> Phases:
    """Find ED and ES among a patient's contoured images.

    A candidate frame stands for the contoured frame nearest to it in every slice (experts choose the frame slice by
    slice). ED is the candidate with the largest cavity, ES that with the smallest, both as the total endocardial area
    over the slices relative to the same slices' mean area, so that a slice that one phase lacks does not tip the
    balance. Epicardia are drawn at ED: they decide between equals and where only one phase is contoured, and a
    contradiction is a reason. In each slice the frame nearest to a phase's, within tolerance, gets the phase.

    Parameters
    ----------
    samples : all contoured images of one patient, contours as drawn, in any order
    frames : that the patient's images have (see `frames_there`): the cycle, where headers say more, or nothing
    """
    drawn = [
        _Drawn(i, s.record.slice_index, s.record.frame, polygon_area(s.endo.points) if s.endo else None, bool(s.epi))
        for i, s in enumerate(samples)
        if s.record.slice_index is not None and s.record.frame is not None
    ]
    nothing = tuple(Phase.OTHER for _ in samples)
    if not drawn:
        return Phases(nothing, reason="no contoured image with known slice and frame" if samples else "no contours")
    said = max((s.record.frames_per_slice or 0 for s in samples), default=0)
    cycle = min((count for count in (said, frames or 0) if count > 1), default=None)
    by_slice: dict[int, list[_Drawn]] = defaultdict(list)
    for item in drawn:
        by_slice[item.slice_index].append(item)

    ed, es, reasons = _reference_frames(list(by_slice.values()), cycle)
    phases = list(nothing)
    for items in by_slice.values():
        for frame, phase, sign in ((ed, Phase.ED, -1), (es, Phase.ES, 1)):
            near = None if frame is None else _nearest(items, frame, cycle, sign)
            if near is not None:
                phases[near.index] = phase
    if len(drawn) < len(samples):
        reasons.append(f"{len(samples) - len(drawn)} contoured images have no known slice and frame")
    return Phases(tuple(phases), ed, es, "; ".join(reasons))


def _tolerance(cycle: int | None) -> int:
    """Frames by which a phase's frame may differ from slice to slice, in a cycle of so many frames."""
    return FRAME_TOLERANCE if cycle is None else min(FRAME_TOLERANCE, cycle // FRAMES_A_TOLERANCE)


def _apart(a: int, b: int, cycle: int | None) -> int:
    """Frames between two frames, the short way round the cycle."""
    straight = abs(a - b)
    return min(straight, abs(cycle - straight)) if cycle else straight


def _nearest(items: Sequence[_Drawn], frame: int, cycle: int | None, sign: int = 0) -> _Drawn | None:
    """The item nearest to a frame, within tolerance; among equals `sign` -1 prefers large cavities, 1 small ones."""
    near = [item for item in items if _apart(item.frame, frame, cycle) <= _tolerance(cycle)]
    return min(
        near,
        key=lambda item: (_apart(item.frame, frame, cycle), sign * (item.area or 0.0), item.frame, item.index),
        default=None,
    )


def _reference_frames(
    slices: Sequence[Sequence[_Drawn]], cycle: int | None
) -> tuple[int | None, int | None, list[str]]:
    """Frames of ED and ES, and what is unclear about them."""
    relative = _relative_areas(slices, cycle)
    epi_frames = [item.frame for items in slices for item in items if item.epi]
    if not relative:
        only = _most_common(epi_frames, cycle)
        return only, None, ["no slice is contoured in two phases" + (", only the epicardia tell ED" if only else "")]
    ed = max(relative, key=lambda f: (relative[f], _support(f, epi_frames, cycle), -f))
    es = min(relative, key=lambda f: (relative[f], f))
    if _apart(ed, es, cycle) <= _tolerance(cycle):
        return ed, None, [f"the smallest cavity is at frame {es}, next to the largest at frame {ed}"]
    at_ed, at_es = (_support(frame, epi_frames, cycle) for frame in (ed, es))
    if at_es > at_ed:
        return ed, es, [f"the epicardia lie at frame {es}, where the cavity is smallest, not largest (frame {ed})"]
    if epi_frames and at_ed == 0:
        return ed, es, [f"no epicardium lies at frame {ed}, where the cavity is largest"]
    return ed, es, []


def _support(frame: int, others: Sequence[int], cycle: int | None) -> int:
    """How many of the other frames lie within tolerance of a frame."""
    return sum(_apart(frame, other, cycle) <= _tolerance(cycle) for other in others)


def _most_common(frames: Sequence[int], cycle: int | None) -> int | None:
    """The frame with most others near it, the most frequent and then the lowest among equals."""
    return max(sorted(set(frames)), key=lambda f: (_support(f, frames, cycle), frames.count(f), -f), default=None)


def _relative_areas(slices: Sequence[Sequence[_Drawn]], cycle: int | None) -> dict[int, float]:
    """Total endocardial area of each candidate frame over the mean area of the same slices.

    Only slices with endocardia in two frames further apart than the tolerance compare anything. A candidate must be met
    by nearly as many of them as the one that most meet: `COVERAGE`.
    """
    common = []
    for items in slices:
        with_endo = sorted((item for item in items if item.area is not None), key=lambda item: item.frame)
        if any(_apart(a.frame, b.frame, cycle) > _tolerance(cycle) for a, b in pairwise(with_endo)) or (
            len(with_endo) > _tolerance(cycle) + 1
        ):
            common.append(with_endo)
    totals: dict[int, tuple[int, float]] = {}
    for frame in {item.frame for items in common for item in items}:
        met = [(near, items) for items in common if (near := _nearest(items, frame, cycle)) is not None]
        area = sum(near.area or 0.0 for near, _ in met)
        mean = sum(sum(item.area or 0.0 for item in items) / len(items) for _, items in met)
        totals[frame] = (len(met), area / mean if mean > 0 else 1.0)
    most = max((count for count, _ in totals.values()), default=0)
    return {frame: ratio for frame, (count, ratio) in totals.items() if count >= COVERAGE * most}
