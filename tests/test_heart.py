"""The heart found from the cine."""

import numpy as np
import pytest

from cmrpipe.heart import heart_centre

ROWS, COLS = 96, 128


def beating(centre: tuple[float, float], frames: int = 8, seed: int = 0) -> np.ndarray:
    """A bright disc that grows and shrinks in a still, noisy body."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:ROWS, :COLS]
    body = 200 + 50 * np.sin(row / 5) * np.cos(col / 7)
    radius = 10 + 4 * np.sin(np.arange(frames) / frames * 2 * np.pi)
    disc = np.hypot(row - centre[0], col - centre[1]) < radius[:, None, None]
    return np.asarray(body + 400 * disc + rng.normal(0, 3, disc.shape)).astype(np.int16)


@pytest.mark.parametrize("centre", [(48.0, 64.0), (40.0, 75.0), (58.0, 55.0)])
def test_what_moves_is_found(centre: tuple[float, float]) -> None:
    """Within its radius, from several slices; the bell draws it a little to the centre of the image."""
    found = heart_centre([beating(centre, seed=seed) for seed in range(3)])
    assert found is not None
    assert np.hypot(found[0] - centre[0], found[1] - centre[1]) < 10


def test_two_frames_are_enough_and_their_order_does_not_matter() -> None:
    """End-diastole and end-systole, either way round."""
    frames = beating((45.0, 70.0))[[2, 6]]
    assert heart_centre([frames]) == pytest.approx(heart_centre([frames[::-1]]))
    found = heart_centre([frames])
    assert found is not None
    assert np.hypot(found[0] - 45, found[1] - 70) < 10


def test_where_nothing_can_be_said_nothing_is_said() -> None:
    """Single frames, no frames, and a still image."""
    frames = beating((48.0, 64.0))
    assert heart_centre([frames[:1], frames[1:2]]) is None
    assert heart_centre([]) is None
    assert heart_centre([np.repeat(frames[:1], 4, axis=0)]) is None
    assert heart_centre([np.zeros((4, ROWS, COLS), np.int16)]) is None
    assert heart_centre([frames[:1], frames]) == heart_centre([frames])


def test_brightness_of_a_slice_does_not_decide() -> None:
    """A slice in another unit counts as much as the others."""
    slices = [beating((48.0, 64.0)), beating((44.0, 70.0), seed=1)]
    scaled = [slices[0].astype(np.float32) * 100 + 7, slices[1]]
    assert heart_centre(scaled) == pytest.approx(heart_centre(slices), abs=1e-6)
