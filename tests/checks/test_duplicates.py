"""One image of a patient in two files, from records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cmrpipe.checks.duplicates import check_duplicates, check_pixels
from cmrpipe.checks.places import check_places
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.model import ImageRecord

SLICES, FRAMES = 4, 6


def stack() -> list[ImageRecord]:
    """Images of `SLICES` slices, numbered through, each with its own identifier and pixels."""
    return [
        ImageRecord(
            f"dicoms/P/{n}.dcm",
            "",
            1,
            "P",
            n,
            n,
            series_uid="1.1",
            sop_uid=f"1.1.{n}",
            pixel_crc32=n,
            slice_index=(n - 1) // FRAMES,
            frame=(n - 1) % FRAMES + 1,
            frames_per_slice=FRAMES,
        )
        for n in range(1, SLICES * FRAMES + 1)
    ]


def told(images: list[ImageRecord]) -> list[tuple[Code, str, object]]:
    """Codes, paths, and whether pixels differ."""
    return [(f.code, f.path, f.evidence.get("pixels_differ")) for f in check_duplicates("P", images)]


@pytest.mark.parametrize("sop_uid", ["1.1.7", ""])
@pytest.mark.parametrize("crc", [7, 99])
def test_a_copy_is_told(sop_uid: str, crc: int) -> None:
    """By its SOPInstanceUID, or where both have none by series and number; with the same pixels or others."""
    images = [replace(i, sop_uid=sop_uid) if i.file_number == 7 else i for i in stack()]
    copy = replace(images[6], path="dicoms/P/90.dcm", file_number=90, pixel_crc32=crc)
    assert told([*images, copy]) == [(Code.IMAGE_DUPLICATE_INSTANCE, "dicoms/P/90.dcm", crc != 7)]
    assert told([*images, replace(copy, error="truncated")]) == []
    assert told(stack()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda i: replace(i, instance_number=1),
        lambda i: replace(i, instance_number=i.frame),
        lambda i: replace(i, instance_number=i.frame, series_uid=""),
    ],
)
def test_a_number_is_nothing_where_the_instance_has_a_name(change: Callable[[ImageRecord], ImageRecord]) -> None:
    """Numbers that restart in each slice, or are 1 everywhere, make no image another one's copy."""
    assert told([change(i) for i in stack()]) == []


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda i: replace(i, sop_uid="0"), 1),
        (lambda i: replace(i, sop_uid=f"1.{i.slice_index}"), 1),
        (lambda i: replace(i, sop_uid="", instance_number=i.frame), 1),
        (lambda i: replace(i, sop_uid="" if i.file_number == 1 else "1.1", instance_number=1), 2),
    ],
)
def test_an_identifier_of_many_pictures_is_told_once(change: Callable[[ImageRecord], ImageRecord], kinds: int) -> None:
    """Once for each kind of it, as a warning; a slice that was acquired twice shows all the same."""
    found = list(check_duplicates("P", [change(i) for i in stack()]))
    assert len(found) == kinds
    assert {(f.code, f.severity, f.path) for f in found} == {(Code.IMAGE_IDS_SHARED, Severity.WARNING, "dicoms/P")}
    again = [
        replace(i, path=f"{i.path}.2", pixel_crc32=90 + (i.file_number or 0)) for i in stack() if i.slice_index == 2
    ]
    assert [f.evidence["slice_index"] for f in check_places("P", [change(i) for i in [*stack(), *again]])] == [2]


def test_more_pictures_than_a_crowd_make_a_filler() -> None:
    """In a large patient, too, where most images have names of their own; fewer are errors."""
    few, many = ([replace(i, sop_uid="0") if (i.file_number or 0) <= k else i for i in stack()] for k in (8, 9))
    assert [code for code, *_ in told(few)] == [Code.IMAGE_DUPLICATE_INSTANCE] * 7
    (found,) = check_duplicates("P", many)
    assert (found.code, found.evidence["identifier"], found.evidence["images"]) == (
        Code.IMAGE_IDS_SHARED,
        "SOPInstanceUID",
        9,
    )


def test_two_exports_in_one_folder_are_copies() -> None:
    """Every image twice, with other pixels: neither is used, though most images share their identifiers."""
    again = [replace(i, path=f"{i.path}.2", pixel_crc32=900 + (i.file_number or 0)) for i in stack()]
    assert [code for code, *_ in told([*stack(), *again])] == [Code.IMAGE_DUPLICATE_INSTANCE] * SLICES * FRAMES


def cine(frames: int, pixels: dict[int, int]) -> list[ImageRecord]:
    """Three slices, numbered through; some images with the pixels of another number."""
    return [
        replace(
            stack()[0],
            path=f"dicoms/P/{n}.dcm",
            file_number=n,
            instance_number=n,
            sop_uid=f"1.1.{n}",
            pixel_crc32=pixels.get(n, n),
            pixel_min=0,
            pixel_max=9,
            slice_index=(n - 1) // frames,
            frame=(n - 1) % frames + 1,
        )
        for n in range(1, 3 * frames + 1)
    ]


def equals(images: list[ImageRecord]) -> list[tuple[Code, str]]:
    """Codes and paths of what is said of equal pixels."""
    assert list(check_pixels("P", images, lambda _, __: False)) == []  # checksums may be equal by chance
    return [(f.code, f.path) for f in check_pixels("P", images, lambda _, __: True)]


@pytest.mark.parametrize("pixels", [{6: 5}, {6: 5, 7: 5}, {12: 1}, {1: 12, 2: 12}, {6: 5, 12: 1, 17: 16}])
def test_a_frame_that_stands_still_is_told_once(pixels: dict[int, int]) -> None:
    """Frames side by side, or the last and the first of a slice: a warning a patient, nothing is left out."""
    assert equals(cine(12, pixels)) == [(Code.IMAGE_REPEATED, "dicoms/P")]
    assert equals(cine(12, {})) == []


@pytest.mark.parametrize(
    ("frames", "pixels", "later"),
    [
        (12, {9: 5}, [9]),
        (12, {17: 5}, [17]),
        (12, {13: 12}, [13]),
        (12, dict.fromkeys(range(1, 13), 1), [*range(2, 13)]),
        (2, {2: 1}, [2]),
        (12, {6: 5, 30: 5}, [30]),
    ],
    ids=["apart", "other slice", "next slice's first", "whole cine", "no cine", "beside and other slice"],
)
def test_other_doubled_images_are_errors(frames: int, pixels: dict[int, int], later: list[int]) -> None:
    """Each with its path; what stands beside the first is told once next to it."""
    found = [path for code, path in equals(cine(frames, pixels)) if code is Code.IMAGE_DUPLICATE_PIXELS]
    assert found == [f"dicoms/P/{n}.dcm" for n in later]


def test_two_files_of_one_frame_do_not_stand_still() -> None:
    """A copy with an identifier of its own is one."""
    images = cine(12, {})
    copy = replace(images[4], path="dicoms/P/90.dcm", file_number=90, sop_uid="1.90")
    assert equals([*images, copy]) == [(Code.IMAGE_DUPLICATE_PIXELS, "dicoms/P/90.dcm")]
