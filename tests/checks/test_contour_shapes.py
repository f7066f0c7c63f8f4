"""One contour by itself, against its image's size, and beside the other one of its image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.checks.contours import check_files, check_pairs, check_shape, check_twice
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Contour, ContourKind, ContourRecord, Finding, ImageRecord, Phase, Points, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle

ROWS, COLUMNS = 64, 72


def said(points: Points) -> list[Finding]:
    """What is said of a contour."""
    record = ContourRecord("contourfiles/O/1.txt", "", 1, "O", 1, ContourKind.ENDO, points)
    image = ImageRecord("dicoms/P/1.dcm", "", 1, "P", file_number=1, rows=ROWS, columns=COLUMNS)
    return list(check_shape(record, Contour(ContourKind.ENDO, points), image, "P", ValidateParams()))


def codes(points: Points) -> list[Code]:
    """The codes of it."""
    return [finding.code for finding in said(points)]


def arc(degrees: float, points: int) -> Points:
    """Part of a circle of radius 10 in the middle of the image."""
    angle = np.radians(np.linspace(0, degrees, points))
    return np.column_stack([36 + 10 * np.cos(angle), 32 + 10 * np.sin(angle)])


@pytest.mark.parametrize(("degrees", "told"), [(359, False), (335, False), (270, True)])
def test_a_contour_is_open_where_much_of_it_is_missing(degrees: float, told: bool) -> None:
    """A gap of many steps between dense points is none as long as it is short: 4 pixels of 60, say."""
    assert codes(arc(degrees, 400)) == ([Code.CONTOUR_OPEN] if told else [])


def test_a_few_points_far_apart_make_no_open_contour() -> None:
    """The gap of an eighth of the whole is a step like the others."""
    assert Code.CONTOUR_OPEN not in codes(arc(315, 8))


@pytest.mark.parametrize(("beyond", "told"), [(0.0, False), (0.4, False), (0.6, True), (1.2, True)])
@pytest.mark.parametrize("side", range(4))
def test_a_contour_may_lie_on_the_edge_of_its_image_and_not_beyond(side: int, beyond: float, told: bool) -> None:
    """The edge is half a pixel beyond the centres of the outermost pixels, on all four sides."""
    points = arc(359, 100)
    axis, low = side % 2, side < 2
    last = (COLUMNS - 1, ROWS - 1)[axis]
    points[:, axis] += (-beyond - points[:, axis].min()) if low else (last + beyond - points[:, axis].max())
    assert codes(points) == ([Code.CONTOUR_OUT_OF_BOUNDS] if told else [])
    assert [f.evidence["beyond_px"] for f in said(points)] == ([pytest.approx(beyond - 0.5)] if told else [])


@pytest.mark.parametrize(
    ("spacing_mm", "out_px", "told"),
    [
        (None, 0.9, False),
        (None, 1.4, True),
        (1.3, 0.9, False),
        (1.3, 1.4, True),
        (2.7, 0.9, False),
        (0.7, 1.4, False),
        (0.7, 2.2, True),
        (0.07, 1.4, True),
    ],
)
def test_how_far_an_endocardium_may_leave_its_epicardium(spacing_mm: float | None, out_px: float, told: bool) -> None:
    """A pixel, or 1.3 mm where that is more; a spacing in another unit gives no leave."""
    spacing = None if spacing_mm is None else (spacing_mm, spacing_mm)
    image = ImageRecord("dicoms/P/1.dcm", "", 1, "P", file_number=1, pixel_spacing_mm=spacing)
    endo, epi = circle(36 + 6 + out_px, 32, 10), circle(36, 32, 16)
    one = Sample(image, None, Contour(ContourKind.ENDO, endo), Contour(ContourKind.EPI, epi), Phase.ED)
    found = list(check_pairs(PatientLabels("P", (image,), (), ("O",)), [one], ValidateParams()))
    assert [f.code for f in found] == ([Code.ENDO_OUTSIDE_EPI] if told else [])


def pair(endo: Points | None, epi: Points | None) -> list[Finding]:
    """What is said of the contours of an image, with their files."""
    image = ImageRecord("dicoms/P/1.dcm", "", 1, "P", file_number=1, slice_index=4, frame=7)
    drawn = {ContourKind.ENDO: endo, ContourKind.EPI: epi}
    files = [ContourRecord(f"{k}.txt", "", 1, "O", 1, k, points) for k, points in drawn.items() if points is not None]
    inner, outer = (None if points is None else Contour(kind, points) for kind, points in drawn.items())
    one = Sample(image, None, inner, outer, Phase.ED)
    return list(check_pairs(PatientLabels("P", (image,), tuple(files), ("O",)), [one], ValidateParams()))


def test_two_contours_that_are_no_pair_are_told_with_both_files() -> None:
    """Nobody can tell which of them is wrong, and both are left out; of one alone nothing is said."""
    endo, epi = circle(46, 32, 10), circle(36, 32, 16)
    (found,) = pair(endo, epi)
    assert (found.patient_id, found.instance_number, found.path) == ("P", 1, "epi.txt")
    assert found.evidence["endo_path"] == "endo.txt"
    assert (found.evidence["slice_index"], found.evidence["frame"]) == (4, 7)
    assert found.evidence["outside_px"] == pytest.approx(4, abs=0.01)
    assert found.evidence["wall_px"] == pytest.approx(6, abs=0.01)
    assert "leaves the epicardial one by 4.0 pixels" in found.message
    assert pair(endo, None) == pair(None, epi) == []


@pytest.mark.parametrize(("wall", "told"), [(-3.0, True), (0.0, True), (0.4, True), (0.6, False), (6.0, False)])
def test_between_two_contours_there_is_a_wall(wall: float, told: bool) -> None:
    """Not the same outline twice, nor an epicardium within its endocardium."""
    found = pair(circle(36, 32, 10), circle(36, 32, 10 + wall))
    assert [f.code for f in found] == ([Code.ENDO_OUTSIDE_EPI] if told else [])
    assert all(("leaves no wall" in f.message) == (wall >= 0) for f in found)


def test_contours_of_one_kind_on_one_image_are_told_beside_the_first() -> None:
    """Each further one, of endocardia and epicardia by themselves."""
    names = [(ContourKind.ENDO, name) for name in "abc"] + [(ContourKind.EPI, name) for name in "de"]
    files = [ContourRecord(name, "", 1, "O", 5, kind, arc(359, 20)) for kind, name in names]
    files.append(ContourRecord("f", "", 1, "O", 6, ContourKind.ENDO, arc(359, 20)))
    found = check_twice(PatientLabels("P", (), tuple(files), ("O",)))
    assert [(f.code, f.patient_id, f.instance_number, f.path, f.evidence["other"]) for f in found] == [
        (Code.CONTOUR_DUPLICATE_NUMBER, "P", 5, path, other) for path, other in (("b", "a"), ("c", "a"), ("e", "d"))
    ]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (
            ContourRecord("c", "5f", 9, "O", 5, ContourKind.ENDO, arc(90, 2), error="2 points"),
            Code.CONTOUR_TOO_FEW_POINTS,
        ),
        (ContourRecord("c", "5f", 9, "O", 5, None, arc(359, 9), error="of no kind"), Code.CONTOUR_NAME_UNCLEAR),
        (ContourRecord("c", "5f", 0, "O", 5, ContourKind.ENDO, error="empty"), Code.CONTOUR_TOO_FEW_POINTS),
        (ContourRecord("c", "", 0, "O", 5, ContourKind.ENDO, error="permission denied"), Code.CONTOUR_UNREADABLE),
        (ContourRecord("c", "5f", 9, "O", 5, ContourKind.ENDO, error="no number"), Code.CONTOUR_UNREADABLE),
    ],
    ids=["two points", "no kind", "empty", "not read", "no number"],
)
def test_why_a_file_cannot_be_used(file: ContourRecord, code: Code) -> None:
    """An empty file has too few points; one that nobody could open may have enough."""
    (found,) = check_files([file, replace(file, error="")], "P")
    assert (found.code, found.patient_id, found.instance_number, found.path) == (code, "P", 5, "c")
    assert found.evidence["points"] == (0 if file.points is None else len(file.points))
    assert found.message.startswith(f"c cannot be used: {file.error}. ")
    assert found.message.endswith(("Export it again.", "Rename it, or move it to the folder of its kind."))
