"""Blocks of blank rows within images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from cmrpipe.checks.blankrows import blank_run, check_blank_rows
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ImageRecord, Phase, Sample
from cmrpipe.params import ValidateParams

PAGE = 4096


def told(image: np.ndarray | None, *frames: np.ndarray) -> list[tuple[Code, int | None]]:
    """Codes and numbers for one image among other frames of its slice, by the default threshold."""
    records = tuple(ImageRecord(f"dicoms/P/{n}.dcm", "", 1, "P", n) for n in range(7, 8 + len(frames)))
    sample, limit = Sample(records[0], image, None, None, Phase.ED), ValidateParams().blank_rows
    pixels = dict(zip(records[1:], frames, strict=True))
    return [
        (f.code, f.instance_number)
        for f in check_blank_rows(PatientLabels("P", records, (), ("O",)), [sample], pixels.__getitem__, limit)
    ]


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
