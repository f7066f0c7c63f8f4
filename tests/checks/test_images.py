"""What must be constant within a series."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmrpipe.checks.images import check_series
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ImageRecord
from cmrpipe.params import ValidateParams

LIMITS = ValidateParams()


def series(*spacings: tuple[float, float]) -> list[ImageRecord]:
    """An image of each pixel spacing."""
    return [
        ImageRecord(f"dicoms/P/{i}.dcm", "", 1, "P", file_number=i, rows=64, columns=72, pixel_spacing_mm=spacing)
        for i, spacing in enumerate(spacings, 1)
    ]


@pytest.mark.parametrize(
    ("spacing", "told"), [((1.25, 1.25), False), ((1.255, 1.255), False), ((1.3, 1.3), True), ((1.0, 1.0), True)]
)
def test_a_spacing_that_changes_is_told_and_rounding_is_not(spacing: tuple[float, float], told: bool) -> None:
    """Up to 1 %: the image whose pixels are of another size than its series' has a finding."""
    usual = (1.25, 1.25)
    found = list(check_series("P", series(usual, spacing, usual), LIMITS))
    assert [(f.code, f.path) for f in found] == ([(Code.SIZE_CHANGES, "dicoms/P/2.dcm")] if told else [])


def test_a_size_that_changes_is_told() -> None:
    """Whatever the spacing says."""
    images = series((1.25, 1.25), (1.25, 1.25), (1.25, 1.25))
    images[2] = replace(images[2], columns=70)
    assert [(f.code, f.path) for f in check_series("P", images, LIMITS)] == [(Code.SIZE_CHANGES, "dicoms/P/3.dcm")]
