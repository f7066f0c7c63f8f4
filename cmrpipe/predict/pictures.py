"""Pictures of a prediction: every contoured image of ED and ES, and one sheet that shows them all beside each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmrpipe.model import Contour, ContourKind, Phase
from cmrpipe.params import OverlayParams
from cmrpipe.pictures.drawing import INKS, PALETTE, WHITE, Canvas, magnify, robust_window, text_mask, to_screen
from cmrpipe.pictures.overlay import Outline, View, heart_crop, heart_side, picture
from cmrpipe.pictures.png import encode_indexed
from cmrpipe.predict.patient import Prediction, Seen, hundredths

_PANEL, _GUTTER, _HEAD, _SIZE = 200, 4, 22, 14
_PAPER, _QUIET = 9, 84


def outlines_of(item: Seen) -> tuple[Outline, ...]:
    """What is drawn on an image."""
    borders = ((ContourKind.ENDO, item.drawing.endo), (ContourKind.EPI, item.drawing.epi))
    return tuple(Outline(Contour(kind, points)) for kind, points in borders if points is not None)


def pictures(found: Prediction, params: OverlayParams) -> Iterator[tuple[int, bytes]]:
    """Number and PNG of every image of ED and ES (of all images where there are no phases) with a contour."""
    if found.images is None:
        return
    for item, image in zip(found.seen, found.images, strict=True):
        if item.drawing.endo is None or (item.phase is Phase.OTHER and found.ed_frame is not None):
            continue
        agreed = f"agreement {hundredths(item.agreement)}"
        notes = ("predicted", agreed, *([f"unsure: {item.unsure}"] if item.unsure else []))
        window = robust_window(image, params.window_percentiles)
        view = View(item.record, image, window, outlines_of(item), item.number, item.phase, notes)
        yield item.number, picture(view, (), params)


def overview(found: Prediction, params: OverlayParams) -> bytes | None:
    """A sheet (PNG): a row a phase, a column a slice, the heart large; None where nothing was found."""
    contours = [outline.contour for item in found.seen for outline in outlines_of(item)]
    if found.images is None or not contours:
        return None
    shape = (found.images.shape[1], found.images.shape[2])
    crop = heart_crop([Outline(contour) for contour in contours], heart_side(contours), shape)
    frames = [frame for frame in (found.ed_frame, found.es_frame) if frame is not None]
    frames = frames or [min(item.place.frame for item in found.seen)]
    slices = sorted({item.place.slice_index for item in found.seen})
    sheet = np.full((len(frames) * (_PANEL + _HEAD), len(slices) * (_PANEL + _GUTTER) - _GUTTER), _PAPER, np.uint8)
    canvas = Canvas(sheet)
    window = robust_window(found.images[:: max(1, len(found.images) // 20)], params.window_percentiles)
    for item, image in zip(found.seen, found.images, strict=True):
        if item.place.frame not in frames:
            continue
        top = frames.index(item.place.frame) * (_PANEL + _HEAD)
        left = slices.index(item.place.slice_index) * (_PANEL + _GUTTER)
        size = (_PANEL, _PANEL)
        panel = Canvas(magnify(image, crop, size, window))
        for outline in sorted(outlines_of(item), key=lambda o: o.contour.kind, reverse=True):
            points = to_screen(outline.contour.points, crop, size)
            panel.outline(points, INKS[outline.contour.kind], params.line_width, dashed=bool(item.unsure))
        canvas.paste(panel.pixels, left, top + _HEAD)
        words = f"{item.phase} slice {item.place.slice_index}" + (" unsure" if item.unsure else "")
        level = WHITE if item.drawing.endo is not None else _QUIET
        canvas.paste(text_mask(words, _SIZE, level, _PAPER), left + 4, top + 3)
    return encode_indexed(canvas.pixels, PALETTE)
