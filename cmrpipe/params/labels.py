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
        description="codes whose contour, image or patient the store leaves out",
    )
    severity: dict[FindingCode, Severity] = Field({}, description="severities other than the table's own")
    square: float = Field(0.01, ge=0, description="relative difference of row and column spacing that is not square")
    angle_deg: float = Field(1.0, ge=0, description="angle between images of one series that is not parallel")
    blank_end: float = Field(
        0.06, gt=0, le=1, description="share of an image's rows that are blank at its end beyond those of its slice"
    )
    burnt: float = Field(
        0.75, gt=0, le=1, description="share of a contour that is a line in the image from which it was drawn into it"
    )
    blank_rows: float = Field(
        0.025, gt=0, le=1, description="share of a contoured image's rows that are blank in one block within it"
    )
    gap: float = Field(0.10, ge=0, description="relative deviation of a slice gap from the median that is irregular")
    gap_header: float = Field(0.05, ge=0, description="relative difference of header's and measured slice gap")
    field_mm: tuple[float, float] = Field(
        (200.0, 500.0), description="smallest and largest field of view, the longer side of an image"
    )
    slice_gap_mm: tuple[float, float] = Field((4.0, 20.0), description="smallest and largest distance between slices")
    edv_ml: tuple[float, float] = Field((40.0, 600.0), description="smallest and largest end-diastolic volume")
    mass_g: tuple[float, float] = Field((30.0, 500.0), description="smallest and largest myocardial mass")
    outside_px: float = Field(1.0, ge=0, description="how far the endocardium may leave the epicardium, pixels")
    outside_mm: float = Field(1.3, ge=0, description="the same in mm, where this is more and the spacing is known")
    open_steps: float = Field(
        3.5, gt=1, description="step between two points, over the contour's third longest, that leaves it open"
    )
    coarse: float = Field(
        0.015, gt=0, description="share of its area that a contour of few points would gain as a smooth curve"
    )
    wall_mm: tuple[float, float] = Field((3.0, 20.0), description="smallest and largest mean wall thickness")
    wall_share: tuple[float, float] = Field(
        (0.08, 1.5), description="the same in cavity radii, where the pixel spacing is not known"
    )
    end_base: float = Field(
        0.27, ge=0, description="share of the end-diastolic areas in slices at the base without end-systolic contour"
    )
    end_apex: float = Field(0.15, ge=0, description="the same at the apex")
    end_beyond: float = Field(
        0.05, ge=0, description="share of the end-systolic areas in slices beyond those drawn at end-diastole"
    )
    end_width: float = Field(
        0.82, gt=0, description="width of the outermost cavities, of the widest, above which slices beyond are lost"
    )
    area_jump: float = Field(
        1.35, gt=1, description="cavity radius over (or below) that which its neighbours let expect"
    )
    centre_jump: float = Field(
        0.5, gt=0, description="distance of the cavity's centre from the expected one, in cavity radii"
    )
    fit: float = Field(0.4, ge=-1, le=1, description="fit (-1 to 1) below which a contour does not belong to its image")
    fit_patient: float = Field(0.75, ge=-1, le=1, description="the same for the median over a patient's contours")
    fit_suspect: float = Field(
        0.8, ge=-1, le=1, description="fit below which a contour with a displaced centre is held against other causes"
    )
    other_slice: float = Field(
        0.25,
        ge=0,
        description="share of a patient's contours that fit the next slice better, less those that fit it worse",
    )
    other_slice_part: float = Field(0.35, ge=0, description="the same of the contours from some slice to an end")
    heartbeat: float = Field(
        0.6,
        ge=0,
        le=1,
        description="share of the heartbeat's change that a patient's contours span, below which the frames are wrong",
    )
    one_frame: float = Field(
        0.75, gt=0.5, le=1, description="share of a phase's slices drawn at one frame, from which others are told"
    )
    copy_original: float = Field(
        0.25, ge=0, description="misplacement (0 is perfect) up to which one of two equal contours is the original"
    )
    alike: float = Field(
        0.9, gt=0.5, le=1, description="agreement of two patients' images from which they are one picture"
    )
    origin_px: float = Field(0.5, gt=0, description="shift of the whole set against the declared origin, pixels")
    origin_patient_px: float = Field(1.2, gt=0, description="shift of one patient against that of the set, pixels")

    @field_validator("field_mm", "slice_gap_mm", "edv_ml", "mass_g", "wall_mm", "wall_share")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1]:
            raise ValueError("needs a smallest and a largest value")
        return value
