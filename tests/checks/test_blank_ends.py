"""Images that end blank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cmrpipe.checks.blankends import check_ends
from cmrpipe.checks.series import check_series
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ImageRecord
from cmrpipe.params import ValidateParams


def frames(blank: Sequence[int], pixel_max: int = 900) -> list[ImageRecord]:
    """A slice of 256 rows whose frames end with so many blank rows."""
    return [
        ImageRecord(
            f"dicoms/P/{i}.dcm",
            "",
            0,
            "P",
            file_number=i,
            slice_index=0,
            frame=i,
            rows=256,
            columns=256,
            pixel_min=0,
            pixel_max=pixel_max,
            blank_rows=count,
        )
        for i, count in enumerate(blank, start=1)
    ]


def told(blank: Sequence[int], pixel_max: int = 900) -> list[int | None]:
    """Numbers of those of them that are told."""
    found = check_series("P", frames(blank, pixel_max), ValidateParams())
    return [f.instance_number for f in found if f.code is Code.IMAGE_BLANK_END]


@pytest.mark.parametrize("usual", [0, 18, 40])
def test_one_that_ends_early_is_told(usual: int) -> None:
    """Whatever is blank in all frames of the slice; two of twelve, too."""
    assert told([usual] * 9 + [usual + 60] + [usual] * 10) == [10]
    assert told([usual] * 10 + [usual + 60, usual + 120]) == [11, 12]
    assert told([usual] * 4 + [usual + 60]) == [5]


def test_slices_that_end_a_little_unlike_are_one() -> None:
    """Up to 2 % of the rows; told with the most that is usual."""
    assert told([0, 3, 5, 0, 2, 60]) == [6]
    (found,) = check_ends(frames([0, 0, 5, 5, 5, 60]), ValidateParams().blank_end)
    assert (found.evidence["blank_rows"], found.evidence["usual"]) == (60, 5)


def test_other_slices_and_images_without_a_slice_do_not_count() -> None:
    """Each slice has its own end; what lies in none has no others."""
    two = [replace(image, slice_index=(image.frame or 0) // 7) for image in frames([0] * 6 + [60] * 6)]
    loose = [replace(image, slice_index=None, frame=None) for image in frames([0] * 9 + [60])]
    for images in (two, loose):
        assert list(check_ends(images, ValidateParams().blank_end)) == []


def test_chance_is_not() -> None:
    """Black air ends blank here and there; few frames, and images of one value throughout, tell nothing."""
    assert told([0, 3, 35, 7, 1, 12, 20, 2, 0, 9, 5, 60, 4, 1, 16, 8, 2, 0, 11, 6]) == []
    assert told([18] * 9 + [28]) == []
    assert told([0] * 5 + [5] * 5 + [18]) == []
    assert told([0, 0, 0, 60]) == []
    assert told([0] * 9 + [256], pixel_max=0) == []
