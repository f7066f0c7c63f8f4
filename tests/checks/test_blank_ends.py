"""Images that end blank."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cmrpipe.checks.series import check_series
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ImageRecord
from cmrpipe.params import ValidateParams


def told(blank: Sequence[int], pixel_max: int = 900) -> list[int | None]:
    """Numbers of the images told of a slice of 256 rows whose frames end with so many blank rows."""
    images = [
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
    return [f.instance_number for f in check_series("P", images, ValidateParams()) if f.code is Code.IMAGE_BLANK_END]


@pytest.mark.parametrize("usual", [0, 18, 40])
def test_one_that_ends_early_is_told(usual: int) -> None:
    """Whatever is blank in all frames of the slice; two of twelve, too."""
    assert told([usual] * 9 + [usual + 60] + [usual] * 10) == [10]
    assert told([usual] * 10 + [usual + 60, usual + 120]) == [11, 12]


def test_chance_is_not() -> None:
    """Black air ends blank here and there; few frames, and images of one value throughout, tell nothing."""
    assert told([0, 3, 35, 7, 1, 12, 20, 2, 0, 9, 5, 60, 4, 1, 16, 8, 2, 0, 11, 6]) == []
    assert told([18] * 9 + [28]) == []
    assert told([0, 0, 0, 60]) == []
    assert told([0] * 9 + [256], pixel_max=0) == []
