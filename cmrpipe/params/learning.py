"""Sections of training and evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cmrpipe.params.section import Section

BASIC_LEVELS = 5
"""Of MONAI's BasicUNet."""
_COARSEST = 2
"""Rows and columns of the coarsest level, at least: instance norm divides by the spread over a level's pixels."""


class TrainParams(Section):
    """The model and its training."""

    seed: int = Field(
        0, ge=0, lt=2**64, description="seed of the split, the first weights, the order of samples and the augmentation"
    )
    val_fraction: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="share of patients that choose the best epoch; where that is nobody, the last epoch is kept",
    )
    test_fraction: float = Field(0.2, gt=0, lt=0.5, description="share of patients that evaluate judges the model on")
    image_size: int = Field(
        128, ge=32, multiple_of=32, description="rows and columns of the network's input, a window about the heart"
    )
    pixel_mm: float = Field(
        1.4, gt=0, description="pixel size of the window, mm; images of unknown spacing keep their own pixels"
    )
    whole: float = Field(
        0.05,
        ge=0,
        le=1,
        description="share of training samples that show the whole image, as where the heart's place is not known",
    )
    intensity_percentiles: tuple[float, float] = Field(
        (1.0, 99.0), description="percentiles of the middle half of the window that become 0 and 1"
    )
    network: Literal["residual", "basic", "vanilla"] = Field(
        "residual", description="UNet: with residual units, basic (without), or vanilla (without, 64 to 1024 channels)"
    )
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (16, 32, 64, 128, 256),
        min_length=2,
        max_length=6,
        description="feature channels of the UNet, finest level first; vanilla has its own",
    )
    complete: bool = Field(
        True,
        description="where only some images have an epicardium, train again with the walls that the first network sees",
    )
    batch_size: int = Field(8, ge=1, description="images in a step")
    steps: int = Field(
        4000, ge=1, description="steps of a training, rounded to whole epochs; the learning rate's schedule spans them"
    )
    epochs: int = Field(250, ge=1, description="epochs at most; with few samples, more would only learn them by heart")
    patience: int = Field(20, ge=1, description="epochs without a better validation Dice after which training stops")
    learning_rate: float = Field(
        2e-3, gt=0, le=1, description="highest learning rate; it rises to this and falls to almost 0"
    )
    weight_decay: float = Field(1e-4, ge=0, le=1)
    rotation_degrees: float = Field(45.0, ge=0, le=180, description="augmentation: largest rotation either way")
    scaling: float = Field(0.2, ge=0, lt=1, description="augmentation: largest relative change of size")
    stretch: float = Field(
        0.15, ge=0, lt=1, description="augmentation: largest relative stretch of one axis; the other shrinks as much"
    )
    shift: float = Field(0.1, ge=0, lt=1, description="augmentation: largest shift as a share of the window")
    contrast: float = Field(
        0.4, ge=0, lt=1, description="augmentation: largest relative change of gamma and brightness"
    )
    noise: float = Field(0.04, ge=0, lt=1, description="augmentation: standard deviation of noise, image range 0 to 1")
    workers: int = Field(
        0,
        ge=0,
        description="processes that read and augment; with 0 a thread does it; does not change the output",
    )
    threads: int = Field(
        1,
        ge=1,
        description="CPU threads; the model's last bits depend on their number; more than are idle slow training down",
    )
    accelerator: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="auto, cpu or gpu; a GPU gives other last bits than a CPU"
    )
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto", description="auto: bf16-mixed where the GPU or the CPU has bfloat16 instructions, else 32-true"
    )
    compile: bool = Field(False, description="compile the network (torch.compile); pays off in long trainings on a GPU")
    devices: int = Field(1, ge=1, description="GPUs (or processes on CPU) of each machine")
    nodes: int = Field(1, ge=1, description="number of machines")
    strategy: str = Field("auto", description="Lightning's strategy for several devices: ddp, fsdp, ...")

    @field_validator("intensity_percentiles")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= 100:
            raise ValueError("the percentiles must rise and lie between 0 and 100")
        return value

    @field_validator("strategy")
    @classmethod
    def _hands_back(cls, value: str) -> str:
        if any(way in value for way in ("spawn", "fork", "notebook")):
            raise ValueError("trains in processes that hand no model back; ddp does the same in ones that do")
        return value

    @model_validator(mode="after")
    def _levels(self) -> TrainParams:
        if self.network == "basic" and len(self.channels) != BASIC_LEVELS:
            raise ValueError(f"the basic network has {BASIC_LEVELS} levels, channels names {len(self.channels)}")
        levels = BASIC_LEVELS if self.network == "vanilla" else len(self.channels)
        smallest = _COARSEST * 2 ** (levels - 1)
        if self.image_size < smallest:
            raise ValueError(f"{levels} levels need an image_size of {smallest} or more, it is {self.image_size}")
        return self


class EvaluateParams(Section):
    """The evaluation."""

    batch_size: int = Field(16, ge=1, description="images at a time")
    threads: int = Field(1, ge=1, description="CPU threads")
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
