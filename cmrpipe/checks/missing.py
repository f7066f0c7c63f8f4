"""What is not there: images of the slice x frame grid, and contours where one is to be expected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cmrpipe.checks.finding import finding, of_contours
from cmrpipe.codes import FindingCode as Code
from cmrpipe.frames import frames_said
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import ContourKind, Finding, Phase, Sample
from cmrpipe.phases import assign_phases, frames_there

COMMON_SHARE = 0.5
"""A frame is expected in every slice when more than this share of the slices has it."""
CINE_SHARE = 0.5
"""Where the common frames are fewer than this share of the cycle, frames were selected, and none is expected."""


class Why(StrEnum):
    """Why something is not there, as far as the data tell."""

    HOLE = "hole"
    PROTOCOL = "protocol"
    NO_IMAGE = "no-image"


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is not there.

    Attributes
    ----------
    what : "image", or the kind of contour
    slice_index, frame : its place in the grid; None when unknown
    instance_number : the number it has or would have; None when it cannot be told
    why : a hole, or as the drawing protocol has it
    """

    patient_id: str
    what: str
    slice_index: int | None
    frame: int | None
    instance_number: int | None
    why: Why

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Missing:
        """As `dataclasses.asdict` gave it, from a JSON file."""
        return cls(**{**row, "why": Why(row["why"])})


def expected_frames(grid: Collection[tuple[int, int]]) -> tuple[int, ...]:
    """Frames that every slice should have: those that more than half of the slices have; none of selected frames.

    Parameters
    ----------
    grid : slice and frame of the images that are there
    """
    slices = {s for s, _ in grid}
    counts = Counter(frame for _, frame in grid)
    common = sorted(frame for frame, count in counts.items() if count > COMMON_SHARE * len(slices))
    return tuple(common) if common and len(common) > CINE_SHARE * max(counts) else ()


def missing_images(labels: PatientLabels) -> list[Missing]:
    """Holes of the grid, none beyond the frames that a slice's own header says, and images that contours ask for."""
    grid = labels.grid()
    found = []
    numbers = {key: image_number(image) for key, image in grid.items()}
    expected = expected_frames(grid)
    for s in sorted({s for s, _ in grid}):
        said = frames_said([image for (t, _), image in grid.items() if t == s])
        for frame in expected:
            if (s, frame) not in grid and (said is None or frame <= said):
                guess = _number_at(numbers, s, frame)
                found.append(Missing(labels.patient_id, "image", s, frame, guess, Why.HOLE))
    told = {item.instance_number for item in found}
    there = labels.by_number().keys() | labels.sharing().keys()
    found += [
        Missing(labels.patient_id, "image", None, None, number, Why.NO_IMAGE)
        for number in labels.contours_by_number()
        if number not in there and number not in told
    ]
    return found


def _number_at(numbers: dict[tuple[int, int], int | None], s: int, frame: int) -> int | None:
    """The number an image would have, from its neighbours in the same slice, when they agree."""
    guesses = {number - f + frame for (t, f), number in numbers.items() if t == s and number is not None}
    return guesses.pop() if len(guesses) == 1 else None


def check_images(labels: PatientLabels, missing: Sequence[Missing]) -> Iterator[Finding]:
    """Findings for missing images, and for contours without image or with more than one."""
    patient = labels.patient_id
    for item in missing:
        if item.what == "image" and item.why is Why.HOLE:
            name = f" (number {item.instance_number})" if item.instance_number is not None else ""
            yield finding(
                Code.IMAGE_MISSING,
                f"{patient}: slice {item.slice_index} has no image at frame {item.frame}{name}.",
                patient_id=patient,
                number=item.instance_number,
                path=f"dicoms/{patient}",
                slice_index=item.slice_index,
                frame=item.frame,
            )
    there, sharing = labels.by_number(), labels.sharing()
    for contour in labels.contours:
        if contour.number in sharing:
            images = sharing[contour.number]
            yield finding(
                Code.IMAGE_DUPLICATE_NUMBER,
                f"{contour.path} may belong to any of {len(images)} images of {patient} that have the number "
                f"{contour.number} ({images[0].path}, {images[1].path}); it is not used.",
                patient_id=patient,
                number=contour.number,
                path=contour.path,
                images=len(images),
            )
        elif contour.number is not None and contour.number not in there:
            yield finding(
                Code.CONTOUR_WITHOUT_IMAGE,
                f"{contour.path} belongs to image {contour.number} of {patient}, which is not there or cannot be read.",
                patient_id=patient,
                number=contour.number,
                path=contour.path,
            )
    if labels.original_ids and not labels.contours_by_number():
        told = f"{patient} is linked to {', '.join(labels.original_ids)}, which holds no readable contour."
        yield of_contours(Code.CONTOURS_MISSING, labels, told)


def _frames_of_phase(samples: Sequence[Sample], phase: Phase) -> dict[int, Sample]:
    """Drawn samples of a phase by slice."""
    return {s.record.slice_index: s for s in samples if s.phase is phase and s.record.slice_index is not None}


def missing_contours(labels: PatientLabels, samples: Sequence[Sample]) -> list[Missing]:
    """Contours that are not drawn, at ED and ES: a hole between drawn slices, or beyond them as by protocol.

    `samples` are all contoured images, quarantine not applied.
    """
    grid = labels.grid()
    slices = sorted({s for s, _ in grid})
    found = []
    any_epi = any(sample.epi is not None for sample in samples)
    for phase in (Phase.ED, Phase.ES):
        drawn = _frames_of_phase([s for s in samples if s.endo is not None], phase)
        frames = Counter(sample.record.frame for sample in drawn.values())
        if not drawn:
            continue
        usual = frames.most_common(1)[0][0]
        for s in slices:
            if s in drawn:
                continue
            image = grid.get((s, usual)) if usual is not None else None
            hole = min(drawn) < s < max(drawn)
            number = image_number(image) if image else None
            why = Why.HOLE if hole else Why.PROTOCOL
            found.append(Missing(labels.patient_id, ContourKind.ENDO.value, s, usual, number, why))
        for s, sample in sorted(drawn.items()):
            if sample.epi is None:
                why = Why.HOLE if phase is Phase.ED and any_epi else Why.PROTOCOL
                record = sample.record
                number = image_number(record)
                found.append(Missing(labels.patient_id, ContourKind.EPI.value, s, record.frame, number, why))
    return found


def check_phases(labels: PatientLabels, samples: Sequence[Sample]) -> Iterator[Finding]:
    """What keeps end-diastole and end-systole from being told; no contours at all are told elsewhere."""
    if not samples:
        return
    phases = assign_phases(samples, frames_there(labels.images))
    if phases.reason:
        yield of_contours(
            Code.PHASES_UNCLEAR,
            labels,
            f"{labels.patient_id}: {phases.reason}.",
            ed_frame=phases.ed_frame,
            es_frame=phases.es_frame,
        )


def check_contours(labels: PatientLabels, samples: Sequence[Sample], missing: Sequence[Missing]) -> Iterator[Finding]:
    """Findings for missing contours: one a hole, one line a patient for what the protocol leaves out."""
    patient = labels.patient_id
    for item in missing:
        if item.what == "image" or item.why is not Why.HOLE:
            continue
        place = f"slice {item.slice_index}, frame {item.frame}"
        inner = item.what == ContourKind.ENDO.value
        yield finding(
            Code.CONTOUR_MISSING if inner else Code.ENDO_WITHOUT_EPI,
            f"{patient}: {place} has no endocardial contour, the slices on both sides have one."
            if inner
            else f"{patient}: {place} is end-diastolic and has an endocardial contour but no epicardial one.",
            patient_id=patient,
            number=item.instance_number,
            path=f"contourfiles/{labels.original_ids[0]}",
            slice_index=item.slice_index,
            frame=item.frame,
        )
    for sample in samples:
        if sample.epi is not None and sample.endo is None:
            record = sample.record
            yield finding(
                Code.EPI_WITHOUT_ENDO,
                f"{patient}: image {image_number(record)} has an epicardial contour and no endocardial one.",
                patient_id=patient,
                number=image_number(record),
                path=record.path,
                slice_index=record.slice_index,
                frame=record.frame,
            )
    by_protocol: dict[str, int] = defaultdict(int)
    for item in missing:
        if item.why is Why.PROTOCOL:
            by_protocol[item.what] += 1
    if by_protocol:
        endo, epi = by_protocol[ContourKind.ENDO.value], by_protocol[ContourKind.EPI.value]
        yield of_contours(
            Code.CONTOUR_NOT_DRAWN,
            labels,
            f"{patient}: not drawn, as by protocol: {endo} endocardial contours beyond the drawn slices, "
            f"{epi} epicardial contours.",
            endo=endo,
            epi=epi,
        )
