"""Images at one place of the grid, from records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cmrpipe.checks.places import CINE, LONGEST, check_places
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ImageRecord


def slices(counts: Sequence[int], header: int | None = None) -> list[ImageRecord]:
    """So many images of each slice, each of a frame of its own."""
    places = [(index, frame) for index, count in enumerate(counts) for frame in range(1, count + 1)]
    return [
        ImageRecord(
            f"dicoms/P/{n}.dcm", "", 1, "P", n, slice_index=s, frame=f, frames_per_slice=header, sop_uid=f"1.{n}"
        )
        for n, (s, f) in enumerate(places, start=1)
    ]


def told(images: Sequence[ImageRecord]) -> list[int]:
    """The slice that is told."""
    return [int(str(f.evidence["slice_index"])) for f in check_places("P", images)]


def test_two_images_of_one_frame_are_told() -> None:
    """Once, with both files; not a copy of one instance, one that cannot be used, or one of another series."""
    images = slices([3, 3, 3])
    extra = replace(images[4], path="dicoms/P/99.dcm", sop_uid="1.99")
    assert told(images) == []
    (found,) = check_places("P", [*images, extra, replace(extra, path="dicoms/P/98.dcm", sop_uid="1.98")])
    assert (found.code, found.evidence["places"], found.path) == (Code.IMAGES_AT_ONE_PLACE, 1, "dicoms/P")
    assert {found.evidence["image"], found.evidence["same_as"]} == {"dicoms/P/5.dcm", "dicoms/P/99.dcm"}
    (found,) = check_places("P", [*images, extra])
    assert set(found.message.split()) >= {"dicoms/P/5.dcm", "dicoms/P/99.dcm"}
    other = replace(extra, sop_uid=images[4].sop_uid, pixel_crc32=9)
    assert told([*images, other]) == [1], "one instance of other pixels is two images"
    assert told([*images, replace(extra, sop_uid="")]) == [1]
    nameless = [replace(image, sop_uid="") for image in images]
    assert told([*nameless, replace(extra, sop_uid="")]) == [1]
    assert told([replace(image, frame=None) for image in images]) == [], "nobody knows of which frame they are"
    for change in ({"sop_uid": images[4].sop_uid}, {"error": "truncated"}, {"slice_index": None, "frame": None}):
        assert told([*images, replace(extra, **change)]) == []


def test_the_fullest_slice_is_named_and_all_are_counted() -> None:
    """Places with several images, and slices with any such or with too many images."""
    images = slices([3, 5, 4], header=3)
    twice = [images[0], images[1], images[9]]
    again = [replace(image, path=f"{image.path}x", sop_uid=f"{image.sop_uid}.9") for image in twice]
    (found,) = check_places("P", [*images, *again])
    evidence = found.evidence
    assert (evidence["places"], evidence["slices"], evidence["slice_index"], evidence["images"]) == (3, 3, 0, 5)
    (found,) = check_places("P", [*images, again[2]])
    assert (found.evidence["places"], found.evidence["slices"], found.evidence["slice_index"]) == (1, 2, 1)
    (found,) = check_places("P", [*images[:4], *images[8:], *again])
    assert (found.evidence["slices"], found.evidence["slice_index"]) == (2, 0)
    (found,) = check_places("P", [*images[:4], *images[8:], again[2], again[0]])
    assert (found.evidence["slices"], found.evidence["slice_index"]) == (2, 2)
    assert {found.evidence["image"], found.evidence["same_as"]} == {images[9].path, again[2].path}


@pytest.mark.parametrize("count", [20, 21])
def test_more_images_than_the_header_has_frames(count: int) -> None:
    """Where it says 20; a header that says 1 of all is a filler."""
    assert told(slices([20, count, 20], header=20)) == ([1] if count > 20 else [])
    assert told(slices([20, count, 20], header=1)) == []
    some = [replace(i, frames_per_slice=None if i.frame == 1 else 20) for i in slices([20, count, 20])]
    assert told(some) == ([1] if count > 20 else [])


def test_without_header_the_other_slices_say() -> None:
    """A cine acquired twice is told; selected frames, of which a slice may have more, and some frames more are not."""
    assert told(slices([20, 40, 20])) == [1]
    assert told(slices([20, 30, 20])) == []
    assert told(slices([20, 31, 20])) == [1]
    assert told(slices([CINE, 2 * CINE, CINE])) == [1]
    assert told(slices([2, 4, 2, 1])) == []
    assert told(slices([CINE - 1, 2 * CINE])) == []
    assert told(slices([LONGEST + 1])) == [0]
    assert told(slices([LONGEST])) == []
    assert told([]) == []
