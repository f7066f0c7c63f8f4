"""Pictures of a prediction: what they say and what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cmrpipe.model import Phase
from cmrpipe.params import OverlayParams
from cmrpipe.pictures.overlay import View
from cmrpipe.predict.patient import Prediction, Seen
from cmrpipe.predict.pictures import overview, pictures

PARAMS = OverlayParams()


def changed(found: Prediction, change: Callable[[Seen], Seen]) -> Prediction:
    """The prediction with other images."""
    return replace(found, seen=tuple(map(change, found.seen)))


def captions(found: Prediction, monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[str, ...]]:
    """What the pictures say, by image number."""
    said: dict[int, tuple[str, ...]] = {}

    def note(view: View, *_: object) -> bytes:
        said[view.number or 0] = tuple(view.notes)
        return b""

    monkeypatch.setattr("cmrpipe.predict.pictures.picture", note)
    assert {number for number, _ in pictures(found, PARAMS)} == set(said)
    return said


def sheet(found: Prediction) -> npt.NDArray[np.uint8]:
    """The sheet of all images, (rows, columns, 3)."""
    png = overview(found, PARAMS)
    assert png is not None
    return np.array(Image.open(BytesIO(png)).convert("RGB"))


def inked(pixels: npt.NDArray[np.uint8]) -> int:
    """How many pixels are coloured: the image is grey, outlines are not."""
    return int(np.ptp(pixels.astype(int), axis=-1).astype(bool).sum())


def test_a_picture_never_says_more_agreement_than_its_doubt(found: Prediction, monkeypatch: pytest.MonkeyPatch) -> None:
    """0.9379 is below 0.94: it is not written so; and only what is unsure is called unsure."""
    drawn = {item.number for item in found.seen if item.phase is not Phase.OTHER and item.drawing.endo is not None}
    doubtful = min(drawn)
    said = captions(
        changed(found, lambda i: replace(i, agreement=0.9379, unsure="why" if i.number == doubtful else "")),
        monkeypatch,
    )
    assert set(said) == drawn
    assert said.pop(doubtful) == ("predicted", "agreement 0.93", "unsure: why")
    assert set(said.values()) == {("predicted", "agreement 0.93")}


def test_without_phases_every_image_with_a_contour_has_a_picture(
    found: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells then which images the values would rest on."""
    still = replace(changed(found, lambda i: replace(i, phase=Phase.OTHER)), ed_frame=None, es_frame=None)
    assert set(captions(still, monkeypatch)) == {i.number for i in found.seen if i.drawing.endo is not None}


def test_the_sheet_has_a_row_a_phase_a_column_a_slice_and_dashes_where_it_is_unsure(found: Prediction) -> None:
    """An image in doubt has less of its outlines, in its own panel alone."""
    slices = sorted({item.place.slice_index for item in found.seen})
    middle = slices[len(slices) // 2]
    plain = sheet(found)
    doubted = sheet(
        changed(
            found,
            lambda i: replace(i, unsure="why") if (i.phase, i.place.slice_index) == (Phase.ES, middle) else i,
        )
    )
    assert plain.shape == doubted.shape
    rows, columns = 2, len(slices)
    height, width = plain.shape[0] / rows, plain.shape[1] / columns
    for row in range(rows):
        for column in range(columns):
            panel = np.s_[int(row * height) : int((row + 1) * height), int(column * width) : int((column + 1) * width)]
            before, after = inked(plain[panel]), inked(doubted[panel])
            unsure = (row, column) == (1, slices.index(middle))
            assert 0 < after < 0.8 * before if unsure else after == before
    assert inked(plain[: plain.shape[0] // 2]) > inked(plain[plain.shape[0] // 2 :]) > 0  # end-diastole above
