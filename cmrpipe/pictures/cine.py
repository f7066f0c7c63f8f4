"""The beating heart: all frames of a slice side by side in one JPEG, which a page plays."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from cmrpipe.model import Contour
from cmrpipe.pictures.drawing import Crop, magnify, within

SIDE = 200
"""Side of a frame on the sheet, in screen pixels."""

_QUALITY = 82
_ROOM = 1.25
_WITHOUT_CONTOURS = 0.6


def cine_crop(contours: Sequence[Contour], side: float, shape: tuple[int, int]) -> Crop:
    """The square that all of a patient's frames show: around all contours, else the middle of the image.

    Parameters
    ----------
    side : that a single image's picture of the heart has, in image pixels
    shape : (rows, columns) of the images
    """
    rows, columns = shape
    if not contours:
        side = _WITHOUT_CONTOURS * min(shape)
        return within(Crop(columns / 2 - side / 2, rows / 2 - side / 2, side, side), shape)
    points = np.concatenate([contour.points for contour in contours])
    side = max(side, float(np.ptp(points, axis=0).max()) * _ROOM)
    left, top = (points.min(axis=0) + points.max(axis=0)) / 2 + 0.5 - side / 2
    return within(Crop(float(left), float(top), side, side), shape)


def sheet(images: Sequence[npt.NDArray[np.generic]], crop: Crop, percentiles: tuple[float, float]) -> bytes:
    """All frames of a slice in a row, with one window for all.

    Parameters
    ----------
    images : (rows, columns) each, in the order of frames
    crop : the part to show
    percentiles : of all the images' grey values, shown as black and as white

    Returns
    -------
    the bytes of a grey JPEG, `SIDE` high, `SIDE` wide for every frame
    """
    every = np.concatenate([np.asarray(image[::2, ::2], dtype=np.float32).ravel() for image in images])
    low, high = (float(value) for value in np.percentile(every, percentiles))
    window = (low, high if high > low else low + 1)
    row = np.empty((SIDE, SIDE * len(images)), np.uint8)
    for i, image in enumerate(images):
        own = within(crop, (image.shape[0], image.shape[1]))
        row[:, i * SIDE : (i + 1) * SIDE] = magnify(image, own, (SIDE, SIDE), window) * np.uint8(2)
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
