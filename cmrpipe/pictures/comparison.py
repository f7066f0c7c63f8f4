"""Expert and model side by side, drawn from their label images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cmrpipe.model import ContourKind, Label, Mask
from cmrpipe.pictures.drawing import INKS, PALETTE, Canvas, Crop, magnify, robust_window
from cmrpipe.pictures.png import encode_indexed

_PIXELS = 280
_GUTTER = 6
_WIDTH = 1.6
_MIN_SIDE = 64
_ROOM = 1.5
_PERCENTILES = (1.0, 99.5)


def _crop(labels: npt.NDArray[np.bool_]) -> Crop:
    """A square around everything marked, with room, within the image; the whole image where nothing is marked."""
    rows, columns = labels.shape
    marked = np.argwhere(labels)
    side = float(min(rows, columns))
    middle = np.array([rows / 2, columns / 2])
    if len(marked):
        low, high = marked.min(axis=0), marked.max(axis=0) + 1
        middle = (low + high) / 2
        side = min(max(_MIN_SIDE, float((high - low).max()) * _ROOM), side)
    top, left = np.clip(middle - side / 2, 0, (rows - side, columns - side))
    return Crop(float(left), float(top), side, side)


def _borders(label: npt.NDArray[np.uint8]) -> list[tuple[ContourKind, Mask]]:
    """Masks whose borders are drawn, the outer one first; the outer one only where there is myocardium."""
    cavity, myocardium = label == Label.CAVITY, label == Label.MYOCARDIUM
    return [(ContourKind.EPI, cavity | myocardium)] * bool(myocardium.any()) + [(ContourKind.ENDO, cavity)]


def comparison(
    image: npt.NDArray[np.generic], expert: npt.NDArray[np.uint8], predicted: npt.NDArray[np.uint8]
) -> bytes:
    """Draw the heart twice: left with the expert's borders, right with the model's.

    Parameters
    ----------
    image : (rows, cols), any real type
    expert, predicted : (rows, cols) uint8, values of `Label`

    Returns
    -------
    the bytes of an indexed PNG
    """
    crop = _crop((expert != Label.BACKGROUND) | (predicted != Label.BACKGROUND))
    size = (_PIXELS, _PIXELS)
    gray = magnify(image, crop, size, robust_window(image, _PERCENTILES))
    sheet = np.full((_PIXELS, 2 * _PIXELS + _GUTTER), 9, np.uint8)
    for left, label in ((0, expert), (_PIXELS + _GUTTER, predicted)):
        canvas = Canvas(gray.copy())  # a canvas darkens its greys around outlines
        for kind, mask in _borders(label):
            canvas.border(mask, crop, INKS[kind], _WIDTH)
        sheet[:, left : left + _PIXELS] = canvas.pixels
    return encode_indexed(sheet, PALETTE)
