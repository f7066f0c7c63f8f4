"""Sheets of frames."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cmrpipe.model import Contour, ContourKind
from cmrpipe.pictures.cine import SIDE, cine_crop, sheet
from cmrpipe.pictures.drawing import Crop


def test_a_sheet_has_the_frames_in_a_row() -> None:
    """Each frame shows its own image's part, all with one window; the same images give the same bytes."""
    images = [np.full((60, 70), level, np.int16) for level in (0, 500, 1000)]
    crop = Crop(10, 10, 40, 40)
    data = sheet(images, crop, (0, 100))
    assert data == sheet(images, crop, (0, 100))
    with Image.open(io.BytesIO(data)) as image:
        shown = np.asarray(image)
    assert shown.shape == (SIDE, 3 * SIDE)
    means = [shown[:, i * SIDE : (i + 1) * SIDE].mean() for i in range(3)]
    assert means == pytest.approx([0, 127, 254], abs=3)


def test_the_crop_holds_every_contour() -> None:
    """With room around them, within the image; without contours it is the middle."""
    corners = np.array([[20.0, 30.0], [50.0, 30.0], [50.0, 70.0], [20.0, 70.0]])
    crop = cine_crop([Contour(ContourKind.ENDO, corners)], 10.0, (120, 100))
    assert crop.left < 20
    assert crop.top < 30
    assert crop.left + crop.width > 51
    assert crop.top + crop.height > 71
    assert 0 <= crop.left <= crop.left + crop.width <= 100
    middle = cine_crop([], 10.0, (100, 200))
    assert (middle.left + middle.width / 2, middle.top + middle.height / 2) == (100, 50)
