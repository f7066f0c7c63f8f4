"""Sizes that no heart has, from records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmrpipe.checks.scale import WHOLE, check_scale, check_volumes
from cmrpipe.clinical import ClinicalValues
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ImageRecord
from cmrpipe.params import ValidateParams

LIMITS = ValidateParams()
LABELS = PatientLabels("P", (), (), ("C",))


def stack(side_mm: float, gap_mm: float, rows: int = 256) -> list[ImageRecord]:
    """5 slices of square images."""
    return [
        ImageRecord(
            f"dicoms/P/{n}.dcm",
            "",
            1,
            "P",
            n,
            rows=rows,
            columns=rows,
            pixel_spacing_mm=(side_mm / rows, side_mm / rows),
            position_mm=(0.0, 0.0, gap_mm * n),
            orientation=(1, 0, 0, 0, 1, 0),
        )
        for n in range(1, 6)
    ]


@pytest.mark.parametrize(
    ("side_mm", "gap_mm", "told"),
    [
        (350, 10, []),
        (201, 4.1, []),
        (499, 19.9, []),
        (700, 10, ["field_mm"]),
        (175, 10, ["field_mm"]),
        (350, 3.9999, []),  # 4 mm, of rounded positions
        (350, 20.0001, []),
        (350, 3.9, ["gap_mm"]),
        (350, 1, ["gap_mm"]),
        (350, 100, ["gap_mm"]),
        (3500, 100, ["field_mm", "gap_mm"]),
    ],
)
def test_fields_and_gaps_out_of_reach_are_told(side_mm: float, gap_mm: float, told: list[str]) -> None:
    """Once each, as a warning with the number and what to look at."""
    found = list(check_scale("P", stack(side_mm, gap_mm), LIMITS))
    assert [next(name for name in f.evidence if name in {"field_mm", "gap_mm"}) for f in found] == told
    assert all(f.severity is Severity.WARNING and "with the source" in f.message for f in found)
    assert [f.evidence[name] for f, name in zip(found, told, strict=True)] == [
        pytest.approx({"field_mm": side_mm, "gap_mm": gap_mm}[name]) for name in told
    ]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("longer_mm", "told"), [(210.0, False), (490.0, False), (190.0, True), (510.0, True)])
def test_the_longer_side_of_a_field_counts(turned: bool, longer_mm: float, told: bool) -> None:
    """Rows go with the first number of PixelSpacing, columns with the second."""
    short, long = (128, 0.3 * longer_mm / 128), (256, longer_mm / 256)
    row, column = (long, short) if turned else (short, long)
    images = [
        replace(image, rows=row[0], columns=column[0], pixel_spacing_mm=(row[1], column[1])) for image in stack(350, 8)
    ]
    found = list(check_scale("P", images, LIMITS))
    assert [(f.evidence["field_mm"], f.evidence["images"]) for f in found] == ([(longer_mm, 5)] if told else [])


def test_what_is_not_known_is_not_told() -> None:
    """Cut-outs, images without spacing or position, files that cannot be used, other series."""
    assert list(check_scale("P", stack(120, 8, rows=WHOLE - 1), LIMITS)) == []
    for change in ({"pixel_spacing_mm": None}, {"error": "truncated"}):
        assert list(check_scale("P", [replace(image, **change) for image in stack(900, 8)], LIMITS)) == []
    assert list(check_scale("P", [replace(image, position_mm=None) for image in stack(350, 99)], LIMITS)) == []
    localizer = replace(stack(900, 8)[0], series_uid="1.9", orientation=(1, 0, 0, 0, 0, 1))
    assert list(check_scale("P", [*stack(350, 8), localizer], LIMITS)) == []


@pytest.mark.parametrize(
    ("edv_ml", "mass_g", "slices", "told"),
    [
        (200.0, 120.0, 9, []),
        (765.0, 467.0, 9, ["edv_ml"]),
        (20.0, 12.0, 9, ["edv_ml", "mass_g"]),
        (200.0, 900.0, 9, ["mass_g"]),
        (20.0, 12.0, 2, []),
        (None, None, 9, []),
    ],
)
def test_volumes_out_of_reach_are_told(
    edv_ml: float | None, mass_g: float | None, slices: int, told: list[str]
) -> None:
    """Of three slices at least; values that cannot be had are none."""
    values = ClinicalValues("P", edv_ml=edv_ml, mass_g=mass_g, slices_ed=slices, slices_mass=slices)
    found = list(check_volumes(LABELS, values, LIMITS))
    assert [f.evidence["what"] for f in found] == told
    assert {(f.code, f.path) for f in found} <= {(Code.VOLUME_IMPLAUSIBLE, "contourfiles/C")}
