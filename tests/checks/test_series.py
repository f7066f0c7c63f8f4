"""What is said of a patient's series: how its slices lie, and what else is in the folder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cmrpipe.checks.series import check_series
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.slices import UNEVEN, arrange

LIMITS = ValidateParams()
GAP_MM = 8.0


def stack(places_mm: tuple[float, ...] = (0.0, 8.0, 16.0, 24.0, 32.0), **fields: Any) -> list[ImageRecord]:
    """Three frames a slice."""
    return [
        ImageRecord(
            f"dicoms/P/{3 * s + f}.dcm",
            "",
            1,
            "P",
            file_number=3 * s + f,
            trigger_time_ms=40.0 * f,
            position_mm=(5.0, 6.0, place),
            orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            pixel_spacing_mm=(1.25, 1.25),
            rows=64,
            columns=64,
            series_uid="1.1",
            frames_per_slice=3,
            **fields,
        )
        for s, place in enumerate(places_mm)
        for f in (1, 2, 3)
    ]


def said(images: list[ImageRecord]) -> list[Finding]:
    """The findings."""
    return list(check_series("P", arrange(images, 20), LIMITS))


@pytest.mark.parametrize("share", [-1.1, -0.9, 0.9, 1.1])
def test_a_header_that_measures_slices_otherwise_is_told(share: float) -> None:
    """Beyond the limit, in either direction, with both distances; a header that says nothing, or 0, is none."""
    header = GAP_MM * (1 + share * LIMITS.gap_header)
    found = said(stack(spacing_between_slices_mm=header))
    assert [f.code for f in found] == ([Code.SLICE_GAP_HEADER] if abs(share) > 1 else [])
    assert all(f.evidence.items() >= {"header_mm": header, "gap_mm": GAP_MM}.items() for f in found)
    assert said(stack()) == said(stack(spacing_between_slices_mm=0.0)) == []


@pytest.mark.parametrize("share", [-1.1, -0.9, 0.9, 1.1])
def test_one_slice_that_lies_elsewhere_is_told(share: float) -> None:
    """With the slice after which it does, and by how much."""
    off = share * UNEVEN * GAP_MM
    found = said(stack((0.0, 8.0, 16.0, 24.0, 32.0 + off)))
    assert [f.code for f in found] == ([Code.SLICE_GAP_IRREGULAR] if abs(share) > 1 else [])
    for one in found:
        assert (one.patient_id, one.evidence["after_slice"], one.evidence["gap_mm"]) == ("P", 3, GAP_MM)
        assert one.evidence["off_by_mm"] == pytest.approx(abs(off), abs=1e-3)


def test_other_series_are_told_with_how_many_images_they_have() -> None:
    """Once, at the first; what cannot be read is of none, and of nothing readable nothing is said."""
    other = [replace(i, path=f"{i.path}.2", series_uid=f"1.{2 + n % 2}") for n, i in enumerate(stack()[:4])]
    broken = replace(stack()[0], path="dicoms/P/99.dcm", series_uid="1.9", error="truncated")
    (found,) = said([*stack(), *other, broken])
    assert (found.code, found.patient_id, found.path, found.evidence["images"]) == (
        Code.SERIES_MIXED,
        "P",
        other[0].path,
        4,
    )
    assert found.message.startswith("P: 15 images are taken for the short-axis cine, 4 images belong to 2 other series")
    assert said([broken]) == []


@pytest.mark.parametrize("share", [-0.9, 0.9, 1.1, 1.25, 2.0])
def test_slices_that_overlap_are_told(share: float) -> None:
    """By more than a share of their thickness; gaps between them are none, and a header may say nothing of it."""
    thick = GAP_MM / (1 - share * LIMITS.overlap)
    found = said(stack(slice_thickness_mm=thick))
    assert [f.code for f in found] == ([Code.SLICES_OVERLAP] if share > 1 else [])
    assert all(f.evidence == {"thickness_mm": round(thick, 4), "gap_mm": GAP_MM} for f in found)
    assert said(stack(slice_thickness_mm=0.0)) == said(stack(slice_thickness_mm=-80.0)) == []


def test_an_overlap_by_half_is_told_and_one_wrong_thickness_is_not() -> None:
    """Positions that an export halved; the median of the stack decides."""
    (found,) = said(stack(slice_thickness_mm=2 * GAP_MM))
    assert "slices are 16.00 mm thick and lie 8.00 mm apart by their positions: they overlap by 50%" in found.message
    images = stack(slice_thickness_mm=GAP_MM)
    assert said([replace(images[0], slice_thickness_mm=80.0), *images[1:]]) == []
