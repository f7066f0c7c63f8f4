"""Preparing images and coming back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cmrpipe.learn.metrics import dice
from cmrpipe.learn.preprocess import Preprocess

PREPROCESS = Preprocess(64, (1.0, 99.0))


def disc(rows: int, cols: int, row: float, col: float, radius: float) -> np.ndarray:
    """Mask of a disc."""
    r, c = np.mgrid[:rows, :cols]
    return np.hypot(r - row, c - col) < radius


@given(st.integers(40, 150), st.integers(40, 150), st.data())
def test_a_label_comes_back_to_its_place(rows: int, cols: int, data: st.DataObject) -> None:
    """A disc, prepared and restored on any shape of image, keeps its centre within half a pixel of the coarser grid."""
    radius = min(rows, cols) / 4
    row = data.draw(st.floats(radius, rows - radius))
    col = data.draw(st.floats(radius, cols - radius))
    label = disc(rows, cols, row, col, radius).astype(np.uint8)
    small = PREPROCESS.label(label)
    back = PREPROCESS.restore(torch.nn.functional.one_hot(small.long(), 3).permute(2, 0, 1).float(), (rows, cols))
    found = back.argmax(0).numpy()
    assert found.shape == (rows, cols)
    assert (dice(found == 1, label == 1) or 0) > 0.9
    shift = [a.mean() - b.mean() for a, b in zip(np.nonzero(found), np.nonzero(label), strict=True)]
    assert np.hypot(*shift) < 0.5 * max(1, rows / 64, cols / 64)


def test_image_and_label_stay_together() -> None:
    """A bright disc in an image that is not square is where its label is."""
    label = disc(60, 100, 20, 70, 12).astype(np.uint8)
    image = PREPROCESS.image(label * np.int16(1000))[0].numpy()
    assert image.shape == (64, 64)
    assert (dice(image > 0.5, PREPROCESS.label(label).numpy() == 1) or 0) > 0.95


@given(st.floats(0.1, 50), st.floats(-500, 500))
def test_scanner_units_do_not_matter(slope: float, intercept: float) -> None:
    """Gain and offset of the scanner change nothing, and a few extreme pixels change little."""
    image = np.random.default_rng(0).normal(size=(70, 70)) * 100
    expected = PREPROCESS.image(image)
    assert torch.allclose(PREPROCESS.image(image * slope + intercept), expected, atol=1e-3)
    spiked = image.copy()
    spiked[0, :5] = 1e6
    assert (PREPROCESS.image(spiked)[:, 2:] - expected[:, 2:]).abs().max() < 0.05


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "float32"])
def test_any_pixel_type_gives_float32_between_0_and_1(dtype: str) -> None:
    """Whatever the scanner stored."""
    image = np.random.default_rng(0).integers(0, 200, (50, 40)).astype(dtype)
    prepared = PREPROCESS.image(image)
    assert prepared.dtype == torch.float32
    assert prepared.shape == (1, 64, 64)
    assert 0 <= prepared.min() < prepared.max() <= 1


def test_a_constant_image_is_dark() -> None:
    """No division by nothing."""
    assert not PREPROCESS.image(np.full((50, 40), 7, np.int16)).any()
