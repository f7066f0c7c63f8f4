"""Enums and frozen value objects that every room shares.

Conventions: x = column, y = row; arrays are (row, column); pixel centres at integers from 0; millimetres and
milliseconds. Frames and instance numbers count from 1 (scanner order), slice indices from 0 (along the slice normal).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cmrpipe.codes import FindingCode, Severity

Points: TypeAlias = npt.NDArray[np.float64]
"""(n, 2) float64, columns x and y, in pixels, pixel centres at integers from 0."""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""(rows, columns) bool."""

Evidence: TypeAlias = dict[str, float | int | str | bool | None]


class ContourKind(StrEnum):
    """Which border of the left ventricle a contour follows."""

    ENDO = "endo"
    EPI = "epi"


class Phase(StrEnum):
    """Cardiac phase of a contoured frame."""

    ED = "ED"
    ES = "ES"
    OTHER = "other"


class Label(IntEnum):
    """Values of the label image (uint8)."""

    BACKGROUND = 0
    CAVITY = 1
    MYOCARDIUM = 2


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image (one DICOM file) as its header describes it, and where it stands in the slice × frame grid.

    Attributes
    ----------
    path : path of the file, relative to the raw folder, with forward slashes
    sha256 : of the file's bytes, hexadecimal
    patient_id : the folder's name (the tag's value is `header_patient_id`)
    instance_number : InstanceNumber (0020,0013), None when absent
    file_number : the number in the file name, None when there is none in it; contours are linked by this number
    slice_index : position along the slice normal, from 0; None when it cannot be told
    frame : cardiac frame within the slice by trigger time, from 1; None when it cannot be told
    grid_source : "position" when slice and frame come from geometry and trigger time, "assumed" when the slice does and
        the header does not bear out the frame (see `cmrpipe.frames`), "number" when they were derived from the file
        number, and from the number of frames or the trigger time, "" when unknown
    trigger_time_ms : TriggerTime (0018,1060)
    position_mm : ImagePositionPatient (0020,0032), (x, y, z), patient coordinates (LPS)
    orientation : ImageOrientationPatient (0020,0037), row direction then column direction
    pixel_spacing_mm : PixelSpacing (0028,0030), (between rows, between columns), positive; None for zeros, too
    scanning_sequence, sequence_name, series_description : what was scanned, as the scanner wrote it
    acquisition_time : AcquisitionTime (0008,0032), HHMMSS.FFFFFF as in the header
    study_uid, series_uid, sop_uid : of the examination, the series and the image itself
    frame_of_reference_uid : of the coordinates that positions are given in; "" where the scanner wrote none
    pixel_min, pixel_max : smallest and largest stored value; None for compressed pixels that nobody decoded
    pixel_crc32 : CRC-32 of the stored pixels: equal for equal images (equal images are compared in full before anything
        is said of them)
    blank_rows : rows of zeros at the end of the stored pixels; None for compressed ones that nobody decoded
    error : why the file could not be read; every header field is then None or empty
    """

    path: str
    sha256: str
    bytes: int
    patient_id: str
    file_number: int | None = None
    instance_number: int | None = None
    slice_index: int | None = None
    frame: int | None = None
    grid_source: str = ""
    trigger_time_ms: float | None = None
    position_mm: tuple[float, float, float] | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    slice_location_mm: float | None = None
    slice_thickness_mm: float | None = None
    spacing_between_slices_mm: float | None = None
    frames_per_slice: int | None = None
    nominal_interval_ms: float | None = None
    heart_rate_bpm: float | None = None
    inversion_time_ms: float | None = None
    rows: int | None = None
    columns: int | None = None
    bits_allocated: int | None = None
    pixel_representation: int | None = None
    rescale_slope: float | None = None
    rescale_intercept: float | None = None
    modality: str = ""
    image_type: str = ""
    scanning_sequence: str = ""
    sequence_name: str = ""
    series_description: str = ""
    acquisition_time: str = ""
    photometric: str = ""
    header_patient_id: str = ""
    patient_weight_kg: float | None = None
    patient_size_m: float | None = None
    study_uid: str = ""
    series_uid: str = ""
    series_number: int | None = None
    frame_of_reference_uid: str = ""
    sop_uid: str = ""
    transfer_syntax_uid: str = ""
    pixel_min: int | None = None
    pixel_max: int | None = None
    pixel_crc32: int | None = None
    blank_rows: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """One closed border, drawn by an expert, without repeated end point.

    Attributes
    ----------
    kind : endocardium or epicardium
    points : (n, 2) float64, n ≥ 3, x = column and y = row in pixels, pixel centres at integers from 0, after the
        declared origin of the file was taken off; read-only
    """

    kind: ContourKind
    points: Points

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise ValueError(f"a contour needs points of shape (n, 2) with n >= 3, not {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("a contour's points must be finite numbers")
        points.setflags(write=False)
        object.__setattr__(self, "points", points)


@dataclass(frozen=True, slots=True, eq=False)
class ContourRecord:
    """One contour file as it was read.

    Attributes
    ----------
    path : path of the file, relative to the raw folder, with forward slashes
    original_id : name of the contour folder the file lies in (the link table maps it to a patient)
    number : image number in the file name (contour 0048 belongs to 48.dcm); None when the name does not say
    kind : from the file name and folder; None when they do not say or disagree
    points : (n, 2) float64 in pixel-centre coordinates from 0 (declared origin taken off); None when unreadable
    content_sha256 : of the points in the order of the file, whatever its name or line ends
    error : why the file could not be read
    """

    path: str
    sha256: str
    bytes: int
    original_id: str
    number: int | None = None
    kind: ContourKind | None = None
    points: Points | None = None
    content_sha256: str = ""
    error: str = ""

    @property
    def contour(self) -> Contour | None:
        """The contour itself, None when the file is not one."""
        if self.kind is None or self.points is None or self.error:
            return None
        return Contour(self.kind, self.points)


@dataclass(frozen=True, slots=True)
class Link:
    """One row of a link table: images of `patient_id` carry the contours of `original_id`; `line` counts from 1."""

    patient_id: str
    original_id: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about the data.

    Attributes
    ----------
    code : what was found; `cmrpipe findings` explains each
    severity : the code's own severity unless a parameter changed it
    patient_id : "" when it concerns no single patient
    instance_number : number of the image it concerns (that in its file's name), None when it concerns no single one
    path : file or folder it is about, relative to the raw folder
    message : one sentence for a person
    evidence : the numbers behind the sentence
    """

    code: FindingCode
    severity: Severity
    patient_id: str
    instance_number: int | None
    path: str
    message: str
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Something the store leaves out.

    Attributes
    ----------
    what : "contour", "image" or "patient"
    name : the file's path relative to the raw folder, or the patient id
    why : the finding's code, or a reviewer's words
    by : "rule", or the reviewer's name
    when : the date of a person's decision (ISO 8601); empty for a rule, whose date is that of the run's commit
    keep : True when a person decided to keep it in spite of a rule
    seen : fingerprint of the bytes that the decision is about (see `cmrpipe.checks.subjects`); empty until the
        next validation
    """

    what: str
    name: str
    why: str
    by: str
    when: str = ""
    keep: bool = False
    seen: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One contoured image: what overlays draw and the store holds.

    Attributes
    ----------
    record : the image's catalog row
    image : (rows, columns), the scanner's integer type, or float32 where rescale tags were applied; None if not loaded
    endo, epi : the contours that exist and are not in quarantine
    phase : ED, ES or other
    """

    record: ImageRecord
    image: npt.NDArray[np.generic] | None
    endo: Contour | None
    epi: Contour | None
    phase: Phase
