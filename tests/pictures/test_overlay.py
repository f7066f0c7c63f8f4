"""Pictures of contoured images."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cmrpipe.model import Contour, ContourKind, ImageRecord, Phase
from cmrpipe.params import OverlayParams
from cmrpipe.pictures.drawing import COLOURS
from cmrpipe.pictures.overlay import Outline, View, caption, heart_crop, heart_side, picture, spacing_text, strip

PARAMS = OverlayParams(strip_pixels=320)


def square(x: float, y: float, half: float, kind: ContourKind = ContourKind.ENDO) -> Contour:
    """A square contour around (x, y)."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    return Contour(kind, corners + np.array([x, y]))


def view(*outlines: Outline, rows: int = 120, columns: int = 140, slice_index: int | None = 3) -> View:
    """A noisy image with outlines."""
    record = ImageRecord(
        "dicoms/P1/7.dcm", "0", 1, "P1", 7, 7, slice_index, 12, pixel_spacing_mm=(1.25, 1.5), rows=rows, columns=columns
    )
    image = np.random.default_rng(0).integers(0, 900, (rows, columns)).astype(np.int16)
    return View(record, image, (0.0, 900.0), outlines, 7, Phase.ED)


def colours(data: bytes) -> npt.NDArray[np.int64]:
    """(rows, columns, 3) colours of a PNG."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def near(image: npt.NDArray[np.int64], kind: ContourKind) -> npt.NDArray[np.bool_]:
    """Where an image is tinted in the colour of a kind of contour."""
    full = COLOURS[kind]
    return np.asarray((image[..., 0] - image[..., 2]) * np.sign(full[0] - full[2]) > 70)


@pytest.mark.parametrize("scale", [1, 2, 3, 5])
def test_contours_lie_on_their_pixels(scale: int) -> None:
    """A contour point (x, y) is drawn at ((x + 0.5) scale, (y + 0.5) scale) from the corner, columns and rows apart."""
    endo, epi = square(70, 40, 15), square(71, 41, 25, ContourKind.EPI)
    shown = colours(picture(view(Outline(endo), Outline(epi)), ["A"], PARAMS.model_copy(update={"scale": scale})))
    for contour in (endo, epi):
        rows, columns = np.nonzero(near(shown[: 120 * scale, : 140 * scale], contour.kind))
        low = (contour.points.min(axis=0) + 0.5) * scale - 0.5
        high = (contour.points.max(axis=0) + 0.5) * scale - 0.5
        assert columns.min() == pytest.approx(low[0], abs=1.6)
        assert columns.max() == pytest.approx(high[0], abs=1.6)
        assert rows.min() == pytest.approx(low[1], abs=1.6)
        assert rows.max() == pytest.approx(high[1], abs=1.6)


def test_same_input_same_bytes() -> None:
    """Pictures and strips depend on nothing but their arguments."""
    shown = view(Outline(square(70, 60, 20)))
    assert picture(shown, ["A"], PARAMS) == picture(shown, ["A"], PARAMS)
    args = ("no slice before", view(slice_index=4), 80.0, ["A"], PARAMS)
    assert strip(shown, *args) == strip(shown, *args)


def test_the_caption_says_which_image_it_is() -> None:
    """Ids, slice, frame, phase, number and pixel size are named, and what is in quarantine, with the reason."""
    shown = view(Outline(square(70, 60, 20)), Outline(square(70, 60, 30, ContourKind.EPI), "contour-copied"))
    assert caption(shown, ["SC-1"]) == [
        "P1",
        "SC-1",
        "slice 3",
        "frame 12",
        "ED",
        "image 7",
        "pixel 1.25 x 1.5 mm",
        "endocardium",
        "epicardium in quarantine: contour-copied",
    ]
    assert spacing_text(None) == "pixel size unknown"


def test_a_quarantined_contour_is_drawn_with_gaps() -> None:
    """It is not left out of the picture, and not drawn like the others."""
    endo = square(70, 60, 30)
    whole, dashed = (
        near(colours(picture(view(Outline(endo, why)), [], PARAMS))[:240, :280], ContourKind.ENDO).sum()
        for why in ("", "contour-copied")
    )
    assert 0.4 * whole < dashed < 0.8 * whole


def test_a_strip_shows_three_slices_at_one_place() -> None:
    """Each panel has its own outlines, and a missing neighbour is an empty panel."""
    middle, after = view(Outline(square(70, 60, 20))), view(Outline(square(70, 60, 10, ContourKind.EPI)), slice_index=4)
    shown = colours(strip(middle, "no slice before", after, 80.0, [], PARAMS))
    panels = [shown[33 : 33 + 320, left : left + 320] for left in (0, 326, 652)]
    assert np.unique(panels[0].reshape(-1, 3), axis=0).shape[0] < 200
    assert not near(panels[0], ContourKind.ENDO).any()
    assert near(panels[1], ContourKind.ENDO).any()
    assert not near(panels[1], ContourKind.EPI).any()
    assert near(panels[2], ContourKind.EPI).any()
    columns = np.nonzero(near(panels[1], ContourKind.ENDO))[1]
    assert (columns.min() + columns.max()) / 2 == pytest.approx(160, abs=2)


def test_small_images_get_a_readable_caption() -> None:
    """A tiny image's picture is wide enough for words, and high enough for all of them."""
    shown = colours(picture(view(Outline(square(10, 10, 5)), rows=20, columns=24), ["SC-HF-I-1"], PARAMS))
    assert shown.shape[1] >= 360
    assert shown.shape[0] > 40 + 2 * 21


def test_a_very_long_name_is_cut_not_fatal() -> None:
    """Ids longer than the picture is wide do not break it."""
    shown = view(Outline(square(30, 30, 9)), rows=64, columns=64)
    small = PARAMS.model_copy(update={"strip_pixels": 120})
    assert colours(picture(shown, ["X" * 200], small)).any()
    assert colours(strip(shown, "no such slice before this one", shown, 64.0, ["X" * 200], small)).any()


def test_the_heart_crop_lies_within_the_image() -> None:
    """Near a border the crop moves, in a small image it shrinks; it always has room for the contours."""
    contour = square(5, 5, 4)
    assert heart_side([contour]) == 64.0
    crop = heart_crop([Outline(contour)], 64.0, (120, 140))
    assert (crop.left, crop.top, crop.width) == (0.0, 0.0, 64.0)
    assert heart_crop([Outline(contour)], 64.0, (40, 50)).width == 40
    assert heart_side([square(100, 100, 55)]) == pytest.approx(200)
