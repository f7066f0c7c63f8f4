"""Numbers in headers against those of files, from records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cmrpipe.checks.numbers import check_numbers
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord

SLICES, FRAMES = 6, 10


def image(number: int, instance: int | None, series: str) -> ImageRecord:
    """One of a stack of `SLICES` slices, 8 mm apart."""
    place = (0.0, 0.0, 8.0 * ((number - 1) // FRAMES))
    return ImageRecord(
        f"dicoms/P/{number}.dcm",
        "",
        1,
        "P",
        number,
        instance,
        series_uid=series,
        position_mm=place,
        orientation=(1, 0, 0, 0, 1, 0),
    )


def stack(by_slice: bool, changed: Mapping[int, int | None] | None = None) -> list[ImageRecord]:
    """Files numbered through, in one series or in one a slice that is numbered from 1; with other numbers for some."""
    images = []
    for number in range(1, SLICES * FRAMES + 1):
        position, frame = divmod(number - 1, FRAMES)
        instance = (changed or {}).get(number, frame + 1 if by_slice else number)
        images.append(image(number, instance, f"1.{position}" if by_slice else "1.0"))
    return images


def told(images: list[ImageRecord]) -> list[tuple[Code, int | None]]:
    """Codes and numbers."""
    found: list[Finding] = list(check_numbers("P", images))
    return [(f.code, f.instance_number) for f in found]


def test_equal_numbers_are_nothing() -> None:
    """And so are absent ones, and what stands in a file that cannot be used."""
    assert told(stack(False)) == []
    assert told(stack(False, dict.fromkeys(range(1, 99)))) == []
    images = stack(False, {7: 99})
    assert told([replace(one, error="truncated") if one.file_number == 7 else one for one in images]) == []


def test_numbers_that_count_within_each_series_are_told_once() -> None:
    """All but those of the first slice; one that is off within its series is an error beside it."""
    assert told(stack(True)) == [(Code.IMAGE_NUMBER_BY_SERIES, None)]
    (found,) = check_numbers("P", stack(True))
    assert found.evidence["images"] == (SLICES - 1) * FRAMES
    assert told(stack(True, {35: 6, 36: 5})) == [
        (Code.IMAGE_NUMBER_BY_SERIES, None),
        (Code.IMAGE_NUMBER_MISMATCH, 35),
        (Code.IMAGE_NUMBER_MISMATCH, 36),
    ]
    assert told(stack(True, {5: 6})) == [(Code.IMAGE_NUMBER_BY_SERIES, None), (Code.IMAGE_NUMBER_MISMATCH, 5)]


def test_in_one_series_every_difference_is_an_error() -> None:
    """A constant one, too: the contours may mean either number."""
    shifted = stack(False, {n: n + 1 for n in range(1, SLICES * FRAMES + 1)})
    assert told(shifted) == [(Code.IMAGE_NUMBER_MISMATCH, n) for n in range(1, SLICES * FRAMES + 1)]


def test_series_without_order_and_other_series_are_errors() -> None:
    """Numbers that agree in no more than half of a series, and images that are no part of the stack."""
    mixed = stack(True, {n: 11 - (n - 20) for n in range(21, 31)})
    assert {number for code, number in told(mixed) if code is Code.IMAGE_NUMBER_MISMATCH} == set(range(21, 31))
    localizer = replace(image(99, 1, "1.99"), orientation=(1, 0, 0, 0, 0, 1))
    assert told([*stack(True), localizer])[1:] == [(Code.IMAGE_NUMBER_MISMATCH, 99)]
