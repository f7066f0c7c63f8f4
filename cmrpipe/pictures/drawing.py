"""Grey images with thin coloured outlines: magnified, windowed, anti-aliased, in one palette.

Coordinates are those of the house (x = column, y = row, pixel centres at integers from 0), for image pixels as for
screen pixels. Magnified by `s`, image point p lies at screen point (p + 0.5) s - 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cmrpipe.model import ContourKind, Mask, Points

Gray = npt.NDArray[np.uint8]
"""(rows, columns) uint8, levels 0 (black) to 127 (white)."""

WHITE = 127
_TINT_GRAYS = 8
_TINT_ALPHAS = 8
_TINTS = _TINT_GRAYS * _TINT_ALPHAS

COLOURS: dict[ContourKind, tuple[int, int, int]] = {
    ContourKind.ENDO: (255, 122, 26),
    ContourKind.EPI: (64, 196, 255),
}
"""Orange and sky blue: told apart with every kind of colour blindness, and in grey print (the blue is lighter)."""

_CASING = 0.9
_CASING_DARKNESS = 0.55
_PIECE = 4.0
_DASH, _GAP = 9.0, 7.0


class Ink(IntEnum):
    """Place of a colour in the palette, behind the greys."""

    ENDO = 0
    EPI = 1


INKS = {ContourKind.ENDO: Ink.ENDO, ContourKind.EPI: Ink.EPI}


def _palette() -> bytes:
    gray = np.rint(np.arange(WHITE + 1) * (255 / WHITE))
    colours = [np.repeat(gray[:, None], 3, axis=1)]
    for kind in INKS:
        level = np.linspace(0, 255, _TINT_GRAYS)[None, :, None]
        alpha = (np.arange(1, _TINT_ALPHAS + 1) / _TINT_ALPHAS)[:, None, None]
        colours.append(((1 - alpha) * level + alpha * np.array(COLOURS[kind])).reshape(_TINTS, 3))
    return bytes(np.rint(np.concatenate(colours)).astype(np.uint8).tobytes())


PALETTE = _palette()
"""128 greys, then for each ink 8 opacities by 8 greys below it."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square or rectangular part of an image, in image pixels: left and top edge (pixel k spans k to k + 1), size."""

    left: float
    top: float
    width: float
    height: float


def within(crop: Crop, shape: tuple[int, int]) -> Crop:
    """A square moved, and cut where it must be, to lie within an image of `shape` (rows, columns)."""
    side = min(crop.width, *shape)
    left, top = np.clip((crop.left, crop.top), 0, (shape[1] - side, shape[0] - side))
    return Crop(float(left), float(top), float(side), float(side))


def robust_window(image: npt.NDArray[np.generic], percentiles: tuple[float, float]) -> tuple[float, float]:
    """Grey values to show as black and as white, from percentiles of the image; never equal."""
    low, high = np.percentile(np.asarray(image, dtype=np.float32), percentiles)
    return float(low), float(high if high > low else low + 1)


def magnify(image: npt.NDArray[np.generic], crop: Crop, size: tuple[int, int], window: tuple[float, float]) -> Gray:
    """Show a part of an image.

    Parameters
    ----------
    image : (rows, columns), any real type
    crop : the part to show, within the image
    size : (rows, columns) on the screen
    window : grey values that become black and white

    Returns
    -------
    (rows, columns) of `size`, interpolated bicubically
    """
    low, high = window
    reach = 2 + int(2 * max(1.0, crop.width / size[1], crop.height / size[0]))  # of the bicubic kernel
    left, top = max(0, int(crop.left) - reach), max(0, int(crop.top) - reach)
    right, bottom = int(crop.left + crop.width) + reach + 1, int(crop.top + crop.height) + reach + 1
    part = image[top:bottom, left:right].astype(np.float32)
    scaled = np.clip((part - np.float32(low)) * np.float32(255 / (high - low)), 0, 255)
    shown = Image.fromarray(scaled.astype(np.uint8))
    box = (crop.left - left, crop.top - top, crop.left - left + crop.width, crop.top - top + crop.height)
    large = shown.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box)
    return np.asarray(large, dtype=np.uint8) >> np.uint8(1)


def to_screen(points: Points, crop: Crop, size: tuple[int, int]) -> Points:
    """Screen coordinates of image points, for `crop` shown at `size` (rows, columns)."""
    scale = np.array([size[1] / crop.width, size[0] / crop.height])
    shown: Points = (points + 0.5 - np.array([crop.left, crop.top])) * scale - 0.5
    return shown


def _pieces(points: Points, dashed: bool) -> tuple[Points, Points]:
    """Ends of the closed outline's segments, cut to `_PIECE` pixels at most; of a dashed one, those that are drawn."""
    ends = np.roll(points, -1, axis=0)
    length = np.hypot(*(ends - points).T)
    step = min(_PIECE, _GAP / 4) if dashed else _PIECE
    count = np.maximum(1, np.ceil(length / step).astype(int))
    owner = np.repeat(np.arange(len(points)), count)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    along = (ends - points)[owner] / count[owner, None]
    start = points[owner] + along * rank[:, None]
    if dashed:
        before = np.cumsum(length) - length
        middle = before[owner] + length[owner] * (rank + 0.5) / count[owner]
        total = float(length.sum())
        period = total / max(1, round(total / (_DASH + _GAP)))
        drawn = (middle % period) < period * _DASH / (_DASH + _GAP)
        start, along = start[drawn], along[drawn]
    return start, start + along


def _near(
    start: Points, end: Points, shape: tuple[int, int], reach: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Rows and columns of the pixels nearer than `reach` to a piece, and their distance to the nearest.

    Every piece is measured in a small square of pixels around it; the squares may stand out over `shape` by their side.
    """
    side = int(np.ceil(_PIECE + 2 * reach)) + 1
    width = shape[1] + 2 * side
    field = np.full((shape[0] + 2 * side) * width, reach * reach, np.float32)
    corner = np.floor(np.minimum(start, end) - reach)
    along = (end - start).astype(np.float32)
    away = (corner - start).astype(np.float32)
    y, x = np.divmod(np.arange(side * side), side)
    from_x = away[:, :1] + x.astype(np.float32)
    from_y = away[:, 1:] + y.astype(np.float32)
    square = np.maximum((along * along).sum(axis=1, keepdims=True), np.float32(1e-9))
    place = (from_x * along[:, :1] + from_y * along[:, 1:]) / square
    np.clip(place, 0, 1, out=place)
    from_x -= place * along[:, :1]
    from_y -= place * along[:, 1:]
    inside = np.clip(corner, -side, (shape[1], shape[0])).astype(np.int64)
    first = (inside[:, 1] + side) * width + inside[:, 0] + side
    np.minimum.at(field, (first[:, None] + (y * width + x)).reshape(-1), (from_x**2 + from_y**2).reshape(-1))
    measured = field.reshape(-1, width)[side:-side, side:-side]
    rows, columns = np.nonzero(measured < reach * reach)
    return rows, columns, np.sqrt(measured[rows, columns])


class Canvas:
    """A picture being drawn: a grey plane, and over it the colours.

    Parameters
    ----------
    gray : (rows, columns) levels; changed in place where outlines darken their surroundings
    """

    def __init__(self, gray: Gray) -> None:
        self.gray = np.ascontiguousarray(gray)
        self.pixels = self.gray.copy()

    def outline(self, points: Points, ink: Ink, width: float, dashed: bool = False) -> None:
        """Draw a closed outline, anti-aliased by distance, on a soft dark casing that lifts it off bright blood.

        Parameters
        ----------
        points : (n, 2) screen coordinates
        width : of the line, in screen pixels
        """
        reach = width / 2 + _CASING + 0.5
        margin = int(np.ceil(reach)) + 1
        rows, columns = self.gray.shape
        left, top = np.clip(np.floor(points.min(axis=0)).astype(int) - margin, 0, (columns, rows))
        right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int) + margin + 1, 0, (columns, rows))
        if right <= left or bottom <= top:
            return
        start, end = _pieces(points - (left, top), dashed)
        near_rows, near_columns, distance = _near(start, end, (bottom - top, right - left), reach)
        self._ink((near_rows + top, near_columns + left), distance, ink, width)

    def border(self, mask: Mask, crop: Crop, ink: Ink, width: float) -> None:
        """Draw the border of a mask (rows, columns) of image pixels, of which the canvas shows `crop`.

        The border is where the magnified mask passes one half; the distance to it is estimated from the slope there.
        """
        box = (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
        rows, columns = self.gray.shape
        soft = Image.fromarray(mask.astype(np.float32)).resize((columns, rows), Image.Resampling.BILINEAR, box=box)
        level = np.asarray(soft, dtype=np.float32)
        down, right = np.gradient(level)
        slope = np.hypot(down, right)
        reach = width / 2 + _CASING + 0.5
        distance = np.abs(level - 0.5) / np.maximum(slope, 1e-6)
        at = np.nonzero((distance < reach) & (slope > 0))
        self._ink(at, distance[at].astype(np.float32), ink, width)

    def _ink(
        self, at: tuple[npt.NDArray[np.intp], ...], distance: npt.NDArray[np.float32], ink: Ink, width: float
    ) -> None:
        """Colour the pixels `at` (rows, columns) by their distance to a line."""
        reach = width / 2 + _CASING + 0.5
        casing = np.clip(reach - distance, 0, 1) * np.float32(_CASING_DARKNESS)
        gray = (self.gray[at] * (1 - casing)).astype(np.uint8)
        self.gray[at] = gray
        alpha = np.rint(np.clip(width / 2 + np.float32(0.5) - distance, 0, 1) * _TINT_ALPHAS).astype(np.uint8)
        below = np.rint(gray * np.float32((_TINT_GRAYS - 1) / WHITE)).astype(np.uint8)
        under = self.pixels[at]
        casing_only = np.where(under <= WHITE, gray, under)
        self.pixels[at] = np.where(alpha > 0, WHITE + 1 + ink * _TINTS + (alpha - 1) * _TINT_GRAYS + below, casing_only)

    def paste(self, other: Gray, left: int, top: int) -> None:
        """Put already indexed pixels on the canvas; what stands out to the right or below is cut."""
        target = self.pixels[top : top + other.shape[0], left : left + other.shape[1]]
        target[...] = other[: target.shape[0], : target.shape[1]]


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with Pillow (ASCII and the middle dot), at a size in pixels."""
    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise TypeError("Pillow without FreeType cannot write captions of a given size")
    return loaded


@lru_cache(maxsize=512)
def text_width(text: str, size: int) -> int:
    """Width of a line of text in screen pixels."""
    return int(np.ceil(font(size).getlength(text)))


@lru_cache(maxsize=512)
def text_mask(text: str, size: int, level: int, background: int) -> Gray:
    """A line of text as grey levels (rows, columns), as high as its font."""
    ascent, descent = font(size).getmetrics()
    image = Image.new("L", (text_width(text, size) + 1, ascent + descent), 0)
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font(size))
    cover = np.asarray(image).astype(np.float32) / 255
    return np.rint(background + cover * (level - background)).astype(np.uint8)
