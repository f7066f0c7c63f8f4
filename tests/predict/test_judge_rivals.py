"""What lies beside a cine: other series never win against it, and none of them is taken for a part of it."""

from dataclasses import replace

import pytest

from cmrpipe.model import ImageRecord
from cmrpipe.predict.judge import judge, of_other_studies
from tests.predict.cines import LONG, NORMAL, TRANSVERSE, cine, image


def beside(slices: int, each: int, **change: object) -> list[ImageRecord]:
    """Another series in the cine's planes and beyond."""
    change = {"series_uid": "9", "trigger_time_ms": 600.0, **change}
    return [
        replace(image(1000 + each * s + n, s, 1), path=f"other/{s}-{n}.dcm", **change)  # type: ignore[arg-type]
        for s in range(slices)
        for n in range(each)
    ]


def moved(record: ImageRecord, along: float, **change: object) -> ImageRecord:
    """The image elsewhere along the stack's normal, in mm."""
    position = tuple(p + along * n for p, n in zip(record.position_mm or (), NORMAL, strict=True))
    return replace(record, path=f"x{record.path}", position_mm=position, **change)  # type: ignore[arg-type]


def test_a_long_axis_cine_with_more_images_than_any_slice_does_not_win() -> None:
    """Slices as series of their own, 4 images each, and a long-axis cine of 30: slice positions decide."""
    short = [replace(r, series_uid=f"1.{(r.file_number or 0) // 4 + 10}") for r in cine(6, 4)]
    short = [replace(r, series_uid=f"2.{i // 4}") for i, r in enumerate(short)]
    long = [replace(image(100 + f, 0, f + 1, 30), orientation=LONG, series_uid="9") for f in range(30)]
    found = judge([*long, *short], 20)
    assert len(found.stack) == 24
    assert len(found.refused) == 30


def test_a_series_of_another_study_costs_that_series() -> None:
    """A localizer or late enhancement exported under a study of its own; two cines of two studies are two patients."""
    stack = [replace(r, study_uid="1") for r in cine()]
    for other in (beside(1, 2, study_uid="2"), beside(7, 1, study_uid="2")):
        found = judge([*stack, *other], 20)
        assert (len(found.stack), found.incomplete) == (20, "")
        assert {item.reason for item in found.refused} == {"of another study than the short-axis cine"}
    assert of_other_studies([*stack, *beside(5, 4, study_uid="2")]) is None
    assert of_other_studies(stack) == []


def test_a_cine_is_not_lost_to_a_transverse_stack_beside_it() -> None:
    """With more slices, and not named a localizer."""
    other = [
        replace(image(100 + i, 0, 1), orientation=TRANSVERSE, position_mm=(0.0, 0.0, 8.0 * i), series_uid="9")
        for i in range(30)
    ]
    found = judge([*other, *cine()], 20)
    assert len(found.stack) == 20
    assert {item.reason for item in found.refused} == {"not parallel to the short-axis stack (transverse)"}
    assert found.incomplete == ""


@pytest.mark.parametrize("spacing", [(1.4, 1.4), (1.56, 1.56)])
@pytest.mark.parametrize(("frames", "slices", "each"), [(4, 7, 2), (20, 14, 2), (20, 13, 3), (20, 14, 8), (20, 13, 16)])
def test_a_cine_is_not_lost_to_more_slices_of_less_depth(
    frames: int, slices: int, each: int, spacing: tuple[float, float]
) -> None:
    """Late enhancement with two images a slice, maps, T2* and tagging, with the cine's pixel spacing or another.

    Slices beyond the cine's with nearly as many images may be its own, so that there are no volumes.
    """
    found = judge([*cine(5, frames), *beside(slices, each, pixel_spacing_mm=spacing)], 20)
    assert {r.series_uid for r in found.stack} == {"1.2"}
    assert (len(found.stack), len(found.refused)) == (5 * frames, slices * each)
    assert bool(found.incomplete) == (each == 16)


def test_of_two_cines_the_one_with_more_slices_is_taken() -> None:
    """Though the other has more frames, and deep series of few slices make neither less of a cine."""
    records = [*cine(9, 25), *beside(7, 30, pixel_spacing_mm=(1.6, 1.6))]
    deep = [replace(r, path=f"x{r.path}", series_uid="8") for r in beside(3, 90, pixel_spacing_mm=(2.0, 2.0))]
    assert len(judge([*records, *deep], 25).stack) == 9 * 25


@pytest.mark.parametrize("spacing", [1.4, 1.8])
@pytest.mark.parametrize(("frames", "slices", "told"), [(25, 9, True), (25, 2, False), (60, 9, True), (2, 9, False)])
def test_a_further_cine_of_the_same_slices_is_told(frames: int, slices: int, told: bool, spacing: float) -> None:
    """Acquired again, or in real time: the values are one cine's. Not a slice or two again, nor late enhancement."""
    again = [
        replace(r, path=f"again/{r.path}", series_uid="7", series_number=7, pixel_spacing_mm=(spacing, spacing))
        for r in cine(slices, frames)
    ]
    notes = judge([*cine(9, 25), *again], 25).notes
    assert notes == (
        (f"{min(frames, 25) * slices} images of a further series at the same slices were not used (see refused.csv)",)
        if told
        else ()
    )


def test_frames_that_are_series_are_one_cine_or_told() -> None:
    """End-diastole and end-systole exported as a series each; where they do not tell so, one is judged and one told."""
    both = [replace(r, series_uid=f"5.{r.trigger_time_ms}", frames_per_slice=2) for r in cine(6, 2)]
    found = judge(both, 20)
    assert ([(r.slice_index, r.frame) for r in found.stack], found.notes) == (
        [(n // 2, n % 2 + 1) for n in range(12)],
        (),
    )
    (note,) = judge([replace(r, trigger_time_ms=600.0) for r in both], 20).notes
    assert note.startswith("6 images of a further series at the same slices")


@pytest.mark.parametrize("kind", ["T1 MAP", "T2 MAP", "T2_STAR_MAP", "T2* MAP", "ECV_MAP"])
def test_maps_are_refused_by_their_kind(kind: str) -> None:
    """However many slices and images they have; a map of the phase has its own word."""
    maps = beside(7, 4, image_type=f"DERIVED\\PRIMARY\\{kind}\\ND")
    assert {r.reason for r in judge(maps, 20).refused} == {"a map of relaxation times or the like, by its ImageType"}
    assert len(judge([*cine(), *maps], 20).stack) == 20


def test_what_takes_longer_than_a_heartbeat_is_no_cine() -> None:
    """First-pass perfusion, alone and beside; a single trigger time that is wrong costs nothing."""
    perfusion = [replace(r, trigger_time_ms=900.0 * (i % 10)) for i, r in enumerate(beside(4, 10))]
    found = judge(perfusion, 20)
    assert found.stack == ()
    assert "trigger times of a slice spread over 8.1 s, as in perfusion" in found.reason
    found = judge([*cine(), *perfusion], 20)
    assert (len(found.stack), found.incomplete) == (20, "")
    assert len(judge([*cine()[1:], replace(cine()[0], trigger_time_ms=99_999.0)], 20).stack) == 20


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("first", ["cine", "late"])
def test_late_enhancement_under_the_cines_uid_is_told(first: str, timed: bool) -> None:
    """Whichever comes first: each is what its own tags say, and costs the other nothing."""
    beat = [replace(r, path=f"cine/{r.path}", series_description="SAX") for r in cine(5, 10)]
    late = [
        replace(r, path=f"late/{r.path}", trigger_time_ms=600.0, frames_per_slice=1, series_description="SAX LGE")
        for r in cine(5, 1)
    ]
    both = beat + late if first == "cine" else late + beat
    found = judge(both if timed else [replace(r, trigger_time_ms=None) for r in both], 20)
    assert {r.path for r in found.stack} == {r.path for r in beat}
    assert {r.reason for r in found.refused} == {"no cine, by its SeriesDescription 'SAX LGE'"}


def test_single_images_between_the_slices_of_a_cine_are_not_of_it() -> None:
    """Late enhancement, halfway: a slice an image, while the cine has four."""
    late = [moved(image(100 + i, i, 1), 4.0, series_uid="9") for i in range(5)]
    found = judge([*cine(), *late], 20)
    assert len(found.stack) == 20
    assert {item.reason for item in found.refused} == {"1 images a slice in its series, the stack has 4"}
    assert found.incomplete == ""


def test_a_phase_map_in_the_stacks_own_series_is_no_part_of_it() -> None:
    """Whatever is something else by its kind is no slice that was lost."""
    maps = [replace(r, path=f"map-{r.path}", image_type="ORIGINAL\\PRIMARY\\P") for r in cine()]
    found = judge([*cine(), *maps], 20)
    assert (len(found.stack), len(found.refused), found.incomplete) == (20, 20, "")
