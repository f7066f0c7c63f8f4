"""Pictures of contoured images: the whole image with its outlines, and a strip with the neighbouring slices.

Both are indexed PNGs whose bytes depend on nothing but the arguments.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from cmrpipe.model import Contour, ContourKind, ImageRecord, Phase, Points
from cmrpipe.params import OverlayParams
from cmrpipe.pictures.drawing import (
    INKS,
    PALETTE,
    Canvas,
    Crop,
    Gray,
    magnify,
    text_mask,
    text_width,
    to_screen,
    within,
)
from cmrpipe.pictures.png import encode_indexed

NAMES = {ContourKind.ENDO: "endocardium", ContourKind.EPI: "epicardium"}

_PAPER, _TEXT, _QUIET, _EMPTY = 9, 116, 84, 20
_MARGIN, _LINE, _SIZE = 10, 21, 14
_MIN_WIDTH = 360
_GUTTER = 6
_SWATCH = 24
_HEART_SHARE = 0.55
_MIN_CROP = 64.0


@dataclass(frozen=True, slots=True)
class Outline:
    """A contour to draw; `quarantined` says why the store leaves it out, "" when it does not (dashed when it does)."""

    contour: Contour
    quarantined: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One image with what is drawn on it.

    Attributes
    ----------
    record : the image's catalog row
    image : (rows, columns), any real type
    window : grey values shown as black and as white
    outlines : endocardium, epicardium, both or none
    number : the image's number, as contour files and findings have it
    phase : None when the image carries no contour
    notes : further remarks for the caption
    """

    record: ImageRecord
    image: npt.NDArray[np.generic]
    window: tuple[float, float]
    outlines: tuple[Outline, ...]
    number: int | None
    phase: Phase | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Word:
    """A piece of a caption that is not broken; `kind` puts a line sample of that outline before it."""

    text: str
    level: int = _TEXT
    kind: ContourKind | None = None
    dashed: bool = False

    def width(self) -> int:
        return text_width(self.text, _SIZE) + (_SWATCH + 6 if self.kind else 0)


def spacing_text(spacing_mm: tuple[float, float] | None) -> str:
    """Pixel size for a caption: (between rows, between columns) in mm."""
    if spacing_mm is None:
        return "pixel size unknown"
    return f"pixel {spacing_mm[0]:.3g} x {spacing_mm[1]:.3g} mm"


def place_words(record: ImageRecord, phase: Phase | None) -> list[str]:
    """Where an image stands: slice, frame and, when it is one of the two, the phase."""
    words = [
        "slice unknown" if record.slice_index is None else f"slice {record.slice_index}",
        "frame unknown" if record.frame is None else f"frame {record.frame}",
    ]
    return words if phase in (None, Phase.OTHER) else [*words, str(phase)]


def caption(view: View, original_ids: Sequence[str]) -> list[str]:
    """What a picture says about itself."""
    return [word.text for word in _caption(view, original_ids)]


def _caption(view: View, original_ids: Sequence[str]) -> list[_Word]:
    names = [view.record.patient_id, *original_ids, *place_words(view.record, view.phase)]
    names += [f"image {view.number}"] if view.number is not None else []
    words = [_Word(text) for text in names] + [_Word(spacing_text(view.record.pixel_spacing_mm))]
    for outline in view.outlines:
        kind = outline.contour.kind
        note = f" in quarantine: {outline.quarantined}" if outline.quarantined else ""
        words.append(_Word(NAMES[kind] + note, _TEXT, kind, bool(outline.quarantined)))
    return words + [_Word(note) for note in view.notes]


def _flow(words: Sequence[_Word], width: int) -> list[list[tuple[int, _Word]]]:
    """Break words into lines: for each word its left edge."""
    lines: list[list[tuple[int, _Word]]] = [[]]
    left = _MARGIN
    for word in words:
        if lines[-1] and left + word.width() > width - _MARGIN:
            lines.append([])
            left = _MARGIN
        lines[-1].append((left, word))
        left += word.width() + 16
    return lines


def _band_rows(lines: int) -> int:
    return lines * _LINE + 12


def _sample(canvas: Canvas, word: _Word, left: int, middle: float, width: float) -> None:
    """Draw the line sample of a legend: whole, or two dashes."""
    pieces = [(0.0, 9.0), (15.0, 24.0)] if word.dashed else [(0.0, float(_SWATCH))]
    for start, end in pieces:
        points = np.array([[left + start, middle], [left + end, middle]])
        if word.kind is not None:
            canvas.outline(points, INKS[word.kind], max(width, 2.0))


def _write(canvas: Canvas, lines: Sequence[Sequence[tuple[int, _Word]]], top: int, width: float) -> None:
    """Write caption lines from `top` down."""
    for row, line in enumerate(lines):
        y = top + 6 + row * _LINE
        for left, word in line:
            indent = 0
            if word.kind is not None:
                _sample(canvas, word, left, y + 9.0, width)
                indent = _SWATCH + 6
            canvas.paste(text_mask(word.text, _SIZE, word.level, _PAPER), left + indent, y)


def _blank(rows: int, columns: int, level: int) -> Gray:
    return np.full((rows, columns), level, np.uint8)


def _panel(view: View, crop: Crop, size: tuple[int, int], window: tuple[float, float], width: float) -> Gray:
    """Part of a view at `size` with its outlines, the outer one drawn first."""
    canvas = Canvas(magnify(view.image, crop, size, window))
    for outline in sorted(view.outlines, key=lambda o: o.contour.kind, reverse=True):
        points = to_screen(outline.contour.points, crop, size)
        canvas.outline(points, INKS[outline.contour.kind], width, dashed=bool(outline.quarantined))
    return canvas.pixels


def picture(view: View, original_ids: Sequence[str], params: OverlayParams) -> bytes:
    """Draw the whole image with its outlines and a caption.

    Parameters
    ----------
    view : what to draw
    original_ids : the patient's names in the contour folders, for the caption

    Returns
    -------
    the bytes of an indexed PNG; image point (x, y) lies at ((x + 0.5) scale, (y + 0.5) scale) from its corner
    """
    rows, columns = view.image.shape
    size = (rows * params.scale, columns * params.scale)
    width = max(size[1], _MIN_WIDTH)
    lines = _flow(_caption(view, original_ids), width)
    sheet = _blank(size[0] + _band_rows(len(lines)), width, _PAPER)
    whole = Crop(0, 0, columns, rows)
    canvas = Canvas(sheet)
    canvas.paste(_panel(view, whole, size, view.window, params.line_width), 0, 0)
    _write(canvas, lines, size[0], params.line_width)
    return encode_indexed(canvas.pixels, PALETTE)


def heart_side(contours: Sequence[Contour]) -> float:
    """Side of a square that shows every one of a patient's contours with room around it, in image pixels."""
    extents = [float(np.ptp(contour.points, axis=0).max()) for contour in contours]
    return max(_MIN_CROP, max(extents, default=0.0) / _HEART_SHARE)


def heart_crop(outlines: Sequence[Outline], side: float, shape: tuple[int, int]) -> Crop:
    """A square of `side` around the outlines' common centre (the image's, without outlines), within `shape`."""
    if not outlines:
        return within(Crop(shape[1] / 2 - side / 2, shape[0] / 2 - side / 2, side, side), shape)
    points: Points = np.concatenate([outline.contour.points for outline in outlines])
    left, top = (points.min(axis=0) + points.max(axis=0)) / 2 + 0.5 - side / 2
    return within(Crop(left, top, side, side), shape)


def strip(
    view: View, before: View | str, after: View | str, side: float, original_ids: Sequence[str], params: OverlayParams
) -> bytes:
    """Draw the heart at one frame in three slices: the one before, the view's own, the one after.

    Parameters
    ----------
    view, before, after : the image in question and its neighbours; a text where there is none, saying why
    side : of the shown square, in image pixels; all three panels show the same place with the same window

    Returns
    -------
    the bytes of an indexed PNG
    """
    pixels = params.strip_pixels
    crop = heart_crop(view.outlines, side, (view.image.shape[0], view.image.shape[1]))
    lines = _flow(_caption(view, original_ids), 3 * pixels + 2 * _GUTTER)
    head = _band_rows(1)
    canvas = Canvas(_blank(head + pixels + _band_rows(len(lines)), 3 * pixels + 2 * _GUTTER, _PAPER))
    for place, shown in enumerate((before, view, after)):
        left = place * (pixels + _GUTTER)
        if isinstance(shown, str):
            canvas.paste(_blank(pixels, pixels, _EMPTY), left, head)
            middle = left + (pixels - text_width(shown, _SIZE)) // 2
            canvas.paste(text_mask(shown, _SIZE, _QUIET, _EMPTY), max(left, middle), head + pixels // 2 - _LINE)
            continue
        own = within(crop, (shown.image.shape[0], shown.image.shape[1]))
        canvas.paste(_panel(shown, own, (pixels, pixels), view.window, params.line_width), left, head)
        title = " · ".join(place_words(shown.record, shown.phase))
        canvas.paste(text_mask(title, _SIZE, _TEXT if shown is view else _QUIET, _PAPER), left + _MARGIN, 6)
    _write(canvas, lines, head + pixels, params.line_width)
    return encode_indexed(canvas.pixels, PALETTE)


def middle_panel(png: bytes) -> bytes:
    """The middle panel of a strip that `strip` drew, as a PNG of its own."""
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image)
    side = (pixels.shape[1] - 2 * _GUTTER) // 3
    left, top = side + _GUTTER, _band_rows(1)
    return encode_indexed(pixels[top : top + side, left : left + side], PALETTE)
