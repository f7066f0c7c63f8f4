"""Contours a frame beside the others of their phase."""

from __future__ import annotations

from collections.abc import Sequence

from cmrpipe.checks.otherframe import check_other_frame
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Contour, ContourKind, ContourRecord, Finding, ImageRecord, Phase, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle

FRAMES = 10
POINTS = circle(50, 45, 20)


def found(
    frames: Sequence[int],
    phase: Phase = Phase.ES,
    without: tuple[int, int] | None = None,
    damaged: tuple[int, int] | None = None,
    one_frame: float = 0.75,
) -> list[Finding]:
    """Findings where slice i is drawn at `frames[i]`.

    Parameters
    ----------
    without : slice and frame of an image that is not there
    damaged : slice and frame of an image that cannot be read, of which the contour cannot either
    """
    images = {
        (index, frame): ImageRecord(
            f"dicoms/P/{FRAMES * index + frame}.dcm",
            "",
            0,
            "P",
            file_number=FRAMES * index + frame,
            slice_index=index,
            frame=frame,
            error="truncated" if (index, frame) == damaged else "",
        )
        for index in range(len(frames))
        for frame in range(1, FRAMES + 1)
        if (index, frame) != without
    }
    places = list(enumerate(frames))
    contours = tuple(
        ContourRecord(
            f"c/{FRAMES * i + f}.txt",
            "",
            0,
            "O",
            FRAMES * i + f,
            ContourKind.ENDO,
            POINTS,
            error="no points" if (i, f) == damaged else "",
        )
        for i, f in places
    )
    samples = [Sample(images[place], None, Contour(ContourKind.ENDO, POINTS), None, phase) for place in places]
    labels = PatientLabels("P", tuple(images.values()), contours, ("O",))
    return list(check_other_frame(labels, samples, ValidateParams(one_frame=one_frame)))


def test_one_that_stands_apart_is_told_with_the_image_that_was_meant() -> None:
    """At either phase, a frame to either side."""
    for phase in (Phase.ED, Phase.ES):
        for frame in (3, 5):
            (one,) = found([4, 4, 4, frame, 4, 4], phase)
            assert (one.path, one.instance_number) == (f"c/{30 + frame}.txt", 30 + frame)
            assert one.evidence["usual_number"] == 34
            assert (one.evidence["frame"], one.evidence["usual_frame"], one.evidence["slices"]) == (frame, 4, 5)
            assert f"5 of 6 slices of P are drawn at frame 4 at {phase}, here image 34" in one.message
    assert len(found([4, 4, 4, 5])) == 1


def test_frames_that_were_chosen_slice_by_slice_are_not() -> None:
    """No frame has three quarters of the slices, or there are too few slices to say; other phases do not count."""
    assert not found([4, 4, 4, 4, 4, 4])
    assert not found([4, 5, 4, 5, 4, 4])
    assert not found([4, 4, 5])
    assert not found([4, 4, 5], one_frame=0.6)
    assert not found([4, 4, 4, 4, 4, 5], Phase.OTHER)
    assert not found([])


def test_an_image_that_is_not_there_was_not_meant() -> None:
    """Where the usual frame is missing in a slice, the expert took the next one."""
    assert not found([4, 4, 4, 4, 4, 5], without=(5, 4))
    assert found([4, 4, 4, 4, 4, 5], without=(0, 5))
    assert not found([4, 4, 4, 4, 4, 5], damaged=(5, 4))
    assert not found([4, 4, 4, 4, 4, 5], damaged=(5, 5)), "that contour is told for what it is"
