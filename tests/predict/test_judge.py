"""What can be judged, and why the rest cannot."""

from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.model import ImageRecord
from cmrpipe.phantom.scene import Grid, draw_anatomy
from cmrpipe.predict.judge import judge, of_other_studies

SHORT = (0.7071, 0.7071, 0.0, -0.4082, 0.4082, -0.8165)
TURNED = (*SHORT[3:], *(-v for v in SHORT[:3]))
LONG = (0.0, 0.7071, 0.7071, 1.0, 0.0, 0.0)
NORMAL = (-0.5774, 0.5774, 0.5774)
TRANSVERSE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(number: int, place: int, frame: int, frames: int = 4) -> ImageRecord:
    """An image of a short-axis cine."""
    return ImageRecord(
        path=f"{number}.dcm",
        sha256="",
        bytes=1,
        patient_id="P",
        file_number=number,
        instance_number=number,
        trigger_time_ms=40.0 * (frame - 1),
        position_mm=(8.0 * place * NORMAL[0], 8.0 * place * NORMAL[1], 8.0 * place * NORMAL[2]),
        orientation=SHORT,
        pixel_spacing_mm=(1.4, 1.4),
        frames_per_slice=frames,
        rows=64,
        columns=72,
        modality="MR",
        image_type="ORIGINAL\\PRIMARY\\M",
        series_uid="1.2",
    )


def cine(slices: int = 5, frames: int = 4) -> list[ImageRecord]:
    """A whole one."""
    return [image(1 + s * frames + f, s, f + 1, frames) for s in range(slices) for f in range(frames)]


def test_a_cine_is_taken_whole_and_in_order() -> None:
    """By slice, then frame, under the numbers of its files."""
    found = judge(cine()[::-1], 20)
    assert [(r.slice_index, r.frame) for r in found.stack] == [(s, f) for s in range(5) for f in range(1, 5)]
    assert found.numbers == tuple(range(1, 21))
    assert (found.refused, found.notes, found.reason) == ((), (), "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"modality": "CT"}, "not MR but CT"),
        ({"image_type": "ORIGINAL\\PRIMARY\\LOCALIZER"}, "a localizer, by its ImageType"),
        ({"image_type": "DERIVED\\PRIMARY\\PHASE MAP"}, "a phase map, by its ImageType"),
        ({"image_type": "ORIGINAL\\PRIMARY\\P\\ND"}, "a phase map, by its ImageType"),
        ({"image_type": "ORIGINAL\\PRIMARY\\VELOCITY MAP\\P\\PCA"}, "velocities, by its ImageType"),
        ({"error": "not a DICOM file (no DICM mark at byte 128)"}, "not a DICOM file (no DICM mark at byte 128)"),
        ({"orientation": TRANSVERSE}, "not parallel to the short-axis stack (transverse)"),
        ({"orientation": None}, "not parallel to the short-axis stack (no orientation in its header)"),
        ({"orientation": TURNED}, "turned in its plane against the stack"),
        ({"pixel_spacing_mm": (1.82, 1.82)}, "pixels of 1.82 x 1.82 mm, the stack has pixels of 1.4 x 1.4 mm"),
        ({"pixel_spacing_mm": (0.0, 0.0)}, "no pixel spacing, the stack has pixels of 1.4 x 1.4 mm"),
        ({"orientation": LONG}, "not parallel to the short-axis stack (long axis or localizer)"),
        ({"rows": 32}, "32 x 72 pixels, the stack has 64 x 72"),
        ({"series_uid": "1.3"}, "a further series where the stack already has slices"),
    ],
)
def test_a_stranger_among_them_is_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    """And the others are judged all the same."""
    stranger = replace(image(99, 2, 1), path="99.dcm", **change)  # type: ignore[arg-type]
    found = judge([*cine(), stranger], 20)
    assert len(found.stack) == 20
    assert [(item.path, item.reason) for item in found.refused] == [("99.dcm", reason)]


def test_a_long_axis_cine_with_more_images_than_any_slice_does_not_win() -> None:
    """Slices as series of their own, 4 images each, and a long-axis cine of 30: slice positions decide."""
    short = [replace(r, series_uid=f"1.{(r.file_number or 0) // 4 + 10}") for r in cine(6, 4)]
    short = [replace(r, series_uid=f"2.{i // 4}") for i, r in enumerate(short)]
    long = [replace(image(100 + f, 0, f + 1, 30), orientation=LONG, series_uid="9") for f in range(30)]
    found = judge([*long, *short], 20)
    assert len(found.stack) == 24
    assert len(found.refused) == 30


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "it holds no file"),
        (cine(2), "only 2 slice positions"),
        (cine(1), "only 1 slice position:"),
        ([replace(r, modality="CT") for r in cine()], "none of its 20 files can be judged: not MR but CT"),
        (
            [replace(r, orientation=TRANSVERSE, position_mm=(0, 0, 8.0 * (i // 4))) for i, r in enumerate(cine())],
            "the stack is transverse",
        ),
    ],
)
def test_what_is_no_short_axis_stack_is_refused_as_a_whole(records: list[ImageRecord], reason: str) -> None:
    """Every image with a reason."""
    found = judge(records, 20)
    assert found.stack == ()
    assert found.reason.startswith(reason)
    assert len(found.refused) == len(records)


def test_without_geometry_it_is_taken_on_trust_and_said_so() -> None:
    """Slice and frame then come from the number."""
    bare = [replace(r, position_mm=None, orientation=None, trigger_time_ms=None) for r in cine()]
    found = judge(bare, 4)
    assert len(found.stack) == 20
    assert "taken on trust" in found.notes[0]


def test_positions_of_nothing_are_none() -> None:
    """(0, 0, 0) in all headers is a filler: the same as no geometry; in one slice's it is a place."""
    found = judge([replace(r, position_mm=(0.0, 0.0, 0.0)) for r in cine()], 4)
    assert len({(r.slice_index, r.frame) for r in found.stack}) == 20
    assert "taken on trust" in found.notes[0]
    assert {r.position_mm for r in judge(cine(), 4).stack if r.slice_index == 0} == {(0.0, 0.0, 0.0)}


def test_a_series_of_another_study_costs_that_series() -> None:
    """A localizer or late enhancement exported under a study of its own; two cines of two studies are two patients."""
    stack = [replace(r, study_uid="1") for r in cine()]
    for other in (beside(1, 2, study_uid="2"), beside(7, 1, study_uid="2")):
        found = judge([*stack, *other], 20)
        assert (len(found.stack), found.incomplete) == (20, "")
        assert {item.reason for item in found.refused} == {"of another study than the short-axis cine"}
    assert of_other_studies([*stack, *beside(5, 4, study_uid="2")]) is None
    assert of_other_studies(stack) == []


def test_images_that_share_a_number_are_numbered_anew() -> None:
    """Each slice a series that counts from 1: no contour file may be written twice."""
    records = [
        replace(r, file_number=None, instance_number=i % 4 + 1, series_uid=f"2.{i // 4}", path=f"{i // 4}/{i % 4}.dcm")
        for i, r in enumerate(cine())
    ]
    found = judge(records, 20)
    assert found.numbers == tuple(range(1, 21))
    assert "numbered by slice, then frame" in found.notes[0]


def moved(record: ImageRecord, along: float, **change: object) -> ImageRecord:
    """The image elsewhere along the stack's normal, in mm."""
    position = tuple(p + along * n for p, n in zip(record.position_mm or (), NORMAL, strict=True))
    return replace(record, path=f"x{record.path}", position_mm=position, **change)  # type: ignore[arg-type]


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


def beside(slices: int, each: int, **change: object) -> list[ImageRecord]:
    """Another series in the cine's planes and beyond."""
    change = {"series_uid": "9", "trigger_time_ms": 600.0, **change}
    return [
        replace(image(1000 + each * s + n, s, 1), path=f"other/{s}-{n}.dcm", **change)  # type: ignore[arg-type]
        for s in range(slices)
        for n in range(each)
    ]


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


def test_single_images_between_the_slices_of_a_cine_are_not_of_it() -> None:
    """Late enhancement, halfway: a slice an image, while the cine has four."""
    late = [moved(image(100 + i, i, 1), 4.0, series_uid="9") for i in range(5)]
    found = judge([*cine(), *late], 20)
    assert len(found.stack) == 20
    assert {item.reason for item in found.refused} == {"1 images a slice in its series, the stack has 4"}
    assert found.incomplete == ""


@pytest.mark.parametrize(
    "change",
    [{"orientation": TURNED}, {"pixel_spacing_mm": (1.82, 1.82)}, {"rows": 32}, {"error": "truncated"}],
)
@pytest.mark.parametrize("separate", [False, True])
def test_volumes_of_a_part_of_the_stack_are_none(change: dict[str, object], separate: bool) -> None:
    """Slices of another geometry, or that cannot be read, are refused; what is left is not the whole ventricle."""
    records = [
        replace(r, series_uid=f"2.{i // 4}" if separate else "1.2", **(change if i >= 16 else {}))  # type: ignore[arg-type]
        for i, r in enumerate(cine(7))
    ]
    found = judge(records, 20)
    assert len({(r.orientation, r.pixel_spacing_mm, r.rows) for r in found.stack}) == 1
    assert len(found.stack) + len(found.refused) == 28
    assert found.incomplete == "3 slices of the stack could not be used (see refused.csv)"


@pytest.mark.parametrize(
    ("path", "count", "told"),
    [
        ("{}.dcm", 4, "4 files beside the stack's cannot be read, and may be a slice"),
        ("{}.DCM", 2, "2 files beside the stack's cannot be read, and may be a slice"),
        ("{}.dcm", 1, ""),  # an image of a slice is no slice
        ("notes/{}.dcm", 4, ""),
        ("{}.txt", 4, ""),
    ],
)
def test_files_that_cannot_be_read_may_be_a_slice(path: str, count: int, told: str) -> None:
    """Without a header nobody knows where they lie; names and folders tell whether they are the stack's."""
    bad = [ImageRecord(path.format(100 + i), "", 0, "P", error="an empty file") for i in range(count)]
    assert judge([*cine(), *bad], 20).incomplete == told


def test_files_that_are_no_images_are_no_slices() -> None:
    """A note beside images without ending, a report: where a slice has two images, one such file is no slice."""
    stack = [replace(r, path=r.path.removesuffix(".dcm")) for r in cine(frames=2)]
    beside = [
        ImageRecord("VERSION", "", 0, "P", error="not a DICOM file (no DICM mark at byte 128)"),
        ImageRecord("7001", "", 0, "P", error="no image in it (Rows and Columns are absent or 0)"),
    ]
    assert judge([*stack, *beside], 20).incomplete == ""
    lost = ImageRecord("7002", "", 0, "P", error="an empty file")
    assert "may be a slice" in judge([*stack, *beside, lost], 20).incomplete


def test_a_phase_map_in_the_stacks_own_series_is_no_part_of_it() -> None:
    """Whatever is something else by its kind is no slice that was lost."""
    maps = [replace(r, path=f"map-{r.path}", image_type="ORIGINAL\\PRIMARY\\P") for r in cine()]
    found = judge([*cine(), *maps], 20)
    assert (len(found.stack), len(found.refused), found.incomplete) == (20, 20, "")


def test_images_that_are_there_twice_are_no_part_of_the_stack_that_is_lost() -> None:
    """The same instances in files of other names: the stack is whole."""
    records = [replace(r, sop_uid=f"1.2.{r.file_number}") for r in cine()]
    copies = [replace(r, path=f"copy-{r.path}") for r in records[:4]]
    found = judge([*records, *copies], 20)
    assert (len(found.stack), len(found.refused), found.incomplete) == (20, 4, "")


def test_files_that_cannot_be_read_where_images_are_missing_are_these() -> None:
    """As many as the grid has holes: no slice is lost, and the holes are told."""
    bad = [ImageRecord(f"{i}.dcm", "", 0, "P", error="an empty file") for i in (1, 6, 11)]
    found = judge([*(r for r in cine() if r.file_number not in (1, 6, 11)), *bad], 20)
    assert (found.incomplete, found.notes) == ("", ("3 of the stack's images are missing",))


def test_half_of_the_stacks_own_images_refused_take_the_volumes() -> None:
    """A pixel spacing that alternates in the last digits leaves every second image aside."""
    records = [replace(r, pixel_spacing_mm=(1.403, 1.403)) if i % 2 else r for i, r in enumerate(cine())]
    assert judge(records, 20).incomplete == "10 images of the stack's own series could not be used (see refused.csv)"


def test_frames_that_the_header_names_and_that_are_not_there_are_told() -> None:
    """A cine cut off before end-systole has an ejection fraction that is none."""
    (note,) = judge([r for r in cine(frames=10) if (r.trigger_time_ms or 0) < 240], 20).notes
    assert note.startswith("6 of the heartbeat's 10 frames are there")


def test_missing_images_are_counted() -> None:
    """Wherever in the grid they are."""
    assert judge(cine()[2:], 20).notes == ("2 of the stack's images are missing",)
    assert judge(cine()[:-1], 20).notes == ("1 of the stack's images is missing",)


def test_a_missing_slice_is_told() -> None:
    """The gap where it was is twice as wide."""
    found = judge([r for i, r in enumerate(cine(7)) if i // 4 != 3], 20)
    assert found.incomplete == "slices are not evenly spaced: 8.0 mm apart, after slice 2 8.0 mm off that"
    assert judge(cine(7), 20).incomplete == ""


def test_few_slices_may_be_long_axis_planes() -> None:
    """Nobody can tell from headers; the result says so."""
    assert judge(cine(5), 20).notes == ()
    (note,) = judge(cine(4), 20).notes
    assert "long-axis planes" in note


def along(records: list[ImageRecord], orientation: tuple[float, ...], series: str) -> list[ImageRecord]:
    """The same stack, turned to an orientation."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    axis = np.cross(row, column)
    return [
        replace(
            r,
            path=f"{series}/{r.path}",
            orientation=orientation,  # type: ignore[arg-type]
            position_mm=tuple(8.0 * (i // 4) * axis),
            series_uid=series,
        )
        for i, r in enumerate(records)
    ]


TWO_CHAMBERS = (0.5774, -0.5774, -0.5774, -0.4082, 0.4082, -0.8165)
"""A plane with the ventricle's axis in it: its row direction."""


TILTED = (0.7071, 0.7071, 0.0, 0.5, -0.5, -0.7071)
"""Its normal is (-0.5, 0.5, -0.71): it points up where a ventricle points down."""


def test_a_stack_along_the_ventricle_is_refused() -> None:
    """However many planes it has; with a short axis beside, that is judged, though it has fewer slices."""
    long = along(cine(7), TWO_CHAMBERS, "9")
    alone = judge(long, 20)
    assert (alone.stack, len(alone.refused)) == ((), 28)
    assert alone.reason == "the stack is a long axis: its normal is 88 degrees off a ventricle's usual axis"
    both = judge([*long, *cine(5)], 20)
    assert {r.series_uid for r in both.stack} == {"1.2"}
    assert both.notes == ()
    assert len(both.refused) == 28


def test_volumes_of_a_stack_that_may_lie_along_the_ventricle_are_none() -> None:
    """Between a short axis and a long one nobody can tell; a short axis beside it is judged instead."""
    tilted = along(cine(7), TILTED, "9")
    alone = judge(tilted, 20)
    assert len(alone.stack) == 28
    assert alone.incomplete == "the stack's normal is 67 degrees off a ventricle's usual axis: it may be a long axis"
    both = judge([*tilted, *cine(5)], 20)
    assert {r.series_uid for r in both.stack} == {"1.2"}
    assert both.incomplete == ""


@pytest.mark.parametrize("seed", range(20))
def test_a_phantoms_short_axis_is_a_usual_one(seed: int) -> None:
    """As those of real patients are; seen from either side."""
    anatomy = draw_anatomy(np.random.default_rng(seed), Grid(10, 20, 64, 72))
    row, column = anatomy.row_direction, anatomy.column_direction
    for orientation in ((*row, *column), (*column, *row)):
        found = judge(along(cine(5), orientation, "9"), 20)
        assert (len(found.stack), found.notes, found.incomplete) == (20, (), "")


def test_a_spacing_of_nothing_is_none() -> None:
    """A header with zeros does not say how large pixels are."""
    found = judge([replace(r, pixel_spacing_mm=(0.0, 0.0)) for r in cine()], 20)
    assert len(found.stack) == 20
    assert {r.pixel_spacing_mm for r in found.stack} == {None}


def test_one_image_a_slice_is_one_frame() -> None:
    """End-diastole alone, numbered anew, is no stack of five frames with holes."""
    found = judge([image(4 + s, s, 1, 20) for s in range(5)], 20)
    assert {r.frame for r in found.stack} == {1}
    assert found.notes == ()


def test_frames_that_no_header_says_are_told() -> None:
    """They are right, and stand on less."""
    found = judge([replace(r, frames_per_slice=None) for r in cine()], 20)
    assert [r.frame for r in found.stack] == [1, 2, 3, 4] * 5
    assert found.notes == (
        "no header says how many frames a slice has: they come from the images' numbers, trigger times and order",
    )


def test_frames_that_a_slice_does_not_have_are_not_missing() -> None:
    """Of slices with 4 and 3 frames by their own headers; those that are not there are told all the same."""
    counts = (4, 3, 4, 3, 4, 4)
    stack = [image(sum(counts[:s]) + f, s, f, count) for s, count in enumerate(counts) for f in range(1, count + 1)]
    assert judge(stack, 20).notes == ()
    assert judge(stack[1:], 20).notes == ("1 of the stack's images is missing",)
