"""What a model must beat: labels made without learning, judged like its own.

*Otsu inside the epicardium* is given the outer border and calls bright what is blood, so only the cavity is its own.
*Mean shape* never looks at the image: it puts the training patients' average heart where their hearts are on average.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from cmrpipe.geometry import Floats
from cmrpipe.model import Label, Mask
from cmrpipe.store import PatientData

Labels = npt.NDArray[np.uint8]

OTSU, MEAN_SHAPE = "otsu", "mean_shape"
BASELINES = {
    OTSU: "Otsu threshold inside the epicardium (the expert's where drawn, else the model's)",
    MEAN_SHAPE: "mean shape of the training patients at their mean place",
}
WITHHELD = "withheld"
"""Where figures of a baseline would stand: the reason for there being none."""
NO_SHAPE = "no training patient is in the store that was judged"
_BINS = 256
_GRID = 256


def otsu_threshold(values: npt.NDArray[np.generic]) -> float:
    """Threshold that divides values into two classes with the largest variance between them (Otsu, 1979).

    Values above it are the bright class. Their range is divided into 256 bins; a constant is its own threshold.
    """
    values = np.asarray(values, np.float64)
    if values.min() == values.max():
        return float(values.flat[0])
    counts, edges = np.histogram(values, _BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(np.float64)
    above = below[-1] - below
    total = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(centres[np.nanargmax(between)])


def otsu_labels(data: PatientData, predicted: Labels) -> Labels:
    """Bright pixels inside the epicardium as cavity, the others as myocardium; (n, rows, cols).

    Where the expert drew no epicardium, it is the model's (`predicted`); inside nothing nothing is found.
    """
    labels = np.zeros_like(data.label)
    for i, epi in enumerate(data.contours[:, 1]):
        inside = (data.label[i] if epi else predicted[i]) != Label.BACKGROUND
        if inside.any():
            values = data.image[i][inside]
            bright = values > otsu_threshold(values)
            labels[i][inside] = np.where(bright, Label.CAVITY, Label.MYOCARDIUM)
    return labels


def _most(occupancy: Floats, wanted: int) -> Mask:
    """The most occupied pixels, about `wanted` of them: equals stand or fall together, whichever comes nearer."""
    cut = np.sort(occupancy, axis=None)[::-1][max(wanted, 1) - 1]
    above, from_cut = occupancy > cut, occupancy >= cut
    nearer = wanted - above.sum() > from_cut.sum() - wanted
    chosen: Mask = from_cut & (occupancy > 0) if nearer else above
    return chosen


class MeanShape:
    """The average heart of training patients.

    Hearts are moved to a common centre and averaged as occupancy, in shares of the image's longer side; cavity and
    whole heart are then cut at the occupancy that gives them their mean area.

    Parameters
    ----------
    patients : those to learn from; what was not drawn does not count
    """

    def __init__(self, patients: Iterable[PatientData]) -> None:
        self._sum = np.zeros((2, _GRID, _GRID))
        self._count = np.zeros(2)
        self._area = np.zeros(2)
        centres = []
        for data in patients:
            side = max(data.label.shape[1:])
            for label, known in zip(data.label, data.contours, strict=True):
                cavity = label == Label.CAVITY
                if not (known[0] and cavity.any()):
                    continue
                centre = np.argwhere(cavity).mean(axis=0)
                centres.append((centre + 0.5 - np.array(label.shape) / 2) / side)
                for part, mask in enumerate((cavity, label != Label.BACKGROUND)):
                    if known[part]:
                        self._add(part, mask, centre, side)
        self._centre = np.mean(centres, axis=0) if centres else np.zeros(2)

    def _add(self, part: int, mask: npt.NDArray[np.bool_], centre: Floats, side: int) -> None:
        rows, cols = np.indices((_GRID, _GRID)) + 0.5
        step = side / _GRID
        row = np.floor((rows - _GRID / 2) * step + centre[0] + 0.5).astype(int)
        col = np.floor((cols - _GRID / 2) * step + centre[1] + 0.5).astype(int)
        within = (row >= 0) & (row < mask.shape[0]) & (col >= 0) & (col < mask.shape[1])
        self._sum[part] += within & mask[np.clip(row, 0, mask.shape[0] - 1), np.clip(col, 0, mask.shape[1] - 1)]
        self._area[part] += mask.sum() / side**2
        self._count[part] += 1

    def label(self, shape: tuple[int, int]) -> Labels:
        """The guess (rows, cols) for any image of this shape."""
        side = max(shape)
        rows, cols = np.indices(shape)
        centre = self._centre * side + np.array(shape) / 2
        at = [
            np.clip(np.floor((place + 0.5 - middle) / side * _GRID + _GRID / 2), 0, _GRID - 1).astype(int)
            for place, middle in zip((rows, cols), centre, strict=True)
        ]
        label = np.zeros(shape, np.uint8)
        for part, value in ((1, Label.MYOCARDIUM), (0, Label.CAVITY)):
            if self._count[part]:
                occupancy = self._sum[part] / self._count[part]
                wanted = round(self._area[part] / self._count[part] * _GRID**2)
                label[_most(occupancy, wanted)[at[0], at[1]]] = value
        return label
