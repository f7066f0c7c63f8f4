"""Identifiers that a program wrote anew for every image."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cmrpipe.identifiers import FEWEST, series_keys, without_scattered
from cmrpipe.model import ImageRecord
from cmrpipe.slices import arrange, main_series
from tests.predict.cines import TURNED, cine


def scattered(records: list[ImageRecord], **number: int | None) -> list[ImageRecord]:
    """The images, each with identifiers of its own."""
    return [
        replace(r, series_uid=f"1.{i}", study_uid=f"2.{i}", frame_of_reference_uid=f"3.{i}", **number)  # type: ignore[arg-type]
        for i, r in enumerate(records)
    ]


def test_a_stack_whose_series_uids_were_written_anew_is_one_stack() -> None:
    """It has the places that it has with one series; a copy of a file changes nothing."""
    whole = arrange(cine(), 20)
    own = scattered(cine())
    assert [(r.slice_index, r.frame) for r in arrange(own, 20)] == [(r.slice_index, r.frame) for r in whole]
    assert main_series(own) == {r.series_uid for r in own}
    files = [replace(r, sha256=r.path) for r in own]
    assert len(set(series_keys([*files, replace(files[3], path="copy.dcm")]))) == 1


def test_series_numbers_still_tell_series_apart() -> None:
    """A further series of few images, too, where a larger one shows how identifiers were written."""
    other = [replace(r, path=f"lax/{r.path}") for r in cine(1)]
    keys = series_keys(
        [
            *scattered(cine(), series_number=3),
            *(replace(r, series_uid=f"9.{i}", series_number=4) for i, r in enumerate(other)),
        ]
    )
    assert [len(set(part)) for part in (keys[:20], keys[20:])] == [1, 1]
    assert keys[0] != keys[-1]


def test_series_descriptions_tell_series_apart_where_numbers_are_gone() -> None:
    """A cine that was acquired again, in the same slices, is no part of the first."""
    again = [replace(r, path=f"again/{r.path}", series_description="SAX again") for r in cine()]
    both = scattered([*(replace(r, series_description="SAX") for r in cine()), *again], series_number=None)
    keys = series_keys(both)
    assert [len(set(part)) for part in (keys[:20], keys[20:])] == [1, 1]
    assert keys[0] != keys[-1]
    assert main_series(both) == {r.series_uid for r in both[:20]}


@given(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=20))
def test_identifiers_that_images_share_stay(uids: list[str]) -> None:
    """As do those of a few images, each of which may well be a series."""
    assume(len(uids) < FEWEST or len(set(uids)) < len(uids))
    records = [
        replace(r, series_uid=uid, study_uid=uid, frame_of_reference_uid=uid, trigger_time_ms=None)
        for r, uid in zip(cine(), uids, strict=False)
    ]
    assert without_scattered(records) == records


def test_series_of_one_image_with_numbers_of_their_own_stay() -> None:
    """Late enhancement, say: each slice a series."""
    records = [replace(r, series_number=i) for i, r in enumerate(scattered(cine()))]
    assert series_keys(records) == [r.series_uid for r in records]


def test_examinations_and_coordinates_of_single_images_are_none() -> None:
    """Nobody takes them for as many examinations."""
    found = without_scattered(scattered(cine()))
    assert {(r.study_uid, r.frame_of_reference_uid) for r in found} == {("", "")}


def by_frame(frames: int = 4) -> list[ImageRecord]:
    """A cine, each frame of which is a series that counts from 1."""
    return [
        replace(r, series_uid=f"5.{r.trigger_time_ms}", instance_number=at // frames + 1, file_number=None)
        for at, r in enumerate(cine(5, frames))
    ]


@pytest.mark.parametrize("lost", [0, 1])
def test_frames_that_are_series_are_one_cine(lost: int) -> None:
    """Also where one of them lacks a slice."""
    records = by_frame()[lost:]
    assert len(set(series_keys(records))) == 1
    assert [(r.slice_index, r.frame) for r in arrange(records, 20)] == [(n // 4, n % 4 + 1) for n in range(20)][lost:]


@pytest.mark.parametrize(
    "change",
    [
        {"frames_per_slice": 1},
        {"frames_per_slice": None},
        {"trigger_time_ms": 600.0},
        {"trigger_time_ms": None},
        {"position_mm": (0.0, 0.0, 0.0)},
    ],
)
def test_series_that_are_no_frames_of_a_cine_stay(change: dict[str, object]) -> None:
    """Late enhancement, the same frame of a cine acquired again, images nobody knows the time or place of."""
    records = [replace(r, **change) for r in by_frame()]  # type: ignore[arg-type]
    assert len(set(series_keys(records))) == 4


def test_the_same_frame_elsewhere_is_no_other_frame() -> None:
    """A stack at other places, or turned, is one of its own; so are times that nearly agree."""
    ed, es = ([r for r in by_frame(frames=2) if (r.trigger_time_ms == 0.0) is first] for first in (True, False))
    for change in ({"position_mm": (1.0, 2.0, 3.0)}, {"orientation": TURNED}, {"trigger_time_ms": 12.0}):
        moved = [replace(es[0], **change), *es[1:]] if "position_mm" in change else [replace(r, **change) for r in es]
        assert len(set(series_keys([*ed, *moved]))) == 2
