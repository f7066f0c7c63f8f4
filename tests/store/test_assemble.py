"""What of a patient goes into the store, from labels and pixels that are made here."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from cmrpipe.linking import PatientLabels
from cmrpipe.model import ContourKind, ContourRecord, ImageRecord, Points
from cmrpipe.store.assemble import find_heart, select
from cmrpipe.store.leftout import LeftOut, Lost

SHAPE = (48, 48)
FRAMES = 4
TRIANGLE: Points = np.array([[20.0, 20.0], [28.0, 20.0], [24.0, 28.0]])


def image_path(number: int) -> str:
    """Of an image."""
    return f"dicoms/P/{number}.dcm"


def contour_path(number: int, kind: ContourKind) -> str:
    """Of a contour file."""
    return f"contourfiles/O/{number}-{kind.value}.txt"


def labels(drawn: Collection[tuple[int, ContourKind]], slices: int = 1) -> PatientLabels:
    """A patient whose images are numbered frame by frame and slice by slice, and who has these contours."""
    images = tuple(
        ImageRecord(
            image_path(s * FRAMES + f + 1),
            "",
            1,
            "P",
            file_number=s * FRAMES + f + 1,
            slice_index=s,
            frame=f + 1,
            rows=SHAPE[0],
            columns=SHAPE[1],
        )
        for s in range(slices)
        for f in range(FRAMES)
    )
    contours = tuple(
        ContourRecord(contour_path(number, kind), "", 1, "O", number, kind, TRIANGLE + 0.1 * number)
        for number, kind in drawn
    )
    return PatientLabels("P", images, contours, ("O",))


def beating(x: int) -> list[npt.NDArray[np.int16]]:
    """Frames in which a spot in column x comes and goes."""
    frames = np.zeros((FRAMES, *SHAPE), np.int16)
    frames[::2, 19:29, x : x + 8] = 1000
    return list(frames)


@pytest.mark.parametrize("left_out", [(), (3,), (2, 3)])
def test_frames_in_quarantine_do_not_move_the_heart(
    left_out: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is left out, a frame of another heart, say, has no part in where the heart is."""
    true, other = beating(14), beating(26)
    pixels = {image_path(i + 1): other[i] if i + 1 in left_out else true[i] for i in range(FRAMES)}
    monkeypatch.setattr("cmrpipe.store.assemble.read_image", lambda record, _: pixels[record.path])
    selection = select(labels([(1, ContourKind.ENDO)]), {image_path(number) for number in left_out})
    found = find_heart(selection, tmp_path)
    assert found is not None
    assert found == pytest.approx((23.5, 18.5), abs=1)


def test_what_is_left_out_is_counted_to_the_image() -> None:
    """Rules and people, images and epicardia; an image that has an epicardium alone is left out, too."""
    endo, epi = ContourKind.ENDO, ContourKind.EPI
    drawn = labels([(1, endo), (1, epi), (5, endo), (5, epi), (9, endo), (13, epi)], slices=4)
    only_epi = select(drawn, frozenset()).left_out
    assert (only_epi.total, sum(only_epi.epicardia.phases.values() if only_epi.epicardia else ())) == (1, 1)
    by_rule, by_ann = contour_path(1, endo), image_path(9)
    selection = select(drawn, {by_rule, by_ann}, {by_ann})
    assert [sample.record.path for sample in selection.samples] == [image_path(5)]
    assert selection.left_out == LeftOut(Lost({"ED": 3}, {"ED": 1}), Lost({"ED": 2}, {}))
