"""Sections of the stages that bring data in, draw them and store them."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from cmrpipe.params.section import Section


class SourceParams(Section):
    """Where patients come from, and when they count as complete."""

    settle_s: float = Field(
        10.0, ge=0, description="seconds that a patient's source must hold still before the patient lands"
    )
    contours: str = Field("", description="folder with contourfiles/ and link.csv, for a source that has images only")
    pack: bool = Field(
        False,
        description="land each patient as uncompressed zip archives, from some hundred patients on (docs/scale.md)",
    )
    sort: Literal["auto", "always"] = Field(
        "auto",
        description="which folders are sorted by headers: those without dicoms/ (auto), or every folder (always)",
    )
    series: str = Field(
        "", description="regular expression that the description of the wanted series contains; empty: take the cine"
    )
    query: dict[str, str] = Field(
        {"ModalitiesInStudy": "MR"}, description="PACS: studies to look for, DICOM keywords and values"
    )
    page: int = Field(500, ge=1, description="PACS: results asked for at a time")
    timeout_s: float = Field(60.0, gt=0, description="PACS: seconds to wait for an answer")
    plain_http: bool = Field(False, description="PACS: allow credentials to travel unencrypted to other machines")
    block: str = Field(
        "cmrpipe-pacs", description="PACS: name of the Prefect secret block with user and password, or token"
    )

    @field_validator("series")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression ({error})") from error
        return value


class IngestParams(Section):
    """How files are read."""

    contour_origin: float = Field(
        1.0, description="coordinate of the first pixel's centre in the contour files (docs/contour-origin.md)"
    )
    frames_per_slice: int = Field(
        20, ge=1, description="cardiac frames a slice, assumed (and reported) only where header and images do not say"
    )


class OverlayParams(Section):
    """Pictures."""

    scale: int = Field(2, ge=1, le=8, description="screen pixels per image pixel")
    window_percentiles: tuple[float, float] = Field(
        (1.0, 99.5), description="percentiles of the image that are shown as black and white"
    )
    line_width: float = Field(1.6, gt=0, le=8, description="width of the outlines in screen pixels")
    strip_pixels: int = Field(
        256, ge=120, le=1024, description="side of one picture in the strip of neighbouring slices, in screen pixels"
    )
    cine: bool = Field(True, description="also draw all frames of every slice, which the patients' pages play")

    @field_validator("window_percentiles")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= 100:
            raise ValueError("needs two percentiles, 0 <= low < high <= 100")
        return value


class StoreParams(Section):
    """The training store."""

    format: Literal["hdf5", "zarr"] = Field("hdf5", description="hdf5 reads faster, zarr is smaller (docs/store.md)")


class ReportParams(Section):
    """The pages."""

    pictures: int = Field(12, ge=0, le=200, description="most pictures of each kind inside the front page")
    comparisons: int = Field(20, ge=0, le=100, description="most pictures of expert and model on the front page")
    rows: int = Field(1000, ge=10, description="most rows of a table on the front page, gravest first")
    maps: int = Field(24, ge=0, description="most coverage maps on the front page")
    patient_pages: bool = Field(True, description="also write a page for each patient")
