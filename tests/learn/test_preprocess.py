"""Preparing images and coming back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cmrpipe.learn.metrics import dice
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.model import Label

PREPROCESS = Preprocess(64, (1.0, 99.0), 1.4)


def test_a_spacing_of_nothing_is_unknown() -> None:
    """As headers of zeros have it: the image's own pixels are kept."""
    assert PREPROCESS.window((64, 64), (0.0, 0.0), (9, 9)) == PREPROCESS.window((64, 64), None, (9, 9))
    assert PREPROCESS.window((64, 64), None, (9, 9)).step == (1.0, 1.0)


def disc(rows: int, cols: int, row: float, col: float, radius: float) -> np.ndarray:
    """Mask of a disc."""
    r, c = np.mgrid[:rows, :cols]
    return np.asarray(np.hypot(r - row, c - col) < radius)


def one_hot(label: torch.Tensor) -> torch.Tensor:
    """Certain probabilities (3, size, size)."""
    return torch.nn.functional.one_hot(label.long(), 3).permute(2, 0, 1).float()


@given(st.integers(40, 150), st.integers(40, 150), st.booleans(), st.data())
def test_a_label_comes_back_to_its_place(rows: int, cols: int, found_heart: bool, data: st.DataObject) -> None:
    """On any shape of image and spacing, by the whole image or by a window about the heart, within half a pixel."""
    radius = 12.0
    row = data.draw(st.floats(radius, rows - radius))
    col = data.draw(st.floats(radius, cols - radius))
    spacing = data.draw(st.sampled_from([None, (1.4, 1.4), (1.0, 2.0), (1.8, 1.3)]))
    heart = (row + data.draw(st.floats(-9, 9)), col + data.draw(st.floats(-9, 9))) if found_heart else None
    label = disc(rows, cols, row, col, radius).astype(np.uint8)
    window = PREPROCESS.window((rows, cols), spacing, heart)
    back = PREPROCESS.restore(one_hot(PREPROCESS.label(label, window)), (rows, cols), window)
    found = back.argmax(0).numpy()
    assert found.shape == (rows, cols)
    assert (dice(found == 1, label == 1) or 0) > 0.85
    shift = [a.mean() - b.mean() for a, b in zip(np.nonzero(found), np.nonzero(label), strict=True)]
    assert np.hypot(*shift) < 0.5 * max(1, *window.step)


def test_a_pixel_of_the_window_is_as_large_as_it_says() -> None:
    """A disc of 30 mm has the same area in the window at any spacing; columns and rows are not exchanged."""
    for spacing in ((1.0, 1.0), (1.4, 1.4), (0.9, 2.1)):
        r, c = np.mgrid[:200, :160]
        label = (np.hypot((r - 110) * spacing[0], (c - 70) * spacing[1]) < 30).astype(np.uint8)
        small = PREPROCESS.label(label, PREPROCESS.window((200, 160), spacing, (110, 70)))
        assert int((small == 1).sum()) * 1.4**2 == pytest.approx(label.sum() * spacing[0] * spacing[1], rel=0.03)
        assert np.argwhere(small.numpy() == 1).mean(axis=0) == pytest.approx([31.5, 31.5], abs=0.3)


def test_unknown_spacing_keeps_the_images_own_pixels() -> None:
    """The window is then a plain cut-out, to the bit but for scaling."""
    image = np.random.default_rng(0).integers(0, 1000, (100, 120)).astype(np.int16)
    window = PREPROCESS.window((100, 120), None, (49.5, 59.5))
    cut = image[18:82, 28:92].astype(np.float32)
    low, high = np.percentile(cut[16:48, 16:48], (1, 99))
    expected = np.clip((cut - low) / (high - low), -0.25, 1.5)
    np.testing.assert_allclose(PREPROCESS.image(image, window)[0].numpy(), expected, atol=1e-4)


def test_without_a_heart_the_whole_image_is_in_the_window() -> None:
    """Corners included, at one scale for rows and columns."""
    label = np.zeros((100, 240), np.uint8)
    label[:12, :12] = label[-12:, -12:] = 1
    window = PREPROCESS.window(label.shape)
    assert window.step[0] == window.step[1] == 240 / 64
    small = PREPROCESS.label(label, window)
    assert small[:, :3].any()
    assert small[:, -3:].any()


def test_outside_the_window_is_background() -> None:
    """What the network did not see is not called heart."""
    window = PREPROCESS.window((200, 200), None, (60.0, 60.0))
    certain = torch.zeros(3, 64, 64)
    certain[Label.CAVITY] = 1
    full = PREPROCESS.restore(certain, (200, 200), window)
    assert torch.allclose(full.sum(0), torch.ones(200, 200))
    assert full.argmax(0)[40:80, 40:80].eq(1).all()
    assert not full.argmax(0)[100:].any()


def test_image_and_label_stay_together() -> None:
    """A bright disc in an image that is not square is where its label is, margin included."""
    label = disc(60, 100, 20, 70, 12).astype(np.uint8)
    window = PREPROCESS.window((60, 100), (1.2, 1.2), (25, 60))
    image = PREPROCESS.image(label * np.int16(1000), window, margin=8)[0].numpy()
    assert image.shape == (80, 80)
    assert (dice(image > 0.5, PREPROCESS.label(label, window, margin=8).numpy() == 1) or 0) > 0.95


@given(st.floats(0.1, 50), st.floats(-500, 500))
def test_scanner_units_do_not_matter(slope: float, intercept: float) -> None:
    """Gain and offset of the scanner change nothing, inside the image or outside, and a few extreme pixels little."""
    image = np.random.default_rng(0).normal(size=(70, 50)) * 100
    for heart in (None, (20.0, 9.0)):
        window = PREPROCESS.window((70, 50), None, heart)
        expected = PREPROCESS.image(image, window)
        assert torch.allclose(PREPROCESS.image(image * slope + intercept, window), expected, atol=1e-3)
        spiked = image.copy()
        spiked[22, :5] = 1e6
        changed = (PREPROCESS.image(spiked, window) - expected).abs() > 0.05
        assert changed.float().mean() < 0.02


def test_bright_fat_does_not_flatten_the_heart() -> None:
    """A bright rim, as near a surface coil, leaves the middle's values as they are."""
    image = np.random.default_rng(0).normal(200, 50, (120, 120))
    bright = image.copy()
    bright[:25] += 5000
    window = PREPROCESS.window((120, 120), None, (75.0, 60.0))
    middle = (slice(None), slice(20, 44), slice(20, 44))
    assert torch.equal(PREPROCESS.image(bright, window)[middle], PREPROCESS.image(image, window)[middle])
    assert PREPROCESS.image(image, window)[middle].std() > 0.1


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "float32"])
def test_any_pixel_type_gives_float32_in_the_same_range(dtype: str) -> None:
    """Whatever the scanner stored."""
    image = np.random.default_rng(0).integers(0, 200, (50, 40)).astype(dtype)
    prepared = PREPROCESS.image(image, PREPROCESS.window((50, 40)))
    assert prepared.dtype == torch.float32
    assert prepared.shape == (1, 64, 64)
    assert prepared.min() >= -0.25
    assert 0.5 < prepared.max() <= 1.5


def test_a_constant_image_is_dark() -> None:
    """No division by nothing."""
    assert not PREPROCESS.image(np.full((50, 40), 7, np.int16), PREPROCESS.window((50, 40))).any()
