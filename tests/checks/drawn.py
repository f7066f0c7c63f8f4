"""Drawn hearts: discs of blood in a ring of muscle, and the contours that belong to them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from cmrpipe.model import Contour, ContourKind, ImageRecord, Phase, Points, Sample
from cmrpipe.raster import area_coverage

SHAPE = (96, 112)


def circle(x: float, y: float, radius: float) -> Points:
    """A circle of 120 points."""
    angle = np.linspace(0, 2 * math.pi, 120, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def heart(x: float, y: float, radius: float, wall: float = 6.0) -> npt.NDArray[np.int16]:
    """Blood of 400, muscle of 100, everything around 250, a little noise."""
    inner, outer = area_coverage(circle(x, y, radius), SHAPE), area_coverage(circle(x, y, radius + wall), SHAPE)
    image = 250 - 150 * outer + 300 * inner
    return np.round(image + np.random.default_rng(3).normal(0, 8, SHAPE)).astype(np.int16)


def sample(
    index: int,
    phase: Phase,
    endo: Points | None,
    image: npt.NDArray[np.int16] | None = None,
    epi: Points | None = None,
    spacing: tuple[float, float] | None = (1.25, 1.25),
) -> Sample:
    """A contoured image: number 10 index + 1 at end-diastole, + 5 at end-systole."""
    number = 10 * index + (1 if phase is Phase.ED else 5)
    record = ImageRecord(
        f"dicoms/P/{number}.dcm",
        "",
        0,
        "P",
        file_number=number,
        slice_index=index,
        frame=1 if phase is Phase.ED else 5,
        pixel_spacing_mm=spacing,
    )
    return Sample(
        record,
        image,
        None if endo is None else Contour(ContourKind.ENDO, endo),
        None if epi is None else Contour(ContourKind.EPI, epi),
        phase,
    )


def stack(slices: int = 7) -> list[Sample]:
    """A ventricle that narrows towards its apex and leans; end-systole 0.7 times as wide and a pixel to the right."""
    samples = []
    for index in range(slices):
        for phase, share, sway in ((Phase.ED, 1.0, 0.0), (Phase.ES, 0.7, 1.0)):
            x, y, radius = 50 + index + sway, 45 - 0.5 * index, share * 22 * math.sqrt(1 - (index / (slices + 1)) ** 2)
            samples.append(sample(index, phase, circle(x, y, radius), heart(x, y, radius)))
    return samples
