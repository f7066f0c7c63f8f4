"""Images that are to be expected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmrpipe.checks.missing import expected_frames, missing_images
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ImageRecord

SLICES, FRAMES = 4, 6


def images(having: int) -> tuple[ImageRecord, ...]:
    """Slices with all frames but the last, which only some have."""
    return tuple(
        ImageRecord(f"dicoms/P/{s}-{f}.dcm", "", 1, "P", file_number=s * FRAMES + f, slice_index=s, frame=f)
        for s in range(SLICES)
        for f in range(1, FRAMES + 1)
        if f < FRAMES or s < having
    )


@pytest.mark.parametrize(("having", "expected"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_frame_is_expected_that_more_than_half_of_the_slices_have(having: int, expected: bool) -> None:
    """At half of them nobody can say which half is right."""
    assert expected_frames(images(having)) == tuple(range(1, FRAMES + 1 if expected else FRAMES))
    told = missing_images(PatientLabels("P", images(having), (), ()))
    holes = [(s, FRAMES, (s + 1) * FRAMES) for s in range(having, SLICES)] if expected else []
    assert [(item.slice_index, item.frame, item.instance_number) for item in told] == holes


@pytest.mark.parametrize("said", [None, 1, FRAMES - 2, FRAMES - 1, FRAMES])
def test_no_more_frames_are_expected_than_the_slice_says(said: int | None) -> None:
    """Retrospective gating gives slices frames of their own number; a header that says fewer than there are is none."""
    some = tuple(
        replace(image, frames_per_slice=said if image.slice_index == SLICES - 1 else None) for image in images(3)
    )
    told = missing_images(PatientLabels("P", some, (), ()))
    assert [item.frame for item in told] == ([] if said == FRAMES - 1 else [FRAMES])
