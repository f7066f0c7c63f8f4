"""Pictures inside the page (as data URIs) and beside it (as relative addresses)."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from urllib.parse import quote

from cmrpipe.codes import Severity
from cmrpipe.model import ContourKind, Phase
from cmrpipe.pictures.overlay import middle_panel
from cmrpipe.report.facts import Drawn, Facts, PatientFacts


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with its caption.

    Attributes
    ----------
    source : an address, or a data URI
    link : address of the larger one, "" if there is none
    page : address of the patient's page, "" if there is none
    bad : whether something is wrong with it
    """

    source: str
    title: str
    caption: str
    link: str = ""
    page: str = ""
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Album:
    """The overlay stage's pictures as seen from a page in `page_folder`."""

    overlays: Path
    page_folder: Path

    def _address(self, name: str) -> str:
        if not (self.overlays / name).is_file():
            return ""
        return quote(Path(os.path.relpath(self.overlays / name, self.page_folder)).as_posix())

    def whole(self, patient_id: str, number: int) -> str:
        """Address of an image's picture; empty when it is not there."""
        return self._address(f"{patient_id}/{number:04d}.png")

    def strip(self, patient_id: str, number: int) -> str:
        """Address of an image's neighbour strip; empty when it is not there."""
        return self._address(f"{patient_id}/{number:04d}_strip.png")

    def cine(self, patient_id: str, slice_index: int) -> str:
        """Address of the sheet of a slice's frames; empty when it is not there."""
        return self._address(f"{patient_id}/cine_{slice_index:02d}.jpg")

    def heart(self, patient_id: str, number: int) -> str:
        """The middle panel of an image's strip as a data URI; empty when it is not there."""
        path = self.overlays / patient_id / f"{number:04d}_strip.png"
        return data_uri(middle_panel(path.read_bytes())) if path.is_file() else ""


def data_uri(png: bytes) -> str:
    """A PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _in_turn(groups: Iterable[list[tuple[PatientFacts, Drawn]]]) -> Iterator[tuple[PatientFacts, Drawn]]:
    """The first of every group, then the second of every group, ..."""
    for row in zip_longest(*groups):
        yield from (item for item in row if item is not None)


def is_wrong(patient: PatientFacts, drawn: Drawn) -> bool:
    """Whether an image has an error, or a contour that is left out."""
    errors = {found.instance_number for found in patient.findings if found.severity is Severity.ERROR}
    return bool(drawn.left_out) or drawn.number in errors


def _typical(patient: PatientFacts) -> list[tuple[PatientFacts, Drawn]]:
    """A patient's images without trouble, end-diastole with both contours and the middle slice first."""
    fine = [drawn for drawn in patient.drawn if not is_wrong(patient, drawn)]
    slices = sorted({drawn.slice_index for drawn in fine if drawn.slice_index is not None})
    middle = slices[len(slices) // 2] if slices else 0

    def order(drawn: Drawn) -> tuple[bool, bool, int]:
        both = ContourKind.EPI in drawn.kinds
        return (not both, drawn.phase is not Phase.ED, abs((drawn.slice_index or 0) - middle))

    return [(patient, drawn) for drawn in sorted(fine, key=order)]


def describe(drawn: Drawn) -> str:
    """Where a contoured image stands."""
    parts = [] if drawn.slice_index is None else [f"slice {drawn.slice_index}"]
    parts += [] if drawn.frame is None else [f"frame {drawn.frame}"]
    parts += [] if drawn.phase is Phase.OTHER else [str(drawn.phase)]
    return ", ".join([*parts, f"image {drawn.number}"])


def gallery(facts: Facts, album: Album, pages: Mapping[str, str], most: int) -> tuple[list[Picture], list[Picture]]:
    """Hearts to show on the front page: what is wrong or left out, and how the rest looks; at most `most` of each."""
    wrong = _in_turn([(p, drawn) for drawn in p.drawn if is_wrong(p, drawn)] for p in facts.patients)
    fine = _in_turn(_typical(patient) for patient in facts.patients)

    def pictures(items: Iterator[tuple[PatientFacts, Drawn]], bad: bool) -> list[Picture]:
        shown = (_picture(patient, drawn, album, pages, bad) for patient, drawn in items)
        return list(islice((picture for picture in shown if picture.source), most))

    return pictures(wrong, True), pictures(fine, False)


def _picture(patient: PatientFacts, drawn: Drawn, album: Album, pages: Mapping[str, str], bad: bool) -> Picture:
    name = patient.patient_id
    codes = sorted({found.code.value for found in patient.findings if found.instance_number == drawn.number})
    notes = [f"{kind} left out" for kind in drawn.left_out] + codes
    caption = " · ".join([describe(drawn), *notes])
    return Picture(
        album.heart(name, drawn.number), name, caption, album.strip(name, drawn.number), pages.get(name, ""), bad
    )
