"""What planting a fault needs: where it goes, hands that keep account of what they touch, an entry's form."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pydicom
from pydicom.dataset import FileDataset

from cmrpipe.codes import FindingCode
from cmrpipe.model import ContourKind, Phase, Points
from cmrpipe.phantom.contour_writer import ORIGIN, contour_path, contour_text
from cmrpipe.phantom.dicom_writer import encode
from cmrpipe.phantom.link_writer import link_table
from cmrpipe.phantom.scene import Grid
from cmrpipe.phantom.truth import PatientTruth, Truth
from cmrpipe.readers.layouts import CONTOURS, DICOMS, LINK_TABLE


class Scope(StrEnum):
    """How much of the data a fault takes for itself, so that no other fault hides it."""

    SET = "set"
    """The link table as a whole: any number together."""
    LIGHT = "light"
    """One patient's link row or folder; leaves images and contours as they are."""
    IMAGE = "image"
    """One image without contours."""
    SLICE = "slice"
    """One contoured slice; its neighbours stay untouched."""
    PATIENT = "patient"
    """One patient or more, altogether."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault goes: patients (from 0), slice (acquisition order) and frame; -1 where they do not apply."""

    patients: tuple[int, ...] = ()
    position: int = -1
    frame: int = -1


@dataclass(frozen=True, slots=True)
class Spot:
    """A place with the patients' truth at hand."""

    patients: tuple[PatientTruth, ...]
    position: int
    frame: int

    @property
    def patient(self) -> PatientTruth:
        """The patient the fault is about."""
        return self.patients[0]


@dataclass(frozen=True, slots=True)
class Note:
    """What a fault did, see `Planted`; `patient_id` is None when it is the spot's first patient's."""

    path: str
    detail: str
    number: int | None = None
    patient_id: str | None = None
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class LinkStyle:
    """How the link table will be written."""

    separator: str = ","
    line_end: str = "\n"
    byte_order_mark: bool = False


@dataclass(slots=True)
class Site:
    """A phantom folder under alteration.

    Attributes
    ----------
    rows : of the link table, without its header; `finish` writes them
    touched : files altered, made or removed since it was last emptied, relative to the root
    """

    root: Path
    truth: Truth
    grid: Grid
    rows: list[tuple[str, ...]] = field(default_factory=list)
    style: LinkStyle = field(default_factory=LinkStyle)
    touched: set[str] = field(default_factory=set)

    def write(self, path: str, data: bytes) -> None:
        """Write a file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)
        self.touched.add(path)

    def read(self, path: str) -> bytes:
        """Read a file."""
        return (self.root / path).read_bytes()

    def remove(self, path: str) -> None:
        """Remove a file."""
        (self.root / path).unlink()
        self.touched.add(path)

    def remove_folder(self, path: str) -> None:
        """Remove a folder with all its files."""
        self.touched.update(self.files(path))
        shutil.rmtree(self.root / path)

    def files(self, path: str) -> list[str]:
        """Files below a folder, sorted."""
        return sorted(p.relative_to(self.root).as_posix() for p in (self.root / path).rglob("*") if p.is_file())

    def image(self, patient: PatientTruth, number: int) -> str:
        """Path of an image."""
        return f"{DICOMS}/{patient.patient_id}/{number}.dcm"

    def images(self, patient: PatientTruth) -> list[str]:
        """Paths of all images of a patient."""
        return self.files(f"{DICOMS}/{patient.patient_id}")

    def dataset(self, path: str) -> FileDataset:
        """An image's content."""
        return pydicom.dcmread(io.BytesIO(self.read(path)))

    def change_image(self, path: str, change: Callable[[FileDataset], None]) -> None:
        """Alter an image's tags."""
        dataset = self.dataset(path)
        change(dataset)
        self.write(path, encode(dataset))

    def contour(self, patient: PatientTruth, position: int, phase: Phase, kind: ContourKind) -> tuple[str, int]:
        """Path and image number of a contour."""
        number = self.grid.number(position, self.grid.ed_frame if phase is Phase.ED else self.grid.es_frame)
        return contour_path(patient.original_id, number, kind).as_posix(), number

    def contours(self, patient: PatientTruth) -> list[str]:
        """Paths of all contour files of a patient."""
        return self.files(f"{CONTOURS}/{patient.original_id}")

    def points(self, path: str) -> Points:
        """A contour's points, (n, 2), pixel-centre coordinates from 0."""
        rows = [line.split() for line in self.read(path).decode().splitlines()]
        return np.array(rows, dtype=np.float64) - ORIGIN

    def write_points(self, path: str, points: Points) -> None:
        """Write a contour's points, pixel-centre coordinates from 0."""
        self.write(path, contour_text(points).encode())

    def link(self, patient: PatientTruth) -> int:
        """Index of the patient's row in the link table."""
        return self.rows.index((patient.patient_id, patient.original_id))

    def set_link(self, patient: PatientTruth, rows: Sequence[tuple[str, ...]]) -> None:
        """Put other rows (or none) in the place of the patient's row."""
        at = self.link(patient)
        self.rows[at : at + 1] = rows
        self.touched.add(LINK_TABLE)

    def finish(self) -> None:
        """Write the link table."""
        style = self.style
        data = link_table(
            self.rows, separator=style.separator, line_end=style.line_end, byte_order_mark=style.byte_order_mark
        )
        (self.root / LINK_TABLE).write_bytes(data)


def systolic(site: Site, spot: Spot) -> tuple[str, int]:
    """The slice's end-systolic endocardium: it has no epicardium, so that its fault stays its own."""
    return site.contour(spot.patient, spot.position, Phase.ES, ContourKind.ENDO)


def reshape(site: Site, spot: Spot, change: Callable[[Points], Points], detail: str) -> Note:
    """Change the shape of the slice's end-systolic endocardium."""
    path, number = systolic(site, spot)
    site.write_points(path, change(site.points(path)))
    return Note(path, detail, number)


Deed: TypeAlias = Callable[[Site, Spot, np.random.Generator], Note]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault.

    Attributes
    ----------
    name : as `--faults` takes it
    about : one line for people
    code : the finding that must report it
    scope : what it takes for itself
    plant : does it
    also : codes that may rightly accompany it at the same patient
    patients : how many patients it takes, for scope PATIENT
    """

    name: str
    about: str
    code: FindingCode
    scope: Scope
    plant: Deed
    also: frozenset[FindingCode] = frozenset()
    patients: int = 1


UNUSABLE = frozenset({FindingCode.CONTOUR_MISSING, FindingCode.ENDO_WITHOUT_EPI, FindingCode.EPI_WITHOUT_ENDO})
"""What follows when one contour cannot be used."""

MISSHAPEN = frozenset(
    {
        FindingCode.CONTOUR_MISFIT,
        FindingCode.AREA_JUMP,
        FindingCode.CENTROID_JUMP,
        FindingCode.ENDO_OUTSIDE_EPI,
        FindingCode.WALL_IMPLAUSIBLE,
        FindingCode.ORIGIN_DISAGREES,
        FindingCode.CONTOURS_OTHER_SLICE,
        FindingCode.CONTOURS_OTHER_PHASE,
        FindingCode.PHASES_UNCLEAR,
    }
)
"""What may follow when one contour's shape or place is wrong."""
