"""Whether the whole of a cine is there: what is missing is told, and takes the volumes where it may be a slice."""

from dataclasses import replace

import pytest

from cmrpipe.model import ImageRecord
from cmrpipe.predict.judge import judge
from tests.predict.cines import TURNED, cine, image


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
    others = [
        ImageRecord("VERSION", "", 0, "P", error="not a DICOM file (no DICM mark at byte 128)"),
        ImageRecord("7001", "", 0, "P", error="no image in it (Rows and Columns are absent or 0)"),
    ]
    assert judge([*stack, *others], 20).incomplete == ""
    lost = ImageRecord("7002", "", 0, "P", error="an empty file")
    assert "may be a slice" in judge([*stack, *others, lost], 20).incomplete


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
