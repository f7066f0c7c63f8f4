"""Slices by position, frames by trigger time, and what happens where either is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.model import ImageRecord
from cmrpipe.readers.dicom import read_header
from cmrpipe.slices import arrange, main_series, measure_gap, normal, slice_gap_mm

FRAMES = 6
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)  # normal (-0.6, 0.8, 0)


def cine(slices: int = 4, gap: float = 8.0, direction: int = 1, **fields: object) -> list[ImageRecord]:
    """A short-axis cine of `FRAMES` frames a slice, written slice by slice, file numbers from 1."""
    records = []
    for index in range(slices):
        for frame in range(1, FRAMES + 1):
            number = index * FRAMES + frame
            record = ImageRecord(
                path=f"dicoms/P/{number}.dcm",
                sha256="",
                bytes=0,
                patient_id="P",
                file_number=number,
                instance_number=number,
                trigger_time_ms=10.0 + 50.8 * (frame - 1) + 0.3 * index,
                position_mm=(100 - 0.6 * gap * index * direction, 20 + 0.8 * gap * index * direction, -30.0),
                orientation=OBLIQUE,
                series_uid="1.2",
                frames_per_slice=FRAMES,
            )
            records.append(replace(record, **fields))  # type: ignore[arg-type]
    return records


def places(records: list[ImageRecord]) -> dict[int | None, tuple[int | None, int | None]]:
    """Slice and frame by file number."""
    return {r.file_number: (r.slice_index, r.frame) for r in arrange(records, 20)}


def expected(slices: int = 4) -> dict[int | None, tuple[int | None, int | None]]:
    """Slice and frame in scanner order."""
    return {n + 1: (n // FRAMES, n % FRAMES + 1) for n in range(slices * FRAMES)}


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.permutations(range(24)), st.sampled_from([1, -1]))
def test_order_and_direction_do_not_matter(order: list[int], direction: int) -> None:
    """Slice 0 is the one the scanner wrote first, wherever it lies and in whatever order files are listed."""
    records = cine(direction=direction)
    shuffled = [records[i] for i in order]
    assert places(shuffled) == expected()
    assert [r.path for r in arrange(shuffled, 20)] == [r.path for r in shuffled]
    assert {r.grid_source for r in arrange(shuffled, 20)} == {"position"}


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.sets(st.integers(1, 24), max_size=9))
def test_holes_keep_their_place(missing: set[int]) -> None:
    """Images that are missing leave their slice and frame free; no other image moves."""
    kept = [r for r in cine() if r.file_number not in missing]
    present = {n: place for n, place in expected().items() if n not in missing}
    if len({place[0] for place in present.values()}) == 4:
        assert places(kept) == present


def test_holes_by_time_where_numbers_say_nothing() -> None:
    """Files numbered frame by frame, one missing: trigger times in units of the frame interval tell which."""
    records = [
        replace(r, file_number=n, instance_number=n, path=f"dicoms/P/{n}.dcm")
        for r in cine()
        for n in [((r.file_number or 0) - 1) % FRAMES * 4 + ((r.file_number or 0) - 1) // FRAMES + 1]
    ]
    whole = {r.path: (r.slice_index, r.frame, "position") for r in arrange(records, 20)}
    for gone in (0, 7, 23):
        kept = arrange(records[:gone] + records[gone + 1 :], 20)
        assert [(r.slice_index, r.frame, r.grid_source) for r in kept] == [whole[r.path] for r in kept]


def test_positions_win_over_numbers() -> None:
    """Two slices that were stored in exchanged places stand where they lie, not where they are numbered."""
    records = cine()
    moved = [
        replace(r, position_mm=records[(1 - i // FRAMES) * FRAMES].position_mm) if i < 2 * FRAMES else r
        for i, r in enumerate(records)
    ]
    found = places(moved)
    assert found[1] == (1, 1)
    assert found[FRAMES + 1] == (0, 1)
    assert found[24] == (3, 6)


def test_trigger_times_win_over_numbers() -> None:
    """Two images that exchanged their trigger times exchange their frames."""
    records = cine()
    a, b = records[1], records[3]
    records[1] = replace(a, trigger_time_ms=b.trigger_time_ms)
    records[3] = replace(b, trigger_time_ms=a.trigger_time_ms)
    found = places(records)
    assert (found[2], found[4]) == ((0, 4), (0, 2))


@pytest.mark.parametrize("gone", ["position_mm", "orientation"])
def test_without_geometry_the_number_tells(gone: str) -> None:
    """Without position or orientation, slice and frame come from the file number, and it is said so."""
    fields: dict[str, Any] = {gone: None, "trigger_time_ms": None}
    records = cine(**fields)
    assert places(records) == expected()
    assert {r.grid_source for r in arrange(records, 20)} == {"number"}
    assert slice_gap_mm(records) is None


@pytest.mark.parametrize("said", [FRAMES, None])
def test_without_geometry_trigger_times_tell_what_was_written_frame_by_frame(said: int | None) -> None:
    """Numbers that run through the slices of a frame first, as some scanners write; one slice alone is none of it."""
    whole = cine(position_mm=None, orientation=None, frames_per_slice=said)
    for index, r in enumerate(whole):
        number = index % FRAMES * 4 + index // FRAMES + 1
        time = 50.8 * (index % FRAMES)
        whole[index] = replace(r, path=f"{number}", file_number=number, instance_number=number, trigger_time_ms=time)
    placed = arrange(whole, FRAMES)
    assert [(r.slice_index, r.frame) for r in placed] == [(n // FRAMES, n % FRAMES + 1) for n in range(4 * FRAMES)]
    by_slice = [replace(r, position_mm=None, trigger_time_ms=400.0 * (n // FRAMES)) for n, r in enumerate(cine(4))]
    assert places(by_slice) == expected()
    one = arrange([replace(r, position_mm=None) for r in cine(1)], 20)
    assert [(r.slice_index, r.frame) for r in one] == [(0, frame) for frame in range(1, FRAMES + 1)]


def test_the_parameter_stands_in_for_the_header() -> None:
    """Frames a slice come from the header; the parameter is used only where it does not say, nor trigger times."""
    bare = cine(position_mm=None, frames_per_slice=None, trigger_time_ms=None)
    assert {r.file_number: (r.slice_index, r.frame) for r in arrange(bare, 12)}[13] == (1, 1)
    assert places(cine(position_mm=None))[13] == (2, 1)
    assert places(cine(position_mm=None, frames_per_slice=None)) == expected()


def test_without_trigger_time_the_instance_number_orders() -> None:
    """Positions still tell the slices, and the scanner's order the frames."""
    records = cine(trigger_time_ms=None)
    assert places(records) == expected()
    assert places([r for r in records if r.file_number != 3]) == {n: p for n, p in expected().items() if n != 3}


@pytest.mark.parametrize("unit", [0.0, 0.001])
def test_trigger_times_that_tell_nothing_are_passed_over(unit: float) -> None:
    """Zero in all images, or seconds: the scanner's order is that of the frames, not one frame for all."""
    records = [replace(r, trigger_time_ms=unit * (r.trigger_time_ms or 0.0)) for r in cine()]
    assert places(records) == expected()
    assert {r.grid_source for r in arrange(records, 20)} == {"position"}


def test_positions_that_are_all_zero_are_none() -> None:
    """An anonymiser's filler: one slice of all images would be nonsense; numbers tell, and it is said so."""
    records = cine(position_mm=(0.0, 0.0, 0.0))
    assert places(records) == expected()
    assert {r.grid_source for r in arrange(records, 20)} == {"number"}
    assert slice_gap_mm(records) is None


def test_one_image_without_position_joins_its_neighbours() -> None:
    """A single image without position gets the slice of the images numbered around it."""
    records = cine(direction=-1)
    records[8] = replace(records[8], position_mm=None)
    assert places(records) == expected()
    assert arrange(records, 20)[8].grid_source == "number"


def test_unreadable_records_come_back_unchanged() -> None:
    """A file that could not be read has no place, and disturbs nobody else's."""
    records = cine()
    broken = ImageRecord("dicoms/P/9.dcm", "", 0, "P", file_number=9, error="truncated")
    records[8] = broken
    found = arrange(records, 20)
    assert found[8] is broken
    assert {r.file_number: (r.slice_index, r.frame) for r in found if not r.error} == {
        n: p for n, p in expected().items() if n != 9
    }
    assert arrange([], 20) == []
    assert arrange([broken], 20) == [broken]


def test_a_copy_shares_its_frame() -> None:
    """The same image under another number does not push the frames behind it."""
    records = cine()
    copy = replace(records[2], path="dicoms/P/25.dcm", file_number=25)
    found = places([*records, copy])
    assert found[25] == (0, 3)
    assert {n: found[n] for n in expected()} == expected()


def test_a_long_axis_series_is_left_out() -> None:
    """Another series that lies across, or over the same slices, gets no place."""
    long_axis = [
        replace(r, path=f"dicoms/P/{n}.dcm", file_number=n, series_uid="1.3", orientation=(1.0, 0, 0, 0, 1.0, 0))
        for n, r in enumerate(cine(1), 101)
    ]
    repeat = [replace(r, path=f"dicoms/P/{n}.dcm", file_number=n, series_uid="1.4") for n, r in enumerate(cine(2), 201)]
    found = places([*cine(), *long_axis, *repeat])
    assert {n: found[n] for n in expected()} == expected()
    assert {found[n] for n in [*range(101, 107), *range(201, 213)]} == {(None, None)}


@pytest.mark.parametrize("uid", ["1.1", "1.3"])
def test_the_series_with_most_images_is_the_stack(uid: str) -> None:
    """Whatever its UID is; among as many images the lowest series number, and without numbers the first UID."""
    stack, other = cine(series_uid="1.2", series_number=7), cine(series_uid=uid, series_number=8)
    assert main_series([*other[:-1], *stack]) == {"1.2"}
    assert main_series([*other, *stack]) == {"1.2"}
    assert main_series([*cine(series_uid=uid), *stack]) == {"1.2"}
    assert main_series([*cine(series_uid=uid), *cine(series_uid="1.2")]) == {min(uid, "1.2")}


@pytest.mark.parametrize("turned", [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 1.0, 0.0, 0.0)])
def test_most_images_tell_the_direction_of_a_stack(turned: tuple[float, ...]) -> None:
    """An image or two that lie across, first or last, do not."""
    for at in (0, -1):
        records = cine()
        records[at] = replace(records[at], orientation=turned)  # type: ignore[arg-type]
        assert places(records) == expected()
        assert slice_gap_mm(records) == pytest.approx(8.0)


def test_slices_in_series_of_their_own_are_one_stack() -> None:
    """Where the scanner made each slice a series, all of them make the stack."""
    records = [replace(r, series_uid=f"1.{((r.file_number or 0) - 1) // FRAMES}") for r in cine()]
    assert len(main_series(records)) == 4
    assert places(records) == expected()


def test_gap_is_measured_along_the_normal() -> None:
    """The gap is the distance between slice planes, however positions are shifted within the plane."""
    records = [replace(r, position_mm=_within_plane(r, 7.0 * (i % 5))) for i, r in enumerate(cine(gap=8.0))]
    gap = measure_gap(records)
    assert gap is not None
    assert gap.gap_mm == pytest.approx(8.0)
    assert gap.irregularity_mm == pytest.approx(0.0, abs=1e-9)
    assert gap.slices == 4
    between = replace(records[0], path="", position_mm=(97.6, 23.2, -30.0), error="truncated")
    assert measure_gap([*records, between]) == gap
    assert measure_gap(records[:FRAMES]) is None


def _within_plane(record: ImageRecord, by: float) -> tuple[float, float, float]:
    assert record.position_mm is not None
    x, y, z = record.position_mm
    return x + 0.8 * by, y + 0.6 * by, z


def test_a_missing_slice_is_a_wide_gap() -> None:
    """A slice that is missing as a whole shows where it is missing."""
    records = [r for r in cine(6) if (r.file_number or 0) not in range(13, 19)]
    gap = measure_gap(records)
    assert gap is not None
    assert gap.gap_mm == pytest.approx(8.0)
    assert gap.irregularity_mm == pytest.approx(8.0)
    assert gap.widest_after == 1


@pytest.mark.parametrize("orientation", [None, (1.0, 0.0, 0.0, 1.0, 0.0, 0.0), (0.0,) * 6])
def test_no_normal_without_two_directions(orientation: tuple[float, ...] | None) -> None:
    """An orientation that spans no plane has no normal."""
    assert normal(replace(cine()[0], orientation=orientation)) is None  # type: ignore[arg-type]


def test_real_patients_are_stacked_as_the_scanner_wrote_them(shared_data: Path) -> None:
    """On all 1,140 images, position and trigger time agree with the file numbers; gaps are 8 or 10 mm, regular."""
    headers: Callable[[Path], ImageRecord] = lambda p: read_header(p.read_bytes(), p.name, p.parent.name)  # noqa: E731
    total = 0
    for folder in sorted((shared_data / "final_data" / "dicoms").iterdir()):
        found = arrange([headers(path) for path in sorted(folder.glob("*.dcm"))], 7)
        for record in found:
            assert record.file_number is not None
            slice_index, frame = divmod(record.file_number - 1, 20)
            assert (record.slice_index, record.frame, record.grid_source) == (slice_index, frame + 1, "position")
        gap = measure_gap(found)
        assert gap is not None
        assert np.isclose(gap.gap_mm, [8.0, 10.0], atol=1e-3).any()
        assert gap.irregularity_mm < 0.01
        total += len(found)
    assert total == 1140
