"""Which series are taken for the short-axis cine, and why the others are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cmrpipe.connect.sorting import Found, sort_patient
from tests.connect.heaps import FRAMES, GAP, SLICES, described, layout, names, others, places, reasons, series


@pytest.mark.parametrize(
    "other",
    [
        {"at_mm": places()},
        {"at_mm": places(start=3.0)},
        {"at_mm": places(start=GAP / 2)},
        {"at_mm": places(start=100.0), "pixel_spacing_mm": (1.2, 1.2)},
        {"at_mm": places(start=100.0), "study_uid": "2"},
        {"at_mm": places(start=100.0), "frame_of_reference_uid": "2"},
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_several_stacks_are_refused_until_one_is_named(
    tmp_path: Path, other: dict[str, object], together: bool
) -> None:
    """Before and after contrast, at the same places or between; of other pixels, of another day."""
    pre, post = described(tmp_path, "SA pre"), described(tmp_path, "SA post")
    images = [
        *series("pre", 10, places(), path=pre),
        *series("post", 40, path=post, together=together, **other),  # type: ignore[arg-type]
    ]
    sort = sort_patient([replace(i, path=described(tmp_path, "lax")) for i in others()] + images)
    assert sort.placed == {}
    (reason,) = {aside.reason for aside in sort.asides}
    assert reason.startswith("2 stacks of parallel slices in ")
    assert reason.endswith("choose one with source.series ('SA post', 'SA pre')")
    assert names(sort_patient(images, "pre$")) == layout("pre")
    told = reasons(sort_patient(images, "pre$"))
    assert told == {"post": {"not a series whose description fits source.series 'pre$'"}}
    alike = sort_patient([replace(image, path=pre) for image in images])
    assert {a.reason.partition("; ")[2] for a in alike.asides} == {
        "their descriptions do not tell them apart ('SA pre')"
    }


def test_a_short_series_of_another_kind_is_not_taken_for_the_stack(tmp_path: Path) -> None:
    """Perfusion beside slices that are series is refused; late enhancement, two images a slice, is left out."""
    path = described(tmp_path, "x")
    sax = series("sax", 10, places(), 20, path=path)
    perfusion = series("perfusion", 50, places(3), 50, together=True, path=path)
    assert sort_patient([*sax, *perfusion]).placed == {}
    late = series("late", 50, places(3), 2, together=True, path=path)
    assert len(sort_patient([*sax, *late]).placed) == len(sax)


def test_a_series_that_is_the_stack_stays_alone() -> None:
    """Its images keep their numbers; a slice in a series of its own, beyond it or over it, is put aside."""
    sax = series("sax", 10, places(), together=True)
    sort = sort_patient([*sax, *series("more", 20, [-GAP, GAP]), *others()])
    assert names(sort) == layout()
    deep = series("sax", 10, places(), 10, together=True)
    sort = sort_patient([*deep, *series("perfusion", 20, places(3), 9), *others()])
    assert set(names(sort).values()) == {image.what for image in deep}


@pytest.mark.parametrize("slices", [SLICES, SLICES + 3])
def test_late_enhancement_in_one_series_is_not_taken_for_the_cine(slices: int) -> None:
    """Two images at more places than the cine has, whose slices are series of their own."""
    sax = series("sax", 10, places(), 25)
    late = series("late", 40, places(slices), 2, together=True)
    sort = sort_patient([*late, *sax, *others()])
    assert set(names(sort).values()) == {image.what for image in sax}


def perfusion() -> list[Found]:
    """First pass: more images of a slice than the cine has, all at one time after the R wave, a heartbeat each."""
    images = series("perfusion", 20, places(), 12, together=True, trigger_time_ms=310.0)
    clocks = [f"1000{number % 12 * 2:02d}.{number // 12}" for number in range(len(images))]
    return [
        replace(image, record=replace(image.record, acquisition_time=clock))
        for image, clock in zip(images, clocks, strict=True)
    ]


def test_perfusion_does_not_land_for_end_diastole_and_end_systole(tmp_path: Path) -> None:
    """It is put aside with the reason, unless it is named, or there is no stack beside."""
    first_pass = [replace(image, path=described(tmp_path, "perfusion")) for image in perfusion()]
    drawn = series("drawn", 10, places(), 2, together=True, path=described(tmp_path, "sax"))
    sort = sort_patient([*drawn, *first_pass, *others()])
    assert set(names(sort).values()) == {image.what for image in drawn}
    assert reasons(sort)["perfusion"] == {
        "no cine: images of a slice were acquired 2.0 s apart, a heartbeat each, as in perfusion"
    }
    for sort in (sort_patient([*drawn, *first_pass], "perf"), sort_patient([*first_pass, *others()])):
        assert set(names(sort).values()) == {image.what for image in first_pass}


def test_what_is_named_need_be_no_cine(tmp_path: Path) -> None:
    """Two slices, or one image each; long axes that are named with them are left out, alone they are refused."""
    path = described(tmp_path, "CINE")
    lax = [replace(image, path=path) for image in others() if "lax" in image.what]
    for count, frames in ((SLICES, FRAMES), (2, FRAMES), (SLICES, 1)):
        sax = series("sax", 10, places(count), frames, path=path)
        assert len(sort_patient([*sax, *([] if frames == 1 else lax)], "cine").placed) == len(sax)
    (reason,) = {aside.reason for aside in sort_patient(lax, "cine").asides}
    assert reason == "3 of 3 series whose description fits source.series 'cine'; choose one with source.series"
