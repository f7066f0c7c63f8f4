"""The PNG writer."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cmrpipe.pictures.png import encode_indexed


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_pixels_come_back_in_their_colours(rows: int, columns: int, seed: int) -> None:
    """What is written is what a PNG reader sees, pixel for pixel and colour for colour."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (rows, columns), dtype=np.uint8)
    colours = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_indexed(pixels, colours.tobytes()))) as image:
        assert np.array_equal(np.asarray(image), pixels)
        assert np.array_equal(np.asarray(image.convert("RGB")), colours[pixels])
