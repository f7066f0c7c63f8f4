"""Frames of images: right, or it is said that they are assumed, whatever headers leave out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.checks.series import check_series
from cmrpipe.codes import FindingCode as Code
from cmrpipe.frames import frames_said
from cmrpipe.model import ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.slices import ASSUMED, NUMBER, POSITION, arrange

DEFAULT = 20


@dataclass(frozen=True)
class Stack:
    """Some images of a cine, with their true places."""

    frames: int
    kept: tuple[frozenset[int], ...]
    """Frames of each slice that are there."""
    drift: float
    """By how much the frame interval grows from slice to slice."""
    down: bool
    """Whether positions fall with slices."""

    def images(
        self, number: Callable[[int, int], int], header: int | None, *, times: bool = True, positions: bool = True
    ) -> dict[tuple[int, int], ImageRecord]:
        """Records by slice, from 0, and frame, from 1."""
        return {
            (s, f): ImageRecord(
                f"dicoms/P/{s}-{f}.dcm",
                "",
                0,
                "P",
                file_number=number(s, f),
                trigger_time_ms=12.0 + 700 / self.frames * (1 + self.drift * s) * (f - 1) if times else None,
                position_mm=(1.0, 0.0, -8.0 * s if self.down else 8.0 * s) if positions else None,
                orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
                frames_per_slice=header,
                series_uid="1",
            )
            for s, own in enumerate(self.kept)
            for f in sorted(own)
        }

    def through(self, s: int, f: int) -> int:
        """Numbers slice by slice."""
        return s * self.frames + f

    def anew(self, _: int, f: int) -> int:
        """Numbers from 1 in each slice."""
        return f

    def across(self, s: int, f: int) -> int:
        """Numbers frame by frame."""
        return (f - 1) * len(self.kept) + s + 1


@st.composite
def stacks(draw: st.DrawFn, ends: bool = False, whole: bool = True) -> Stack:
    """Cines with holes; with `ends` each slice has its first and last frame, with `whole` some slice has all."""
    frames = draw(st.integers(2, 60))
    every = frozenset(range(1, frames + 1))
    firm = {1, frames} if ends else set()
    kept = [
        (every - draw(st.frozensets(st.integers(1, frames), max_size=max(1, frames // 3)))) | firm or every
        for _ in range(draw(st.integers(1, 6)))
    ]
    if whole:
        kept[draw(st.integers(0, len(kept) - 1))] = every
    return Stack(frames, tuple(kept), draw(st.sampled_from([0.0, 0.001, 0.02])), draw(st.booleans()))


def found(images: dict[tuple[int, int], ImageRecord]) -> list[tuple[tuple[int, int], int | None, str]]:
    """True place, found frame and its source of each image."""
    placed = arrange(list(images.values()), DEFAULT)
    return [(at, r.frame, r.grid_source) for at, r in zip(images, placed, strict=True)]


@settings(derandomize=True, max_examples=50, deadline=None)
@given(stacks(), st.booleans(), st.booleans())
def test_numbers_tell_where_a_whole_slice_bears_the_header_out(stack: Stack, times: bool, anew: bool) -> None:
    """Whether numbers run through or begin anew in each slice; nothing is assumed then."""
    images = stack.images(stack.anew if anew else stack.through, stack.frames, times=times)
    assert found(images) == [(at, at[1], POSITION) for at in images]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(stacks(), st.booleans(), st.none() | st.integers(1, 30))
def test_the_fullest_slice_tells_where_no_header_does(stack: Stack, times: bool, more: int | None) -> None:
    """Or where the header says more than there are: frames are right, and it is said that they are assumed."""
    header = None if more is None else stack.frames + more
    images = stack.images(stack.through, header, times=times)
    assert found(images) == [(at, at[1], ASSUMED) for at in images]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    stacks(whole=False),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(0, 30),
    st.sampled_from(["through", "anew", "across"]),
)
def test_frames_are_right_or_assumed(
    stack: Stack, times: bool, positions: bool, more: int | None, numbers: str
) -> None:
    """Never is an image silently at another frame than its own, whatever is missing."""
    header = None if more is None else stack.frames + more
    images = stack.images(getattr(stack, numbers), header, times=times, positions=positions)
    assert [item for item in found(images) if item[2] == POSITION and item[1] != item[0][1]] == []


@settings(derandomize=True, max_examples=25, deadline=None)
@given(stacks(ends=True))
def test_trigger_times_that_begin_anew_tell_slices(stack: Stack) -> None:
    """Where neither position nor header tells."""
    images = stack.images(stack.through, None, positions=False)
    if len(stack.kept) > 1:
        placed = arrange(list(images.values()), DEFAULT)
        assert [(r.slice_index, r.frame, r.grid_source) for r in placed] == [(*at, NUMBER) for at in images]


@settings(derandomize=True, max_examples=25, deadline=None)
@given(stacks(), st.booleans())
def test_equal_trigger_times_are_one_frame(stack: Stack, header: bool) -> None:
    """Where numbers say nothing."""
    stack = replace(stack, drift=0.0)
    images = stack.images(stack.across, stack.frames if header else None)
    assert [(at, frame) for at, frame, _ in found(images)] == [(at, at[1]) for at in images]


@pytest.mark.parametrize("header", [None, 2, 20, 30])
@pytest.mark.parametrize("times", [True, False])
def test_two_selected_frames_numbered_anew_through_all(header: int | None, times: bool) -> None:
    """End-diastole and end-systole alone are frames 1 and 2 in every slice."""
    stack = Stack(2, (frozenset({1, 2}),) * 8, 0.01, down=False)
    images = stack.images(stack.through, header, times=times)
    assert found(images) == [(at, at[1], POSITION if header == 2 else ASSUMED) for at in images]


@pytest.mark.parametrize("header", [None, 20])
@pytest.mark.parametrize("numbers", [(4, 5, 6, 7, 8), (20, 40, 60, 80, 100)])
@pytest.mark.parametrize("times", [(), (12.0,) * 5, (12.0, 14.0, 17.0, 15.0, 11.0)])
def test_one_image_a_slice_is_one_frame(header: int | None, numbers: Sequence[int], times: Sequence[float]) -> None:
    """However they are numbered; not so where trigger times tell two."""
    stack = Stack(1, (frozenset({1}),) * 5, 0.0, down=True)
    images = [
        replace(image, file_number=numbers[s], trigger_time_ms=times[s] if times else None)
        for (s, _), image in stack.images(stack.through, header).items()
    ]
    assert len({r.frame for r in arrange(images, DEFAULT)}) == 1
    if times and numbers[0] == 4:
        late = [replace(r, trigger_time_ms=300.0) if r.file_number in (5, 7) else r for r in images]
        assert [r.frame for r in arrange(late, DEFAULT)] == [1, 2, 1, 2, 1]


@pytest.mark.parametrize("start", [20.0, 40.0])
def test_the_first_frame_lies_within_an_interval_after_the_trigger(start: float) -> None:
    """Where no slice is whole, slices share no times, and numbers say nothing."""
    kept = tuple(frozenset(range(first, 11)) - {5 + first} for first in (1, 2, 2, 3))
    stack = Stack(10, kept, 0.02, down=False)
    images = {
        at: replace(image, trigger_time_ms=(image.trigger_time_ms or 0.0) - 12.0 + start)
        for at, image in stack.images(stack.across, 10).items()
    }
    assert found(images) == [(at, at[1], ASSUMED) for at in images]


def test_numbers_of_selected_frames_stay() -> None:
    """Of each slice those that the expert drew, numbered as in the whole cine, no header."""
    stack = Stack(20, tuple(frozenset(own) for own in ((7, 20), (8, 20), (20,), (7, 19), (7,))), 0.02, down=False)
    for times in (True, False):
        images = stack.images(stack.through, None, times=times)
        assert found(images) == [(at, at[1], ASSUMED) for at in images]


@pytest.mark.parametrize(("header", "told"), [(10, False), (None, True), (15, True), (1, True)])
def test_what_is_assumed_is_told(header: int | None, told: bool) -> None:
    """A finding a patient where the header does not say how many frames there are, or no slice has as many."""
    stack = Stack(10, (frozenset(range(1, 11)),) * 4, 0.0, down=False)
    images = arrange(list(stack.images(stack.through, header).values()), DEFAULT)
    codes = [f.code for f in check_series("P", images, ValidateParams())]
    assert (Code.GRID_ASSUMED in codes) is told


@pytest.mark.parametrize("times", [True, False])
def test_where_slices_come_from_is_told(times: bool) -> None:
    """Without positions: from numbers, and from trigger times where there are any."""
    stack = Stack(10, (frozenset(range(1, 11)),) * 4, 0.0, down=False)
    images = arrange(list(stack.images(stack.through, 10, times=times, positions=False).values()), DEFAULT)
    (message,) = (f.message for f in check_series("P", images, ValidateParams()) if f.code is Code.GRID_ASSUMED)
    assert ("trigger times, since the headers tell no position" in message) is times


def test_frames_that_a_slice_says_itself() -> None:
    """The header's, unless it is absent, a filler, or less than there are."""
    members = [ImageRecord("", "", 0, "P", frame=frame, frames_per_slice=9) for frame in (1, 2, 3)]
    assert frames_said(members) == 9
    for said in (None, 1, 2):
        assert frames_said([replace(member, frames_per_slice=said) for member in members]) is None
    assert frames_said([replace(members[0], frames_per_slice=1)]) is None
