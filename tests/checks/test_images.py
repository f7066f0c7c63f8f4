"""What must be constant within a series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cmrpipe.checks.images import check_files, check_series
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.refusals import own_trouble

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


def test_a_file_that_the_system_refuses_is_not_to_be_fetched_anew(tmp_path: Path) -> None:
    """Its permissions and disk are named; what is damaged is to be fetched."""
    why = own_trouble(PermissionError(13, "Permission denied"), tmp_path / "1.dcm", tmp_path)
    images = [ImageRecord(f"dicoms/P/{n}.dcm", "", 0, "P", error=text) for n, text in ((1, why), (2, "no image in it"))]
    refused, damaged = (f.message for f in check_files(images))
    assert refused.endswith("cannot be used: it cannot be read (Permission denied; see its permissions and its disk).")
    assert damaged.endswith("cannot be used: no image in it. Fetch it anew from its source.")
