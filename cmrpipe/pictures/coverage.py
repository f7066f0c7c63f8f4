"""The slice x frame grid of a patient: what is there at each place, what is missing, and what is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from cmrpipe.checks.missing import Missing, Why
from cmrpipe.codes import Severity
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import ContourKind, Finding

_GRAVITY = (Severity.INFO, Severity.WARNING, Severity.ERROR)


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid.

    Attributes
    ----------
    number : the image's number, or the one it would have; None when unknown
    image : whether a readable image is there
    drawn : kinds of contour that are drawn on it
    left_out : those of them that are in quarantine
    holes : what is missing here and should be there: "image", "endo", "epi"
    severity : of the gravest finding about this image, None without
    """

    number: int | None
    image: bool
    drawn: frozenset[ContourKind] = frozenset()
    left_out: frozenset[ContourKind] = frozenset()
    holes: frozenset[str] = frozenset()
    severity: Severity | None = None

    @property
    def plain(self) -> bool:
        """Whether it is an image with nothing more to say."""
        return self.image and not (self.drawn or self.holes or self.severity)


@dataclass(frozen=True, slots=True)
class Coverage:
    """A patient's grid; `off_grid` counts readable images whose place is unknown."""

    patient_id: str
    slices: tuple[int, ...]
    frames: tuple[int, ...]
    cells: dict[tuple[int, int], Cell]
    off_grid: int

    def summary(self) -> str:
        """The grid in words, for those who cannot see it."""
        cells = self.cells.values()
        parts = [
            f"{len(self.slices)} slices by {len(self.frames)} frames",
            f"{sum(cell.image for cell in cells)} images",
            f"{sum(ContourKind.ENDO in cell.drawn for cell in cells)} endocardial contours",
            f"{sum(ContourKind.EPI in cell.drawn for cell in cells)} epicardial contours",
        ]
        if holes := sum(bool(cell.holes) for cell in cells):
            parts.append(f"{holes} places with something missing")
        if out := sum(len(cell.left_out) for cell in cells):
            parts.append(f"{out} contours left out")
        if self.off_grid:
            parts.append(f"{self.off_grid} images of unknown place")
        return ", ".join(parts)


def gravest(severities: Iterable[Severity]) -> Severity | None:
    """The worst of some severities."""
    return max(severities, key=_GRAVITY.index, default=None)


def cover(
    labels: PatientLabels, missing: Sequence[Missing], findings: Sequence[Finding], left_out: Collection[str]
) -> Coverage:
    """Lay out a patient's grid.

    Parameters
    ----------
    labels : the patient's images and contours
    missing, findings : those of this patient
    left_out : names in quarantine: paths relative to the raw folder, and ids of patients
    """
    severity: dict[int, list[Severity]] = defaultdict(list)
    for found in findings:
        if found.instance_number is not None:
            severity[found.instance_number].append(found.severity)
    holes: dict[tuple[int, int], set[str]] = defaultdict(set)
    guess: dict[tuple[int, int], int | None] = {}
    for item in missing:
        if item.why is Why.HOLE and item.slice_index is not None and item.frame is not None:
            holes[item.slice_index, item.frame].add(item.what)
            guess[item.slice_index, item.frame] = item.instance_number
    contours = labels.contours_by_number()
    everything = labels.patient_id in left_out
    cells: dict[tuple[int, int], Cell] = {}
    for place, image in labels.grid().items():
        number = image_number(image)
        drawn = contours.get(-1 if number is None else number, {})
        excluded = everything or image.path in left_out
        cells[place] = Cell(
            number,
            image=True,
            drawn=frozenset(drawn),
            left_out=frozenset(k for k, rows in drawn.items() if excluded or any(r.path in left_out for r in rows)),
            holes=frozenset(holes.pop(place, ())),
            severity=gravest(severity.get(-1 if number is None else number, ())),
        )
    for place, what in holes.items():
        number = guess[place]
        worst = gravest(severity.get(-1 if number is None else number, ()))
        cells[place] = Cell(number, image=False, holes=frozenset(what), severity=worst)
    slices = tuple(sorted({place[0] for place in cells}))
    frames = tuple(sorted({place[1] for place in cells}))
    off_grid = sum(not image.error and None in (image.slice_index, image.frame) for image in labels.images)
    return Coverage(labels.patient_id, slices, frames, dict(sorted(cells.items())), off_grid)
