"""Numbers in headers against those of files, from records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.checks.numbers import check_numbers
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
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


TURNED = {25: 38, 38: 25}
"""Files that were exchanged."""


def placed(images: list[ImageRecord]) -> list[ImageRecord]:
    """With slice and frame as their files' numbers say."""
    return [
        replace(i, slice_index=(i.file_number - 1) // FRAMES, frame=(i.file_number - 1) % FRAMES + 1)
        for i in images
        if i.file_number is not None
    ]


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


ALL = range(1, SLICES * FRAMES + 1)


@pytest.mark.parametrize(
    "number",
    [
        lambda n: n + 200,
        lambda n: n - 1,
        lambda n: (n - 1) % FRAMES * SLICES + (n - 1) // FRAMES + 1,
        lambda n: (n - 1) % FRAMES + 1,
        lambda n: SLICES * FRAMES + 1 - n,
        lambda _: 1,
    ],
    ids=["offset", "from 0", "frame by frame", "each slice from 1", "backwards", "all 1"],
)
def test_files_that_were_numbered_anew_are_told_once(number: Callable[[int], int]) -> None:
    """In one series, most images differ: a warning. Two whose headers or files were exchanged are errors."""
    numbers: dict[int, int | None] = {n: number(n) for n in ALL}
    images = placed(stack(False, numbers))
    (found,) = check_numbers("P", images)
    assert (found.code, found.severity, found.path) == (Code.IMAGES_RENUMBERED, Severity.WARNING, "dicoms/P")
    if len(set(numbers.values())) == len(numbers):
        exchanged = placed(stack(False, {**numbers, 25: numbers[38], 38: numbers[25]}))
        assert told(exchanged)[1:] == [(Code.IMAGE_NUMBER_MISMATCH, 25), (Code.IMAGE_NUMBER_MISMATCH, 38)]
        assert sorted(told(exchanged[::-1]), key=str) == sorted(told(exchanged), key=str)
    files = [
        replace(i, path=f"dicoms/P/{n}.dcm", file_number=n) if (n := TURNED.get(i.file_number or 0)) else i
        for i in images
    ]
    assert {number for code, number in told(files) if code is Code.IMAGE_NUMBER_MISMATCH} == set(TURNED)
    twice = replace(images[4], path="dicoms/P/4.dcm.2")  # another file of a frame
    assert Code.IMAGES_RENUMBERED in {code for code, _ in told([*images, twice])}


def test_numbers_without_order_are_told_once() -> None:
    """Nobody knows which are wrong; where most are equal, each that differs is an error."""
    turned = dict(zip(ALL, np.random.default_rng(2).permutation(ALL).tolist(), strict=True))
    assert told(placed(stack(False, {**turned}))) == [(Code.IMAGES_RENUMBERED, None)]
    few = {n: turned[n] for n in range(31, 50)}
    assert told(placed(stack(False, {**few}))) == [(Code.IMAGE_NUMBER_MISMATCH, n) for n in few if few[n] != n]


@pytest.mark.parametrize("start", [11, 21, 41])
def test_a_step_from_some_file_on_is_an_error(start: int) -> None:
    """As after a slice that was dropped: the contours may mean either number, however many images are concerned."""
    later = range(start, SLICES * FRAMES + 1)
    shifted = placed(stack(False, {n: n + FRAMES for n in later}))
    assert told(shifted) == [(Code.IMAGE_NUMBER_MISMATCH, n) for n in later]


def test_a_slice_repeated_in_a_series_of_its_own_is_used() -> None:
    """Numbered from 1, with files that go on: contours may lie on the repeat, which is no part of the stack."""
    for by_slice in (True, False):
        again = [replace(image(60 + f, f, "1.77"), position_mm=(0.0, 0.0, 16.0)) for f in range(1, FRAMES + 1)]
        assert {code for code, _ in told([*stack(by_slice), *again])} == {Code.IMAGE_NUMBER_BY_SERIES}
        again[3:5] = [replace(again[3], instance_number=5), replace(again[4], instance_number=4)]
        assert told([*stack(by_slice), *again])[1:] == [(Code.IMAGE_NUMBER_MISMATCH, n) for n in (64, 65)]


def test_series_without_order_and_other_series_are_errors() -> None:
    """Numbers that agree in no more than half of a series, and images that are no part of the stack."""
    mixed = stack(True, {n: 11 - (n - 20) for n in range(21, 31)})
    assert {number for code, number in told(mixed) if code is Code.IMAGE_NUMBER_MISMATCH} == set(range(21, 31))
    localizer = replace(image(99, 1, "1.99"), orientation=(1, 0, 0, 0, 0, 1))
    assert told([*stack(True), localizer])[1:] == [(Code.IMAGE_NUMBER_MISMATCH, 99)]
