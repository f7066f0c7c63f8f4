"""From a model's probabilities to one endocardium and one epicardium an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import centroid, contains_points, label_image, polygon_area, signed_area
from cmrpipe.learn.prediction import Images, Pair, Predictor
from cmrpipe.learn.voting import SURE, Opinion, opinions
from cmrpipe.model import Points
from cmrpipe.outline import outlines

MIN_AREA_PX = 12.0
"""Square pixels; a cavity that is smaller is not drawn."""

_HALF = SURE / 2


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """The borders of one image; points (n, 2), pixels. An endocardium may be there without an epicardium."""

    endo: Points | None
    epi: Points | None

    @property
    def area(self) -> float:
        """Of the cavity, square pixels."""
        return 0.0 if self.endo is None else polygon_area(self.endo)

    @property
    def wall(self) -> float:
        """Area between the borders, square pixels; 0 without an epicardium."""
        return 0.0 if self.epi is None else polygon_area(self.epi) - self.area


NOTHING = Drawing(None, None)


def cavities(opinion: Opinion) -> list[Drawing]:
    """Cavities of an image, each with the epicardium around it, largest first; holes in one are no cavities."""
    if int(opinion.cavity.max(initial=0)) < _HALF:
        return []
    hearts = outlines(opinion.heart, _HALF)
    found = []
    for endo in outlines(opinion.cavity, _HALF):
        if len(endo) < 3 or signed_area(endo) < MIN_AREA_PX:
            continue
        middle = np.array([centroid(endo)])
        around = [heart for heart in hearts if contains_points(heart, middle)[0]]
        larger = [heart for heart in around if polygon_area(heart) > polygon_area(endo)]
        found.append(Drawing(endo, larger[0] if larger else None))
    return found


def predicted_labels(
    predictor: Predictor, images: Images, spacing_mm: Pair | None, heart_px: Pair | None
) -> npt.NDArray[np.uint8]:
    """Labels (n, rows, cols) uint8, values of `cmrpipe.model.Label`, of a patient's images (n, rows, cols).

    The largest cavity of each image counts, with the epicardium around it; images are judged one by one.
    """
    labels = np.zeros(images.shape, np.uint8)
    shape = (images.shape[1], images.shape[2])
    for i, opinion in enumerate(opinions(predictor, images, spacing_mm, heart_px)):
        drawing = next(iter(cavities(opinion)), NOTHING)
        labels[i] = label_image(drawing.endo, drawing.epi, shape)
    return labels
