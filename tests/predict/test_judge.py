"""What can be judged, and why the rest cannot."""

from dataclasses import replace

import pytest

from cmrpipe.model import ImageRecord
from cmrpipe.predict.judge import judge
from cmrpipe.readers.mends import DEFLATED, NO_MARK, SEVERAL
from tests.predict.cines import LONG, TRANSVERSE, TURNED, cine, image


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
        ({"image_type": "ORIGINAL\\PRIMARY\\I_FFE\\I\\FFE"}, "the imaginary part of a complex image, by its ImageType"),
        ({"image_type": "ORIGINAL\\PRIMARY\\R_FFE\\R\\FFE"}, "the real part of a complex image, by its ImageType"),
        ({"error": "not a DICOM file (no DICM mark at byte 128)"}, "not a DICOM file (no DICM mark at byte 128)"),
        ({"orientation": TRANSVERSE}, "not parallel to the short-axis stack (transverse)"),
        ({"orientation": None}, "not parallel to the short-axis stack (no orientation in its header)"),
        ({"orientation": TURNED}, "turned in its plane against the stack"),
        ({"pixel_spacing_mm": (1.82, 1.82)}, "pixels of 1.82 x 1.82 mm, the stack has pixels of 1.4 x 1.4 mm"),
        ({"pixel_spacing_mm": None}, "no pixel spacing, the stack has pixels of 1.4 x 1.4 mm"),
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


@pytest.mark.parametrize(("why", "mend"), [(SEVERAL, "emf2sf"), (DEFLATED, "dcmconv"), (NO_MARK, "dcmconv")])
def test_files_of_another_form_have_their_mend_told(why: str, mend: str) -> None:
    """A patient all of whose files are of it is refused with what to do, as validation says it."""
    assert mend in judge([replace(r, error=why) for r in cine()], 20).reason


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


def test_images_that_share_a_number_are_numbered_anew() -> None:
    """Each slice a series that counts from 1: no contour file may be written twice."""
    records = [
        replace(r, file_number=None, instance_number=i % 4 + 1, series_uid=f"2.{i // 4}", path=f"{i // 4}/{i % 4}.dcm")
        for i, r in enumerate(cine())
    ]
    found = judge(records, 20)
    assert found.numbers == tuple(range(1, 21))
    assert "numbered by slice, then frame" in found.notes[0]
