"""Mistakes to make on purpose in real patients, for bench/sensitivity.py: which files get which other content.

Nothing is written here. A deed looks at a patient's files and returns what they would be with the fault.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pydicom

from cmrpipe.catalog import Catalog
from cmrpipe.geometry import centroid, equidistant
from cmrpipe.linking import link_patient
from cmrpipe.model import ContourKind, Points
from cmrpipe.readers.contours import read_contour
from cmrpipe.readers.layouts import CONTOURS, DICOMS

UP_DOWN, LEFT_RIGHT = 0, 1
"""Axes of an image (rows, cols)."""

Change: TypeAlias = Callable[[Points], Points]
Files: TypeAlias = Mapping[str, bytes | None]
"""New content by path relative to the raw folder; None for a file that goes."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One contour file: where it is, and of which image and slice."""

    path: str
    number: int
    slice_index: int


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient with contours.

    Attributes
    ----------
    contours : by kind, in the order of slices and numbers
    grid : image number by (slice, frame)
    """

    patient_id: str
    folders: tuple[str, ...]
    contours: Mapping[ContourKind, Sequence[Drawn]]
    grid: Mapping[tuple[int, int], int]

    @property
    def endo(self) -> Sequence[Drawn]:
        """All endocardia."""
        return self.contours[ContourKind.ENDO]

    @property
    def middle(self) -> list[Drawn]:
        """The endocardia in the middle third of the slices that have one."""
        slices = sorted({item.slice_index for item in self.endo})
        third = len(slices) // 3
        kept = slices[third : len(slices) - third]
        return [item for item in self.endo if item.slice_index in kept]

    @property
    def frames(self) -> int | None:
        """Frames a slice, where the cine is whole."""
        slices, frames = (len({key[axis] for key in self.grid}) for axis in (0, 1))
        return frames if frames > 2 and len(self.grid) == slices * frames else None


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault: altered files, and the numbers of the images that have it; None when the whole patient has."""

    files: Files
    numbers: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a fault goes: the raw folder, the patient, all patients of the set."""

    raw: Path
    patient: Patient
    everybody: Sequence[Patient]

    def points(self, path: str) -> Points:
        """A contour as its file has it, (n, 2), x and y."""
        contour = read_contour((self.raw / path).read_bytes(), path, 0.0).contour
        assert contour is not None
        return contour.points


Deed: TypeAlias = Callable[[Target, np.random.Generator], Planted | None]
"""Plants a fault; None where the patient has nothing to plant it in."""


def patient_of(catalog: Catalog, patient_id: str, originals: tuple[str, ...]) -> Patient:
    """A patient as the catalog has it."""
    labels = link_patient(catalog, patient_id, originals)
    images = labels.by_number()
    contours: dict[ContourKind, list[Drawn]] = {kind: [] for kind in ContourKind}
    for number, kinds in labels.contours_by_number().items():
        for kind, (record, *_) in kinds.items():
            place = images[number].slice_index if number in images else None
            if place is not None:
                contours[kind].append(Drawn(record.path, number, place))
    for items in contours.values():
        items.sort(key=lambda item: (item.slice_index, item.number))
    grid = {
        (image.slice_index, image.frame): number
        for number, image in images.items()
        if image.slice_index is not None and image.frame is not None
    }
    folders = (f"{DICOMS}/{patient_id}", *(f"{CONTOURS}/{original}" for original in originals))
    return Patient(patient_id, folders, contours, grid)


def text(points: Points) -> bytes:
    """The content of a contour file."""
    return "".join(f"{x:.4f} {y:.4f}\n" for x, y in points.tolist()).encode()


def wider(scale: float) -> Change:
    """About the centre of the area."""
    return lambda points: (points - centroid(points)) * scale + centroid(points)


def moved(x: float, y: float) -> Change:
    """By pixels."""
    return lambda points: points + np.array((x, y))


def resampled(points: Points) -> Points:
    """As many points, evenly spaced along the outline, none where one was."""
    return equidistant(points, len(points), start=0.5)


def control_points(count: int) -> Change:
    """So many points, evenly spaced along the outline."""
    return lambda points: equidistant(points, count, start=0.3)


def everywhere(kind: ContourKind, change: Change) -> Deed:
    """All contours of a kind."""

    def deed(target: Target, _: np.random.Generator) -> Planted | None:
        items = target.patient.contours[kind]
        return Planted({item.path: text(change(target.points(item.path))) for item in items}) if items else None

    return deed


def chosen(patient: Patient, rng: np.random.Generator) -> Drawn:
    """One endocardium of mid-ventricle."""
    return patient.middle[int(rng.integers(len(patient.middle)))]


def one(change: Callable[[np.random.Generator], Change]) -> Deed:
    """One endocardium."""

    def deed(target: Target, rng: np.random.Generator) -> Planted:
        item = chosen(target.patient, rng)
        return Planted({item.path: text(change(rng)(target.points(item.path)))}, frozenset({item.number}))

    return deed


def somewhere(pixels: float) -> Callable[[np.random.Generator], Change]:
    """Moved by so much in any direction."""

    def change(rng: np.random.Generator) -> Change:
        angle = rng.uniform(0, 2 * np.pi)
        return moved(pixels * np.cos(angle), pixels * np.sin(angle))

    return change


def lost(share: float) -> Callable[[np.random.Generator], Change]:
    """Without so many of its points in a row, in the middle of the file."""

    def change(rng: np.random.Generator) -> Change:
        def without(points: Points) -> Points:
            kept = np.roll(points, int(rng.integers(len(points))), axis=0)[int(share * len(points)) :]
            return np.asarray(np.roll(kept, len(kept) // 2, axis=0))

        return without

    return change


def stray(pixels: float) -> Callable[[np.random.Generator], Change]:
    """One coordinate of one point off by so much, as with a wrong digit."""

    def change(rng: np.random.Generator) -> Change:
        def wrong(points: Points) -> Points:
            points = points.copy()
            points[int(rng.integers(len(points))), int(rng.integers(2))] += pixels * float(rng.choice((-1, 1)))
            return points

        return wrong

    return change


def carried_over(target: Target, rng: np.random.Generator) -> Planted | None:
    """One endocardium is that of a slice beside it at about that frame, moved by half a pixel."""
    item = chosen(target.patient, rng)
    beside = [other for other in target.patient.endo if abs(other.slice_index - item.slice_index) == 1]
    if not beside:
        return None
    place = {number: frame for (_, frame), number in target.patient.grid.items()}
    source = min(beside, key=lambda other: (abs(place[other.number] - place[item.number]), other.number))
    return Planted({item.path: text(target.points(source.path) + 0.5)}, frozenset({item.number}))


def replaced(target: Target, rng: np.random.Generator) -> Planted:
    """One endocardium is another patient's, in that one's place."""
    item = chosen(target.patient, rng)
    others = [other for other in target.everybody if other is not target.patient]
    donor = chosen(others[int(rng.integers(len(others)))], rng)
    return Planted({item.path: text(resampled(target.points(donor.path)))}, frozenset({item.number}))


def exchanged(target: Target, rng: np.random.Generator) -> Planted | None:
    """The epicardia of two neighbouring slices, one of them of mid-ventricle, have each other's file name."""
    epi, middle = target.patient.contours[ContourKind.EPI], {item.slice_index for item in target.patient.middle}
    pairs = [p for p in pairwise(epi) if p[1].slice_index - p[0].slice_index == 1 and p[0].slice_index in middle]
    if not pairs:
        return None
    a, b = pairs[int(rng.integers(len(pairs)))]
    files = {a.path: (target.raw / b.path).read_bytes(), b.path: (target.raw / a.path).read_bytes()}
    return Planted(files, frozenset({a.number, b.number}))


def flipped(axis: int) -> Deed:
    """The image of one endocardium along an axis (rows, cols); every other byte of its file stays."""

    def deed(target: Target, rng: np.random.Generator) -> Planted:
        number = chosen(target.patient, rng).number
        path = f"{DICOMS}/{target.patient.patient_id}/{number}.dcm"
        data = (target.raw / path).read_bytes()
        pixels = pydicom.dcmread(io.BytesIO(data)).pixel_array
        assert data.count(pixels.tobytes()) == 1, f"{path} is compressed"
        return Planted({path: data.replace(pixels.tobytes(), np.flip(pixels, axis).tobytes())}, frozenset({number}))

    return deed


def renumbered(step: int) -> Deed:
    """All contours have the number of the image some frames on in their slice, after the last comes the first."""

    def deed(target: Target, _: np.random.Generator) -> Planted | None:
        patient, frames = target.patient, target.patient.frames
        if frames is None:
            return None
        place = {number: key for key, number in patient.grid.items()}
        items = [item for kind in ContourKind for item in patient.contours[kind]]
        files: dict[str, bytes | None] = {item.path: None for item in items}
        for item in items:
            slice_index, frame = place[item.number]
            number = patient.grid[slice_index, (frame - 1 + step) % frames + 1]
            path = re.sub(r"-\d+-([io]contour)", rf"-{number:04d}-\1", item.path)
            files[path] = (target.raw / item.path).read_bytes()
        return Planted(files)

    return deed


ENDO, EPI = ContourKind.ENDO, ContourKind.EPI
FAULTS: Mapping[str, Deed] = {
    "all endocardia 1.1 times as wide": everywhere(ENDO, wider(1.1)),
    "all endocardia 0.9 times as wide": everywhere(ENDO, wider(0.9)),
    "all endocardia 0.85 times as wide": everywhere(ENDO, wider(0.85)),
    "all endocardia 0.8 times as wide": everywhere(ENDO, wider(0.8)),
    "all endocardia moved by (1, 1) pixels": everywhere(ENDO, moved(1, 1)),
    "all endocardia moved by (2, 0) pixels": everywhere(ENDO, moved(2, 0)),
    "all endocardia moved by (3, 0) pixels": everywhere(ENDO, moved(3, 0)),
    "one endocardium 0.8 times as wide": one(lambda _: wider(0.8)),
    "one endocardium 1.2 times as wide": one(lambda _: wider(1.2)),
    "one endocardium moved by 4 pixels": one(somewhere(4)),
    "one endocardium without a tenth of its points": one(lost(0.1)),
    "one endocardium without a fifth of its points": one(lost(0.2)),
    "one endocardium with a point 5 pixels off": one(stray(5)),
    "one endocardium with a point 20 pixels off": one(stray(20)),
    "all endocardia as 16 points of their outline": everywhere(ENDO, control_points(16)),
    "all endocardia as 24 points of their outline": everywhere(ENDO, control_points(24)),
    "one endocardium the next slice's, half a pixel off": carried_over,
    "one endocardium another patient's": replaced,
    "all epicardia 1.2 times as wide": everywhere(EPI, wider(1.2)),
    "epicardia of two neighbouring slices exchanged": exchanged,
    "one contoured image upside down": flipped(UP_DOWN),
    "one contoured image left and right exchanged": flipped(LEFT_RIGHT),
    "numbers off by one frame in all slices": renumbered(1),
    "numbers off by two frames in all slices": renumbered(2),
}
