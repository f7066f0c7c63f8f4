"""`params.yaml`: one frozen section per stage; unknown keys and values out of range are refused by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from yaml.constructor import ConstructorError

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.errors import ParamsError
from cmrpipe.plainyaml import read_yaml


class Section(BaseModel):
    """A section of params.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false, which YAML has many words for, where they would pass as 1 and 0."""
        kind = cls.model_fields[info.field_name or ""].annotation
        members = value if isinstance(value, list | tuple) else (value,)
        if kind is not bool and any(isinstance(member, bool) for member in members):
            raise ValueError("neither true nor false (on, off, yes, no) can stand here")
        return value


class SourceParams(Section):
    """Where patients come from, and when they count as complete."""

    settle_s: float = Field(
        10.0, ge=0, description="a patient lands when its source has held still for so many seconds"
    )
    contours: str = Field("", description="folder with contourfiles/ and link.csv for sources of images only")
    pack: bool = Field(
        False, description="land each patient as one uncompressed zip; from some hundred patients on, see docs/scale.md"
    )
    sort: Literal["auto", "always"] = Field(
        "auto", description="sort by headers: folders without dicoms/ (auto), or every folder (always)"
    )
    series: str = Field("", description="regular expression in the description of the series to take; empty: the cine")
    query: dict[str, str] = Field(
        {"ModalitiesInStudy": "MR"}, description="PACS: studies to look for, DICOM keywords and values"
    )
    page: int = Field(500, ge=1, description="PACS: rows asked for at a time")
    timeout_s: float = Field(60.0, gt=0, description="PACS: seconds to wait for an answer")
    plain_http: bool = Field(False, description="PACS: send credentials unencrypted to other machines")
    block: str = Field("cmrpipe-pacs", description="PACS: Prefect secret block with user and password, or token")

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

    contour_origin: float = Field(1.0, description="coordinate that the contour files give to the first pixel's centre")
    frames_per_slice: int = Field(
        20, ge=1, description="cardiac frames a slice, assumed (and reported) only where header and images do not say"
    )


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


class OverlayParams(Section):
    """Pictures."""

    scale: int = Field(2, ge=1, le=8, description="screen pixels per image pixel")
    window_percentiles: tuple[float, float] = Field((1.0, 99.5), description="display window of the image")
    line_width: float = Field(1.6, gt=0, le=8, description="width of the outlines in screen pixels")
    strip_pixels: int = Field(
        256, ge=120, le=1024, description="side of a panel of the neighbour strip, in screen pixels"
    )
    cine: bool = Field(True, description="also a sheet of all frames of every slice, which the patients' pages play")

    @field_validator("window_percentiles")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= 100:
            raise ValueError("needs two percentiles, 0 <= low < high <= 100")
        return value


class StoreParams(Section):
    """The training store."""

    format: Literal["hdf5", "zarr"] = Field(
        "hdf5", description="of the patients' files; HDF5 reads faster, Zarr is smaller and read by more languages"
    )


BASIC_LEVELS = 5
"""Of MONAI's BasicUNet."""


class TrainParams(Section):
    """The model and its training."""

    seed: int = Field(0, ge=0, description="of the split, the first weights, the order of samples and the augmentation")
    val_fraction: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="share of the patients that choose the best epoch; where it comes to nobody, the last epoch counts",
    )
    test_fraction: float = Field(
        0.2, gt=0, lt=0.5, description="share of the patients that evaluate judges the model on"
    )
    image_size: int = Field(
        128, ge=32, multiple_of=32, description="rows and columns of the network's input, a window about the heart"
    )
    pixel_mm: float = Field(
        1.4, gt=0, description="pixel size of the window, mm; images of unknown spacing keep their own pixels"
    )
    whole: float = Field(
        0.05, ge=0, le=1, description="share of the draws that show the whole image, as where the heart is not known"
    )
    intensity_percentiles: tuple[float, float] = Field(
        (1.0, 99.0), description="percentiles of the middle half of the window that become 0 and 1"
    )
    network: Literal["residual", "basic", "vanilla"] = Field(
        "residual", description="UNet with residual units, plain, or the plain one of 64 to 1024 channels"
    )
    channels: tuple[int, ...] = Field(
        (16, 32, 64, 128, 256),
        min_length=2,
        max_length=6,
        description="feature channels of the UNet, finest level first; vanilla has its own",
    )
    complete: bool = Field(
        True,
        description="train twice where only some images have an epicardium: at last with those that the first sees",
    )
    batch_size: int = Field(8, ge=1, description="images a step")
    steps: int = Field(
        4000, ge=1, description="of a training, in whole epochs; the learning rate's schedule spans them"
    )
    epochs: int = Field(250, ge=1, description="at most: with few samples, more than that is learning them by heart")
    patience: int = Field(20, ge=1, description="epochs without a better validation Dice after which training stops")
    learning_rate: float = Field(2e-3, gt=0, description="highest rate; it rises to this and falls to almost 0")
    weight_decay: float = Field(1e-4, ge=0)
    rotation_degrees: float = Field(45.0, ge=0, le=180, description="augmentation: largest rotation either way")
    scaling: float = Field(0.2, ge=0, lt=1, description="augmentation: largest relative change of size")
    stretch: float = Field(0.15, ge=0, lt=1, description="augmentation: one axis longer by it, the other shorter")
    shift: float = Field(0.1, ge=0, lt=1, description="augmentation: largest shift as a share of the window")
    contrast: float = Field(
        0.4, ge=0, lt=1, description="augmentation: largest relative change of gamma and brightness"
    )
    noise: float = Field(0.04, ge=0, lt=1, description="augmentation: standard deviation of noise, image range 0 to 1")
    workers: int = Field(
        0,
        ge=0,
        description="processes that read and augment; with none, a thread does, a batch ahead; changes no output",
    )
    threads: int = Field(
        1,
        ge=1,
        description="CPU threads; the model's last bits depend on their number, and more than are idle slow it down",
    )
    accelerator: Literal["auto", "cpu", "gpu"] = Field("auto", description="a GPU gives other last bits than a CPU")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto", description="auto: bf16-mixed where the GPU or the CPU has bfloat16 instructions, else 32-true"
    )
    compile: bool = Field(False, description="compile the network (torch.compile); pays off in long trainings on a GPU")
    devices: int = Field(1, ge=1, description="GPUs (or processes on CPU) of each machine")
    nodes: int = Field(1, ge=1, description="machines")
    strategy: str = Field("auto", description="Lightning's, for several devices: ddp, fsdp, ...")

    @field_validator("intensity_percentiles")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= 100:
            raise ValueError("the percentiles must rise and lie between 0 and 100")
        return value

    @model_validator(mode="after")
    def _levels(self) -> TrainParams:
        if self.network == "basic" and len(self.channels) != BASIC_LEVELS:
            raise ValueError(f"the basic network has {BASIC_LEVELS} levels, channels names {len(self.channels)}")
        return self


class EvaluateParams(Section):
    """The evaluation."""

    batch_size: int = Field(16, ge=1, description="images at a time")
    threads: int = Field(1, ge=1, description="CPU threads")
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"


class ReportParams(Section):
    """The pages."""

    pictures: int = Field(12, ge=0, le=200, description="pictures of each kind inside the front page, at most")
    comparisons: int = Field(20, ge=0, le=100, description="pictures of expert and model on the front page, at most")
    rows: int = Field(1000, ge=10, description="rows of a table on the front page, at most, gravest first")
    maps: int = Field(24, ge=0, description="coverage maps on the front page, at most")
    patient_pages: bool = Field(True, description="a page a patient beside the front page")


class Params(Section):
    """The whole file."""

    source: SourceParams = SourceParams()
    ingest: IngestParams = IngestParams()
    validate_: ValidateParams = Field(ValidateParams(), alias="validate")
    overlay: OverlayParams = OverlayParams()
    store: StoreParams = StoreParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()
    report: ReportParams = ReportParams()


def load_params(path: Path | None) -> Params:
    """Read params.yaml; defaults when `path` is None.

    Raises
    ------
    ParamsError : the file is missing, is no plain YAML (see `cmrpipe.plainyaml`), or holds an unknown key or a value
        out of range
    """
    if path is None:
        return Params()
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(path, f"cannot be read ({error.strerror})", "Give its path with --params") from error
    except ConstructorError as error:
        line = "" if error.problem_mark is None else f" line {error.problem_mark.line + 1}"
        raise ParamsError(f"{path}{line}", str(error.problem), "Mend this line") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(path, f"is not YAML ({error})", "Mend the line it names") from error
    try:
        return Params.model_validate(raw or {})
    except ValidationError as error:
        problems = "; ".join(_problem(e["loc"], e["type"], e["msg"], e["input"]) for e in error.errors())
        raise ParamsError(
            path, problems, "Mend or remove these keys; `cmrpipe params` prints all with defaults"
        ) from error


def _problem(loc: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    key = ".".join(str(part) for part in loc) or "the whole file"
    if kind == "extra_forbidden":
        return f"unknown key {key}"
    return f"{key} is {value!r}: {message.lower()}"
