"""The same contour content in more than one file, over the whole set: which file is the original, and which are copies.

Contours are equal that are one closed outline, wherever their points start and whichever way they run: another export
may begin elsewhere or go round the other way. So are those that are one outline moved (see `cmrpipe.checks.moved`),
unless they are drawn in one image. Equal points do not say whose they are; the images do. Every contour has
a measure of how badly it lies (`misplaced`), from its image's edges and its patient's other contours. Where exactly one
patient's lie well, and the others' do not, that one's are the originals. Files that are equal between the same patients
are decided together, since one slice may fit by chance and nine do not. Contours of one slice that are one outline and
all lie well are no copies: the heart stands still from frame to frame, and experts carry a contour on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmrpipe.checks.finding import finding
from cmrpipe.checks.moved import APART_PX, SMALL, Form, apart, candidates, form
from cmrpipe.checks.neighbours import Jump
from cmrpipe.codes import FindingCode as Code
from cmrpipe.files import sha256_bytes
from cmrpipe.geometry import canonical_outline, centroid, polygon_area, protrusion
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import ContourKind, Finding, Points, Sample
from cmrpipe.readers.layouts import folder_of

CLEARLY = 0.2
"""The others must lie worse than the original by this much."""
FOLLOWING = frozenset(
    {Code.ENDO_OUTSIDE_EPI, Code.WALL_IMPLAUSIBLE, Code.AREA_JUMP, Code.CENTROID_JUMP, Code.CONTOUR_MISFIT}
)
"""Findings that follow from a copy; they become part of its evidence."""


@dataclass(frozen=True, slots=True)
class Content:
    """One readable contour file.

    Attributes
    ----------
    sha256 : of its outline (see `canonical_outline`)
    misplaced : how badly it lies in its image and with its patient's other contours, 0 is perfect; None when unknown
    written : SHA-256 of its points in the order of the file
    form : by which an outline is found that was moved
    slice_index : of its image, where that is known
    """

    sha256: str
    path: str
    patient_id: str
    number: int | None
    kind: str
    misplaced: float | None
    written: str = ""
    form: Form = SMALL
    slice_index: int | None = None

    @property
    def place(self) -> str:
        """Of one slice of a patient the same; its own where the slice is not known."""
        return self.path if self.slice_index is None else f"{self.patient_id}/{self.slice_index}"

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Content:
        """As `dataclasses.asdict` gave it, from a JSON file."""
        return cls(**{**row, "form": Form(*row["form"])})


def _endo(number: int, fits: Mapping[int, float], jumps: Mapping[int, Jump]) -> float | None:
    """1 - fit, and how far size and place are from what the neighbours let expect."""
    if number not in fits:
        return None
    jump = jumps.get(number)
    apart = 0.0 if jump is None else abs(float(np.log(jump.factor))) + jump.off_share
    return 1 - fits[number] + apart


def _epi(endo: Points, epi: Points) -> float | None:
    """How far the endocardium leaves the epicardium and how far apart their centres are, in epicardial radii."""
    radius = float(np.sqrt(polygon_area(epi) / np.pi))
    if radius == 0:
        return None
    apart = np.hypot(*(np.array(centroid(endo)) - centroid(epi)))
    return float(apart + protrusion(endo, epi)) / radius


def contents(
    labels: PatientLabels, samples: Sequence[Sample], fits: Mapping[int, float], jumps: Mapping[int, Jump]
) -> list[Content]:
    """A row for every readable contour of a patient."""
    by_number = {image_number(sample.record): sample for sample in samples}
    images = labels.by_number()
    found = []
    for record in labels.contours:
        if record.contour is None or record.number is None or record.kind is None:
            continue
        sample = by_number.get(record.number)
        misplaced = None
        if record.kind is ContourKind.ENDO:
            misplaced = _endo(record.number, fits, jumps)
        elif sample is not None and sample.endo is not None and sample.epi is not None:
            misplaced = _epi(sample.endo.points, sample.epi.points)
        outline = canonical_outline(record.contour.points)
        image = images.get(record.number)
        found.append(
            Content(
                sha256_bytes(outline.tobytes()),
                record.path,
                labels.patient_id,
                record.number,
                record.kind.value,
                None if misplaced is None else round(misplaced, 4),
                record.content_sha256,
                form(outline),
                None if image is None else image.slice_index,
            )
        )
    return found


def _groups(rows: Iterable[Content], outline: Callable[[str], Points]) -> list[list[Content]]:
    """Rows of one outline in different files."""
    equal: dict[str, dict[str, Content]] = defaultdict(dict)
    for row in rows:
        if row.sha256:
            equal[row.sha256].setdefault(row.path, row)
    firsts = [next(iter(group.values())) for _, group in sorted(equal.items())]
    head = list(range(len(firsts)))  # of each, another one that is the same outline, or itself

    def root(at: int) -> int:
        while head[at] != at:
            at = head[at]
        return at

    for i, j in candidates([row.form for row in firsts]).tolist():
        one, other = firsts[i], firsts[j]
        in_one_image = (one.patient_id, one.number) == (other.patient_id, other.number)
        if in_one_image or root(i) == root(j):
            continue
        if apart(*(canonical_outline(outline(row.path)) for row in (one, other))) <= APART_PX:
            head[root(j)] = root(i)
    groups: dict[int, list[Content]] = defaultdict(list)
    for at, row in enumerate(firsts):
        groups[root(at)] += equal[row.sha256].values()
    return [sorted(group, key=lambda row: row.path) for group in groups.values() if len(group) > 1]


def _owners(group: Sequence[Content]) -> Callable[[Content], str]:
    """Who may own a row: its patient where each has one, else what is in one slice, else its file."""
    if len({row.patient_id for row in group}) == len(group):
        return lambda row: row.patient_id
    if len({row.place for row in group}) > 1:
        return lambda row: row.place
    return lambda row: row.path


def _still(group: Sequence[Content], limit: float) -> bool:
    """Whether a group lies in one slice of one patient, and all of it well."""
    well = all(row.misplaced is not None and row.misplaced <= limit for row in group)
    return well and len({(row.place, row.kind) for row in group}) == 1


def _original(misplaced: Mapping[str, Sequence[float | None]], limit: float) -> str | None:
    """The one owner whose contours lie well while those of all others lie clearly worse."""
    means = {}
    for owner, values in misplaced.items():
        known = [value for value in values if value is not None]
        means[owner] = float(np.mean(known)) if known else float("inf")
    best, *others = sorted(means, key=lambda owner: (means[owner], owner))
    well = means[best] <= limit and all(means[other] >= means[best] + CLEARLY for other in others)
    return best if well else None


def check_copies(rows: Iterable[Content], limit: float, outline: Callable[[str], Points]) -> Iterator[Finding]:
    """Findings for copies: all files of equal content but the original's, or all when no original can be told.

    Parameters
    ----------
    rows : every readable contour of the set
    limit : mean `misplaced` up to which contours lie well
    outline : the points of a contour file; only of those that may be another one moved
    """
    together: dict[tuple[str, ...], list[list[Content]]] = defaultdict(list)
    still: dict[str, list[list[Content]]] = defaultdict(list)
    for group in _groups(rows, outline):
        if _still(group, limit):
            still[group[0].patient_id].append(group)
        elif len({row.patient_id for row in group}) == len(group):
            together[(group[0].kind, *sorted(row.patient_id for row in group))].append(group)
        else:
            together[("", *(row.path for row in group))].append(group)
    for key, groups in sorted(together.items()):
        across, owner = bool(key[0]), _owners(groups[0])
        misplaced: dict[str, list[float | None]] = defaultdict(list)
        for group in groups:
            for row in group:
                misplaced[owner(row)].append(row.misplaced)
        original = _original(misplaced, limit)
        for group in groups:
            yield from _tell(group, [row for row in group if owner(row) == original], len(groups), across)
    for patient, groups in sorted(still.items()):
        yield _told_once(patient, sorted(groups, key=lambda group: group[0].path))


def _told_once(patient: str, groups: Sequence[Sequence[Content]]) -> Finding:
    count, (first, second, *_) = sum(map(len, groups)), groups[0]
    return finding(
        Code.CONTOUR_REPEATED,
        f"{patient}: {count} contours are one outline with another frame's of their slice, and fit their images "
        f"({first.path} and {second.path}, for example): carried on from frame to frame, it seems; they are not left "
        "out.",
        patient_id=patient,
        path=folder_of(first.path),
        contours=count,
        same_as=second.path,
    )


def _tell(group: Sequence[Content], originals: Sequence[Content], files: int, across: bool) -> Iterator[Finding]:
    source = next(iter(originals), None)
    for row in group:
        if row in originals:
            continue
        others = [entry for entry in group if entry is not row]
        other = source or next((entry for entry in others if entry.sha256 == row.sha256), others[0])
        message, moved = _message(row, other, source is not None), row.sha256 != other.sha256
        rewritten = row.written != other.written and not moved
        if rewritten:
            message += " The points start elsewhere or run the other way; the outline is one."
        elif across and files > 1:
            message += f" {files} contours of {row.patient_id} are copies of {other.patient_id}'s."
            if moved and source is None:
                message += " They seem to be one person under two ids, with images that were cut or moved: keep one id."
        yield finding(
            Code.CONTOUR_COPIED,
            message,
            patient_id=row.patient_id,
            number=row.number,
            path=row.path,
            original=other.path if source else None,
            same_as=other.path,
            other_patient=other.patient_id,
            content_sha256=row.written,
            outline_sha256=row.sha256,
            rewritten=rewritten,
            moved_x=round(row.form.x - other.form.x, 2) if moved else 0.0,
            moved_y=round(row.form.y - other.form.y, 2) if moved else 0.0,
            copies=len(group),
            files=files,
            misplaced=row.misplaced,
            original_misplaced=other.misplaced if source else None,
        )


def _message(row: Content, other: Content, original: bool) -> str:
    """Whose points a file holds; whether the other one is the original."""
    place = f"{other.path} of {other.patient_id}" if other.patient_id != row.patient_id else other.path
    if row.sha256 != other.sha256:
        x, y = row.form.x - other.form.x, row.form.y - other.form.y
        what = f"{row.path} holds the points of {place}, all moved by {x:.1f} pixels along x and {y:.1f} along y"
        return f"{what}; the other fits its image." if original else f"{what}; it cannot be told which is the original."
    if original:
        return f"{row.path} is a copy of {place}, in whose image it fits."
    return f"{row.path} holds the same points as {place}; it cannot be told which is the original."


def fold(findings: Sequence[Finding]) -> list[Finding]:
    """Findings with those that follow from a copy put into the copy's evidence."""
    copied = {f.path: i for i, f in enumerate(findings) if f.code is Code.CONTOUR_COPIED}
    result: list[Finding | None] = list(findings)
    for i, found in enumerate(findings):
        if found.code not in FOLLOWING:
            continue
        at = copied.get(found.path, copied.get(str(found.evidence.get("endo_path"))))
        main = result[at] if at is not None else None
        if at is None or main is None:
            continue
        numbers = {f"{found.code}: {name}": value for name, value in found.evidence.items() if _number(value)}
        message = main.message
        if found.code is Code.ENDO_OUTSIDE_EPI:
            message += f" The endocardial contour of its image leaves it by {found.evidence['outside_px']:.1f} pixels."
        result[at] = replace(main, message=message, evidence={**main.evidence, **numbers})
        result[i] = None
    return [found for found in result if found is not None]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
