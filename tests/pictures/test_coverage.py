"""The slice x frame grid."""

from __future__ import annotations

import numpy as np

from cmrpipe.checks.missing import Missing, Why
from cmrpipe.codes import FindingCode, Severity
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ContourKind, ContourRecord, Finding, ImageRecord
from cmrpipe.pictures.coverage import cover, gravest

ENDO, EPI = ContourKind.ENDO, ContourKind.EPI


def image(number: int, slice_index: int | None, frame: int | None, error: str = "") -> ImageRecord:
    """An image of patient P."""
    return ImageRecord(f"dicoms/P/{number}.dcm", "", 0, "P", number, number, slice_index, frame, error=error)


def contour(number: int, kind: ContourKind) -> ContourRecord:
    """A contour of patient P."""
    points = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]])
    return ContourRecord(f"contourfiles/O/{kind}-{number}.txt", "", 0, "O", number, kind, points)


LABELS = PatientLabels(
    "P",
    (image(1, 0, 1), image(2, 0, 2), image(3, 1, 1), image(5, None, None), image(6, 1, 2, "broken")),
    (contour(2, ENDO), contour(2, EPI), contour(3, ENDO)),
    ("O",),
)


def test_each_place_says_what_is_there() -> None:
    """Images, contours, what is left out, what is missing and how grave the findings are, each in its place."""
    missing = [Missing("P", "image", 1, 2, 4, Why.HOLE), Missing("P", "epi", 1, 1, 3, Why.PROTOCOL)]
    findings = [
        Finding(FindingCode.CONTOUR_COPIED, severity, "P", 2, "", "") for severity in (Severity.WARNING, Severity.ERROR)
    ]
    grid = cover(LABELS, missing, findings, {"contourfiles/O/epi-2.txt"})
    assert grid.slices == (0, 1)
    assert grid.frames == (1, 2)
    assert grid.cells[0, 1].plain
    assert grid.cells[0, 2].drawn == {ENDO, EPI}
    assert grid.cells[0, 2].left_out == {EPI}
    assert grid.cells[0, 2].severity is Severity.ERROR
    assert grid.cells[1, 1].drawn == {ENDO}
    assert not grid.cells[1, 1].holes
    assert not grid.cells[1, 2].image
    assert grid.cells[1, 2].holes == {"image"}
    assert grid.cells[1, 2].number == 4
    assert grid.off_grid == 1
    assert "3 images, 2 endocardial contours, 1 epicardial contours" in grid.summary()


def test_an_image_or_a_patient_left_out_takes_its_contours_along() -> None:
    """Quarantine of the image or the patient reaches every contour drawn on it."""
    for name in ("dicoms/P/2.dcm", "P"):
        assert cover(LABELS, [], [], {name}).cells[0, 2].left_out == {ENDO, EPI}


def test_the_gravest_wins() -> None:
    """Error before warning before info, and nothing of nothing."""
    assert gravest([Severity.INFO, Severity.ERROR, Severity.WARNING]) is Severity.ERROR
    assert gravest([]) is None
