"""Magnified grey images and outlines on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmrpipe.model import ContourKind, Points
from cmrpipe.pictures.drawing import (
    COLOURS,
    INKS,
    PALETTE,
    WHITE,
    Canvas,
    Crop,
    Ink,
    magnify,
    robust_window,
    text_mask,
    text_width,
    to_screen,
)

RGB = np.frombuffer(PALETTE, np.uint8).reshape(-1, 3).astype(float)


def circle(x: float, y: float, radius: float, count: int = 200) -> Points:
    """A circle as a closed outline."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def test_palette_holds_greys_and_both_inks() -> None:
    """Black, white and the two full colours are in the palette where the indices point."""
    assert len(PALETTE) == 256 * 3
    assert RGB[0].tolist() == [0, 0, 0]
    assert RGB[WHITE].tolist() == [255, 255, 255]
    for kind, ink in INKS.items():
        assert RGB[WHITE + 1 + ink * 64 + 63].tolist() == list(COLOURS[kind])


@given(st.floats(60, 140), st.floats(60, 140), st.floats(5, 50), st.floats(1, 4))
def test_an_outline_lies_where_it_was_put(x: float, y: float, radius: float, width: float) -> None:
    """Pixels within the line are fully coloured, those beyond its edge are not coloured at all, to half a pixel."""
    canvas = Canvas(np.full((200, 200), 100, np.uint8))
    canvas.outline(circle(x, y, radius), Ink.EPI, width)
    rows, columns = np.mgrid[:200, :200]
    off = np.abs(np.hypot(columns - x, rows - y) - radius)
    coloured = canvas.pixels > WHITE
    full = RGB[canvas.pixels] == np.array(COLOURS[ContourKind.EPI])
    assert full[off < width / 2 - 0.6].all()
    assert not coloured[off > width / 2 + 0.55].any()
    assert (canvas.pixels[off > width / 2 + 2] == 100).all()


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_outlines_are_right_below_the_pixel(dx: float, dy: float) -> None:
    """The centre of gravity of a drawn circle follows its true centre to a quarter of a screen pixel."""
    canvas = Canvas(np.zeros((120, 120), np.uint8))
    canvas.outline(circle(60 + dx, 60 + dy, 30), Ink.ENDO, 2.0)
    weight = RGB[canvas.pixels].sum(axis=2)
    rows, columns = np.mgrid[:120, :120]
    assert (columns * weight).sum() / weight.sum() == pytest.approx(60 + dx, abs=0.25)
    assert (rows * weight).sum() / weight.sum() == pytest.approx(60 + dy, abs=0.25)


def test_a_dashed_outline_has_gaps_of_its_length() -> None:
    """Dashes and gaps share the outline about 9 to 7."""
    whole, dashed = (Canvas(np.zeros((200, 200), np.uint8)) for _ in range(2))
    whole.outline(circle(100, 100, 70), Ink.EPI, 2.0)
    dashed.outline(circle(100, 100, 70), Ink.EPI, 2.0, dashed=True)
    share = (dashed.pixels > WHITE).sum() / (whole.pixels > WHITE).sum()
    assert 0.5 < share < 0.75


@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(1, 200))
def test_outlines_beyond_the_canvas_are_cut(x: float, y: float, radius: float) -> None:
    """An outline partly or wholly outside draws its visible part and nothing wraps around."""
    canvas = Canvas(np.zeros((80, 60), np.uint8))
    canvas.outline(circle(x, y, radius), Ink.ENDO, 2.0)
    rows, columns = np.mgrid[:80, :60]
    off = np.abs(np.hypot(columns - x, rows - y) - radius)
    assert not (canvas.pixels > WHITE)[off > 1.7].any()


@given(st.integers(1, 6))
def test_screen_points_follow_the_magnified_image(scale: int) -> None:
    """A bright pixel's centre of gravity on the screen is where its contour point goes."""
    image = np.zeros((24, 32))
    image[9, 20] = 1.0
    size = (24 * scale, 32 * scale)
    shown = magnify(image, Crop(0, 0, 32, 24), size, (0.0, 1.0)).astype(float)
    rows, columns = np.mgrid[: size[0], : size[1]]
    seen = ((columns * shown).sum() / shown.sum(), (rows * shown).sum() / shown.sum())
    assert to_screen(np.array([[20.0, 9.0]]), Crop(0, 0, 32, 24), size)[0] == pytest.approx(seen, abs=0.05)


def test_a_crop_shows_its_part_only() -> None:
    """A crop of one half of a two-tone image has one tone."""
    image = np.zeros((16, 16), np.int16)
    image[:, 8:] = 1000
    shown = magnify(image, Crop(10, 2, 6, 6), (60, 60), (0.0, 1000.0))
    assert (shown == WHITE).all()
    assert (magnify(image, Crop(0, 2, 6, 6), (60, 60), (0.0, 1000.0)) == 0).all()


def test_the_window_is_robust() -> None:
    """A few very bright pixels do not darken the rest, and a constant image has a window too."""
    image = np.tile(np.arange(100, dtype=np.int16), (100, 1))
    image[0, :5] = 30000
    low, high = robust_window(image, (1, 99.5))
    assert 0 <= low < 2
    assert 95 < high < 100
    assert robust_window(np.full((8, 8), 7), (1, 99.5)) == (7.0, 8.0)


def test_text_is_as_wide_as_measured() -> None:
    """A line of text fits the width that the layout reckons with, in the two levels asked for."""
    mask = text_mask("SCD0000101", 14, 116, 9)
    assert mask.shape[1] == text_width("SCD0000101", 14) + 1
    assert mask.min() == 9
    assert mask.max() == 116
