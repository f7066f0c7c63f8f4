"""What a run's artefacts say, as plain values: the pages, the printed table and the verdict are made of these alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cmrpipe.checks.missing import Missing
from cmrpipe.codes import Severity
from cmrpipe.model import Contour, ContourKind, Finding, Phase, Quarantine
from cmrpipe.pictures.coverage import Coverage


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One contoured image: its number, place, phase, which contours it carries, and those that are left out."""

    number: int
    slice_index: int | None
    frame: int | None
    phase: Phase
    contours: tuple[Contour, ...]
    left_out: tuple[ContourKind, ...]

    @property
    def kinds(self) -> tuple[ContourKind, ...]:
        """Kinds of its contours."""
        return tuple(contour.kind for contour in self.contours)


@dataclass(frozen=True, slots=True, eq=False)
class PatientFacts:
    """One patient.

    Attributes
    ----------
    images, endo, epi : numbers of files, readable or not for images, readable for contours
    unreadable : images that cannot be read
    findings : those about this patient, gravest first
    left_out : rows of the quarantine that concern it
    samples : contoured images in the store; None without a store
    part : train, val or test; "" when no model knows the patient
    scores : the patient's row of the evaluation
    measures : figures to compare patients by (see `cmrpipe.report.measures`), those that can be had
    clinical : the patient's row of the clinical table, as text; empty without one
    cine : what the overlay stage says of its sheets of frames; empty without any
    """

    patient_id: str
    original_ids: tuple[str, ...]
    images: int
    unreadable: int
    endo: int
    epi: int
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]
    left_out: tuple[Quarantine, ...]
    samples: int | None
    part: str
    scores: Mapping[str, float | None]
    coverage: Coverage
    drawn: tuple[Drawn, ...]
    spacing_mm: tuple[float, float] | None
    measures: Mapping[str, float]
    clinical: Mapping[str, str]
    cine: Mapping[str, Any]

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(found.severity == severity for found in self.findings)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row of the training's course; None where a figure does not exist."""

    epoch: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class ImageScores:
    """One image's row of the evaluation."""

    patient_id: str
    number: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The model.

    Attributes
    ----------
    history : epochs of the training that is kept
    first : epochs of the one before it, where there were two (see `cmrpipe.learn.selftraining`)
    metrics : the evaluation's main figures, empty before evaluation
    images : its rows by image
    beside : of each baseline its mean Dice by patient: patient's id, then `otsu_cavity`, `mean_shape_myocardium`, ...
    evaluation : all of its metrics.json
    volumes : its rows of volumes by expert and model, as text
    """

    parts: Mapping[str, tuple[str, ...]]
    history: tuple[Epoch, ...]
    first: tuple[Epoch, ...]
    metrics: Mapping[str, float | None]
    images: tuple[ImageScores, ...]
    beside: Mapping[str, Mapping[str, float]]
    evaluation: Mapping[str, Any]
    volumes: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is left out.

    Attributes
    ----------
    row : the first row of the quarantine that says so
    patient_id : whose it is, "" for nobody's
    what : endo, epi, contour, image or patient
    reasons : those of all rows that say so
    """

    row: Quarantine
    patient_id: str
    what: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """A run.

    Attributes
    ----------
    endo, epi : readable contours in all contour folders, linked or not
    contours : contour files, readable or not
    validated : whether findings are there at all
    findings : of all patients and of the set as a whole, gravest first
    left_out : rows of the quarantine that hold
    kept : rows by which a person keeps what a rule would leave out
    samples : contoured images in the store, None without a store
    model : None without one
    """

    patients: tuple[PatientFacts, ...]
    contours: int
    endo: int
    epi: int
    validated: bool
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]
    left_out: tuple[LeftOut, ...]
    kept: tuple[Quarantine, ...]
    samples: int | None
    model: ModelFacts | None
    versions: Mapping[str, str]

    @property
    def images(self) -> int:
        """Image files."""
        return sum(patient.images for patient in self.patients)

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(found.severity == severity for found in self.findings)
