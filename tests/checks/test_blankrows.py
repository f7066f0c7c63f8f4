"""Blocks of blank rows within images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from cmrpipe.checks.blankrows import blank_run, check_blank_rows
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ImageRecord, Phase, Sample
from cmrpipe.params import ValidateParams

PAGE = 4096


def told(image: np.ndarray | None, *frames: np.ndarray | None, **fields: Any) -> list[tuple[Code, int | None]]:
    """Codes and numbers for one image among other frames of its slice, by the default threshold.

    Parameters
    ----------
    frames : None what cannot be read
    fields : of the records of these frames
    """
    first, *others = (ImageRecord(f"dicoms/P/{n}.dcm", "", 1, "P", n, slice_index=3) for n in range(7, 8 + len(frames)))
    sample, limit = Sample(first, image, None, None, Phase.ED), ValidateParams().blank_rows
    others = [replace(other, **fields) for other in others]
    pixels = dict(zip(others, frames, strict=True))
    labels = PatientLabels("P", (first, *others), (), ("O",))
    return [(f.code, f.instance_number) for f in check_blank_rows(labels, [sample], pixels.__getitem__, limit)]


def torn(shape: tuple[int, int], first: int, rows: int, seed: int = 6) -> np.ndarray:
    """An image with so many blank rows from the first on."""
    image = np.random.default_rng(seed).integers(1, 900, shape).astype(np.int16)
    image[first : first + rows] = 0
    return image


def test_the_longest_run_within_the_picture_counts() -> None:
    """Of whatever value; margins above and below do not, nor does an image of nothing else."""
    rng = np.random.default_rng(4)
    image = rng.integers(1, 900, (64, 48)).astype(np.int16)
    assert blank_run(image)[1] == 0
    image[:9] = image[50:] = 0
    assert blank_run(image)[1] == 0
    image[20:23], image[30:35] = 0, 77
    assert blank_run(image) == (30, 5)
    assert told(image) == [(Code.IMAGE_BLANK_ROWS, 7)]
    assert blank_run(np.zeros((8, 8))) == (0, 0)
    assert told(None) == []
    one_row = torn((64, 48), 0, 64)
    one_row[30] = image[10]
    assert blank_run(one_row)[1] == 0
    one_row[40] = image[10]
    assert blank_run(one_row) == (31, 9)


@pytest.mark.parametrize(("rows", "expected"), [(2, []), (3, [(Code.IMAGE_BLANK_ROWS, 7)])])
def test_a_block_of_few_rows_is_chance(rows: int, expected: list[tuple[Code, int]]) -> None:
    """A fortieth of the image's rows, however wide it is, and no more."""
    assert told(torn((80, 240), 30, rows)) == expected


def test_the_finding_names_the_rows() -> None:
    """The first, from 0, and their number."""
    record = ImageRecord("dicoms/P/1.dcm", "", 1, "P", 1)
    sample = Sample(record, torn((64, 48), 20, 9), None, None, Phase.ED)
    (found,) = check_blank_rows(PatientLabels("P", (record,), (), ("O",)), [sample], lambda _: None, 0.025)
    assert (found.evidence["first_row"], found.evidence["blank_rows"]) == (20, 9)
    assert "9 of 64 rows, from row 20 on" in found.message


def test_a_row_of_a_quarter_of_its_pixels_shows_a_picture() -> None:
    """Unlike its middle value; one pixel in the middle is no picture."""
    image = torn((64, 48), 20, 44)
    for pixels, expected in ((1, 0), (11, 0), (12, 30)):
        image[50] = 0
        image[50, 24 : 24 + pixels] = 7
        assert blank_run(image)[1] == expected


def test_frames_that_show_half_of_the_rows_do_not_show_them() -> None:
    """Half of the block and less; the lost rows stand in the other frames of this slice that can be read."""
    image, lost = torn((64, 48), 20, 20), [(Code.IMAGE_BLANK_ROWS, 7)]
    assert told(image, torn((64, 48), 20, 10, seed=7)) == []
    assert told(image, torn((64, 48), 20, 9, seed=7)) == lost
    assert told(image, image) == []
    assert told(image, image, slice_index=4) == told(image, image, error="truncated") == lost
    assert told(image, None) == told(image, None, image[:30]) == lost


@pytest.mark.parametrize("frames", [3, 4, 5, 7, 8, 9, 25])
def test_a_few_frames_of_the_whole_slice_are_read(frames: int) -> None:
    """Four at most, from its first half and its second."""
    records = [ImageRecord(f"dicoms/P/{n}.dcm", "", 1, "P", n, slice_index=3) for n in range(frames + 1)]
    sample, read = Sample(records[0], torn((64, 48), 20, 20), None, None, Phase.ED), []

    def pixels(record: ImageRecord) -> None:
        read.append(record.file_number or 0)

    assert list(check_blank_rows(PatientLabels("P", tuple(records), (), ("O",)), [sample], pixels, 0.025))
    assert 2 <= len(read) <= 4
    assert min(read) <= frames / 2 < max(read)


def test_a_masked_background_is_no_loss() -> None:
    """With single pixels in it, or a text as wide as the image that the slice's other frames have, too."""
    rng = np.random.default_rng(5)
    whole, image = (rng.integers(1, 900, (64, 48)).astype(np.int16) for _ in range(2))
    image[:20] = image[50:] = 0
    image[3, 7] = image[60, 8:12] = 5
    assert blank_run(image)[1] == 0
    image[2:5, ::3] = 900
    assert blank_run(image) == (5, 15)
    assert told(image) == told(image, whole, whole, image) == [(Code.IMAGE_BLANK_ROWS, 7)]
    assert told(image, image) == told(image, whole, image, image) == []
    assert told(image, np.zeros_like(image)) == told(image)
    assert blank_run(np.eye(1)) == blank_run(np.eye(5, 1)) == (0, 0)


@pytest.mark.parametrize("start", [100 * 512, 131 * 512 + 301])
def test_a_lost_page_of_a_real_image_is_told(final_data: Path, start: int) -> None:
    """4 kB of zeros in its pixels, wherever they begin in a row; the image as it is has no blank row."""
    image = pydicom.dcmread(final_data / "dicoms" / "SCD0000101" / "59.dcm").pixel_array
    assert told(image) == []
    data = bytearray(image.tobytes())
    data[start : start + PAGE] = bytes(PAGE)
    assert told(np.frombuffer(bytes(data), image.dtype).reshape(image.shape)) == [(Code.IMAGE_BLANK_ROWS, 7)]
