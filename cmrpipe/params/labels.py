"""The section of validate: what is left out, and from where on something is told."""

from __future__ import annotations

from pydantic import Field, field_validator

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.params.section import Section


class ValidateParams(Section):
    """Thresholds of the checks, and which findings send a label to quarantine."""

    quarantine: tuple[FindingCode, ...] = Field(
        (
            FindingCode.LINK_AMBIGUOUS,
            FindingCode.IMAGE_UNDECODABLE,
            FindingCode.IMAGE_NOT_MR,
            FindingCode.IMAGE_NUMBER_MISMATCH,
            FindingCode.IMAGE_DUPLICATE_INSTANCE,
            FindingCode.IMAGE_DUPLICATE_PIXELS,
            FindingCode.IMAGE_IN_TWO_PATIENTS,
            FindingCode.STUDY_IN_TWO_PATIENTS,
            FindingCode.PATIENTS_ALIKE,
            FindingCode.IMAGE_PATIENT_MISMATCH,
            FindingCode.PERSON_IN_TWO_PATIENTS,
            FindingCode.IMAGE_CONSTANT,
            FindingCode.IMAGE_BLANK_END,
            FindingCode.CONTOUR_IN_IMAGE,
            FindingCode.IMAGE_BLANK_ROWS,
            FindingCode.SIZE_CHANGES,
            FindingCode.ORIENTATION_CHANGES,
            FindingCode.EPI_WITHOUT_ENDO,
            FindingCode.CONTOUR_OUT_OF_BOUNDS,
            FindingCode.CONTOUR_SELF_INTERSECTING,
            FindingCode.CONTOUR_OPEN,
            FindingCode.CONTOUR_SPIKE,
            FindingCode.CONTOUR_COARSE,
            FindingCode.ENDO_OUTSIDE_EPI,
            FindingCode.CONTOUR_COPIED,
            FindingCode.CONTOUR_MISFIT,
            FindingCode.CONTOURS_OTHER_PHASE,
        ),
        description="finding codes that keep their contour, image or patient out of the store",
    )
    severity: dict[FindingCode, Severity] = Field(
        {}, description="finding codes with another severity than the table's, as code: severity"
    )
    square: float = Field(
        0.01, ge=0, description="relative difference of row and column spacing above which pixels are not square"
    )
    angle_deg: float = Field(1.0, ge=0, description="degrees above which images of one stack are not parallel")
    blank_end: float = Field(
        0.06,
        gt=0,
        le=1,
        description="share of blank rows at an image's end, more than in its slice, above which data are lost",
    )
    burnt: float = Field(
        0.75,
        gt=0,
        le=1,
        description="share of a contour along which the image has a line, above which it is drawn into the image",
    )
    blank_rows: float = Field(
        0.025,
        gt=0,
        le=1,
        description="share of rows in one blank block within a contoured image above which data are lost",
    )
    gap_header: float = Field(
        0.05,
        ge=0,
        description="relative difference of the header's and the measured slice gap above which they disagree",
    )
    overlap: float = Field(
        0.4, ge=0, lt=1, description="share of the slice thickness above which slices overlap too far"
    )
    field_mm: tuple[float, float] = Field(
        (200.0, 500.0), description="smallest and largest plausible field of view, the longer side of an image"
    )
    slice_gap_mm: tuple[float, float] = Field(
        (4.0, 20.0), description="smallest and largest plausible distance between slices"
    )
    edv_ml: tuple[float, float] = Field(
        (40.0, 600.0), description="smallest and largest plausible end-diastolic volume"
    )
    mass_g: tuple[float, float] = Field((30.0, 500.0), description="smallest and largest plausible myocardial mass")
    outside_px: float = Field(1.0, ge=0, description="how far the endocardium may leave the epicardium, pixels")
    outside_mm: float = Field(1.3, ge=0, description="the same in mm, used where it is more and the spacing is known")
    open_steps: float = Field(
        3.5,
        gt=1,
        description="step between two points, over the contour's third longest, above which the contour is open",
    )
    coarse: float = Field(
        0.015, gt=0, description="share of area gained as a smooth curve, above which a contour has too few points"
    )
    wall_mm: tuple[float, float] = Field((3.0, 20.0), description="smallest and largest plausible mean wall thickness")
    wall_share: tuple[float, float] = Field(
        (0.08, 1.5), description="the same in cavity radii, used where the pixel spacing is not known"
    )
    end_base: float = Field(
        0.27,
        ge=0,
        description="share of end-diastolic area in basal slices not drawn at end-systole, above which some are lost",
    )
    end_apex: float = Field(0.15, ge=0, description="the same at the apex")
    end_beyond: float = Field(
        0.05,
        ge=0,
        description="share of end-systolic area beyond the end-diastolic slices, above which contours are lost",
    )
    end_width: float = Field(
        0.82,
        gt=0,
        description="width of the outermost cavities over the widest, above which the slices beyond them are lost",
    )
    area_jump: float = Field(
        1.35, gt=1, description="factor by which a cavity's radius may differ from that expected from its neighbours"
    )
    centre_jump: float = Field(
        0.5, gt=0, description="distance that a cavity's centre may have from the expected one, in cavity radii"
    )
    fit: float = Field(0.4, ge=-1, le=1, description="fit (-1 to 1) below which a contour does not belong to its image")
    fit_patient: float = Field(0.75, ge=-1, le=1, description="the same for the median over a patient's contours")
    fit_suspect: float = Field(
        0.8, ge=-1, le=1, description="fit below which causes are also tried for a contour whose centre is displaced"
    )
    other_slice: float = Field(
        0.25,
        ge=0,
        description="share of contours that fit the next slice better, less those worse, above which all are off",
    )
    other_slice_part: float = Field(0.35, ge=0, description="the same for only the contours from some slice to an end")
    heartbeat: float = Field(
        0.6,
        ge=0,
        le=1,
        description="share of the heartbeat's change that contours span, below which their frames are wrong",
    )
    one_frame: float = Field(
        0.75,
        gt=0.5,
        le=1,
        description="share of a phase's slices drawn at one frame, from which a slice at another frame is reported",
    )
    copy_original: float = Field(
        0.25,
        ge=0,
        description="misplacement (0 is perfect) up to which one of several equal contours can be the original",
    )
    alike: float = Field(
        0.9, gt=0.5, le=1, description="agreement of two patients' images from which they are the same picture"
    )
    origin_px: float = Field(
        0.5, gt=0, description="pixels above which the whole set is shifted against the declared origin"
    )
    origin_patient_px: float = Field(1.2, gt=0, description="pixels above which one patient is shifted against the set")

    @field_validator("field_mm", "slice_gap_mm", "edv_ml", "mass_g", "wall_mm", "wall_share")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1]:
            raise ValueError("needs a smallest and a largest value")
        return value
