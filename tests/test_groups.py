"""Images in groups that could each be one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cmrpipe.groups import (
    depth,
    full_slices,
    groups,
    is_cine,
    parallel,
    positions,
    same_spacing,
    same_turn,
    slice_places,
    without_shallow,
)
from cmrpipe.model import ImageRecord

AXIS = (0.0, 0.0, 1.0)
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def series(uid: str, places: Sequence[float], frames: int, **fields: Any) -> list[ImageRecord]:
    """Images of one series, so many a place along z, mm."""
    known = {"orientation": UPRIGHT, "pixel_spacing_mm": (1.25, 1.25), **fields}
    return [
        ImageRecord(f"{uid}/{at}-{frame}.dcm", "", 1, "P", series_uid=uid, position_mm=(5.0, 6.0, z), **known)
        for at, z in enumerate(places)
        for frame in range(frames)
    ]


def of(found: Sequence[Sequence[ImageRecord]]) -> list[list[str]]:
    """The series of each group."""
    return [sorted({image.series_uid for image in group}) for group in found]


def test_positions_and_images_a_position() -> None:
    """Of images that say where they lie; without that there are none, and all count as of one."""
    images = series("a", (0, 8, 16), 4)
    assert (positions(images), depth(images)) == (3, 4.0)
    nowhere = [replace(image, orientation=None) for image in images]
    assert (positions(nowhere), depth(nowhere)) == (0, 12.0)


def test_slice_places_are_ascending_medians() -> None:
    """However the images come."""
    images = [image for z in (8.0, 0.3, 0.0, 0.1) for image in series("a", (z,), 1)]
    assert slice_places(images, AXIS) == [(0.1, 3), (8.0, 1)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((1.25, 1.25), (1.2512, 1.2512), True),
        ((1.25, 1.25), (1.25, 1.252), False),
        ((1.25, 1.25), None, False),
        (None, None, True),
        ((0.0, 0.0), (0.0, 0.0), True),
    ],
)
def test_spacings_are_one_but_for_rounding(
    one: tuple[float, float] | None, other: tuple[float, float] | None, same: bool
) -> None:
    """A thousandth; what says nothing is not what says something."""
    a, b = series("a", (0,), 1, pixel_spacing_mm=one), series("b", (0,), 1, pixel_spacing_mm=other)
    assert same_spacing(a[0], b[0]) == same_spacing(b[0], a[0]) == same
    assert len(groups([*a, *b])) == (1 if same else 2)


@pytest.mark.parametrize(
    ("other", "planes", "turn"),
    [
        (UPRIGHT, True, True),
        ((-1.0, 0.0, 0.0, 0.0, 1.0, 0.0), True, False),
        ((1.0, 0.0, 0.0, 0.0, -1.0, 0.0), True, False),
        ((0.0, 1.0, 0.0, -1.0, 0.0, 0.0), True, False),
        ((0.0, 1.0, 0.0, 0.0, 0.0, 1.0), False, False),
        (None, False, False),
    ],
)
def test_planes_and_turns_in_them(other: tuple[float, ...] | None, planes: bool, turn: bool) -> None:
    """Mirrored or turned images lie in one plane, and are no grid together."""
    a, b = series("a", (0,), 1)[0], series("b", (0,), 1, orientation=other)[0]
    assert (parallel(a, b), same_turn(a, b)) == (parallel(b, a), same_turn(b, a)) == (planes, turn)
    assert of(groups([a, b])) == ([["a", "b"]] if turn else [["a"], ["b"]])


@pytest.mark.parametrize("nothing", [None, (0.0,) * 6])
def test_images_that_do_not_say_how_they_lie_are_one_group(nothing: tuple[float, ...] | None) -> None:
    """Whatever their series, also where a program wrote zeros."""
    images = [*series("a", (0, 8), 3, orientation=nothing), *series("b", (0, 8), 30, orientation=nothing)]
    assert parallel(images[0], images[-1])
    assert same_turn(images[0], images[-1])
    assert of(groups(images)) == [["a", "b"]]


@pytest.mark.parametrize(("frames", "one"), [(20, True), (11, True), (10, False), (39, True), (40, False)])
def test_series_of_one_kind_have_about_as_many_images_a_slice(frames: int, one: bool) -> None:
    """Less than twice as many."""
    found = groups([*series("a", (0, 8, 16), 20), *series("b", (24, 32, 40), frames)])
    assert sorted(of(found)) == ([["a", "b"]] if one else [["a"], ["b"]])


def test_the_likeliest_cine_comes_first() -> None:
    """A cine before single images, more slices before fewer, then more images."""
    single, short = series("single", range(0, 96, 8), 1), series("short", (0, 8, 16), 20)
    long, longer = series("long", (0, 8), 45), series("longer", (0, 8, 16), 45)
    assert of(groups([*single, *short])) == [["short"], ["single"]]
    assert of(groups([*long, *short])) == [["short"], ["long"]]
    assert of(groups([*short, *longer])) == [["longer"], ["short"]]


@pytest.mark.parametrize(
    ("frames", "deepest", "cine"),
    [
        (1, 1, False),
        (2, 2, True),
        (2, 5, False),
        (3, 5, True),
        (7, 8, False),
        (8, 8, True),
        (5, 12, False),
        (8, 12, True),
        (9, 20, False),
        (10, 20, True),
        (9, 60, False),
        (10, 60, True),
    ],
)
def test_a_cine_has_half_of_what_the_deepest_has(frames: int, deepest: int, cine: bool) -> None:
    """Two at least, eight where the deepest has as many; of more than twenty, ten are enough."""
    assert is_cine(series("a", (0, 8, 16), frames), deepest) == cine


@pytest.mark.parametrize(("deepest", "full"), [(20, 2), (60, 2), (19, 2), (18, 3)])
def test_full_slices_have_nine_tenths(deepest: int, full: int) -> None:
    """Of what the deepest group has, and of twenty where that has more."""
    images = [*series("a", (0,), 20), *series("b", (8,), 18), *series("c", (16,), 17)]
    assert full_slices(images, deepest) == full
    assert full_slices([replace(image, orientation=None) for image in images], deepest) == 0


@pytest.mark.parametrize(
    ("shallow", "places", "fewest", "stays"),
    [
        (5, (0, 8), 3, False),
        (5, (0.4, 100), 3, False),
        (5, (4, 100), 3, True),
        (5, (0, 8), 4, True),
        (18, (0, 8), 3, True),
        (17, (0, 8), 3, False),
    ],
)
def test_series_of_less_depth_at_the_same_places_go(
    shallow: int, places: tuple[float, ...], fewest: int, stays: bool
) -> None:
    """Where others have enough slices of full depth, nine tenths of twenty at most; what lies elsewhere stays."""
    for frames in (20, 60):
        deep = series("deep", (0, 8, 16), frames)
        images = [*series("shallow", places, shallow), *deep]
        assert without_shallow(images, fewest) == (images if stays else deep)
