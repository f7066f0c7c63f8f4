"""Expert and model side by side."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cmrpipe.pictures.comparison import comparison


def ring(rows: int, columns: int, y: float, x: float) -> npt.NDArray[np.uint8]:
    """A label image: a cavity of radius 12 in a wall of 6 pixels."""
    distance = np.hypot(*(np.mgrid[:rows, :columns] - np.array([y, x])[:, None, None]))
    return np.where(distance < 12, 1, np.where(distance < 18, 2, 0)).astype(np.uint8)


def colours(png: bytes) -> npt.NDArray[np.int64]:
    """(rows, columns, 3) colours of a PNG."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


def test_borders_are_drawn_where_the_masks_end() -> None:
    """Left the expert's cavity, right the model's, each as large as it is, at one magnification."""
    image = np.zeros((90, 110), np.int16)
    expert, predicted = ring(90, 110, 45, 50), ring(90, 110, 45, 56)
    shown = colours(comparison(image, expert, predicted))
    orange = shown[..., 0] - shown[..., 2] > 70
    scale = 280 / 64
    for left, x in ((0, 50), (286, 56)):
        columns = np.nonzero(orange[:, left : left + 280])[1]
        assert (columns.max() - columns.min()) / scale == pytest.approx(24, abs=1.5)
        centre = (columns.max() + columns.min()) / 2 / scale
        assert centre == pytest.approx(x - 53.5 + 32, abs=1)
    assert ((shown[..., 2] - shown[..., 0]) > 70).any()


def test_an_empty_prediction_is_a_plain_panel() -> None:
    """Where the model marks nothing, nothing is drawn; also when the expert marked nothing."""
    image = np.random.default_rng(0).integers(0, 99, (40, 50)).astype(np.int16)
    empty = np.zeros((40, 50), np.uint8)
    shown = colours(comparison(image, ring(40, 50, 20, 25), empty))
    assert np.ptp(shown[:, 286:], axis=2).max() == 0
    assert np.ptp(shown[:, :280], axis=2).max() > 0
    assert np.ptp(colours(comparison(image, empty, empty)), axis=2).max() == 0


def test_the_experts_outline_leaves_no_trace_on_the_models_side() -> None:
    """The dark casing of the left panel's outline darkens that panel only."""
    image = np.full((90, 110), 100, np.int16)
    image[:10] = 0
    shown = colours(comparison(image, ring(90, 110, 50, 55), np.zeros((90, 110), np.uint8)))
    assert np.ptp(shown[:, 286:]) == 0
    assert np.ptp(shown[:, :280, 0]) > 50
