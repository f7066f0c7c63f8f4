"""A heart of cylinders, whose clinical values are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cmrpipe.model import Contour, ContourKind, ImageRecord, Phase, Sample

GAP_MM = 8.0
SPACING = (1.5, 1.2)


def circle(radius_mm: float) -> np.ndarray:
    """A circle of 720 points, given in millimetres, drawn in pixels that are not square."""
    angle = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    return np.column_stack([60 + radius_mm * np.cos(angle) / SPACING[1], 60 + radius_mm * np.sin(angle) / SPACING[0]])


def heart(**fields: object) -> list[Sample]:
    """Eight slices; cavity of radius 25 mm at ED with a wall of 8 mm, 18 mm at ES in all but the most basal slice."""
    samples = []
    for index in range(8):
        for phase, radius in ((Phase.ED, 25.0), (Phase.ES, 18.0)):
            if phase is Phase.ES and index == 0:
                continue
            record = ImageRecord(
                f"{index}-{phase}", "", 0, "P", slice_index=index, pixel_spacing_mm=SPACING, heart_rate_bpm=60.0
            )
            epi = Contour(ContourKind.EPI, circle(33.0)) if phase is Phase.ED else None
            endo = Contour(ContourKind.ENDO, circle(radius))
            samples.append(Sample(replace(record, **fields), None, endo, epi, phase))  # type: ignore[arg-type]
    return samples


EDV = math.pi * 25**2 * 8 * GAP_MM / 1000
ESV = math.pi * 18**2 * 7 * GAP_MM / 1000
MASS = 1.05 * math.pi * (33**2 - 25**2) * 8 * GAP_MM / 1000
