"""Which of two files that contradict each other is left out."""

from __future__ import annotations

import pytest

from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding
from cmrpipe.params import ValidateParams

ENDO, EPI = "contourfiles/O/i-contours/endo.txt", "contourfiles/O/o-contours/epi.txt"
RIGHT, COPY, THIRD = (f"dicoms/P/{name}.dcm" for name in ("99", "99 (1)", "139"))
OUTSIDE = finding(Code.ENDO_OUTSIDE_EPI, "out.", patient_id="P", path=EPI, endo_path=ENDO)


def left_out(*findings: Finding) -> set[str]:
    """Names of the rows that the default rules give."""
    return {row.name for row in quarantine_rows(findings, ValidateParams().quarantine)}


def test_where_nothing_else_is_known_both_are_left_out() -> None:
    """An endocardium that is wrong must not stay because the epicardium is the one that the finding is filed under."""
    assert left_out(OUTSIDE) == {ENDO, EPI}


def test_what_something_else_speaks_against_is_left_out_alone() -> None:
    """A copied epicardium takes no endocardium with it, a misplaced endocardium no epicardium."""
    copied = finding(Code.CONTOUR_COPIED, "copied.", patient_id="P", path=EPI)
    misfit = finding(Code.CONTOUR_MISFIT, "misfit.", patient_id="P", path=ENDO)
    assert left_out(OUTSIDE, copied) == {EPI}
    assert left_out(OUTSIDE, misfit) == {ENDO}
    assert left_out(OUTSIDE, copied, misfit) == {ENDO, EPI}


def test_a_finding_that_leaves_nothing_out_tips_no_balance() -> None:
    """A wall is implausible by either contour."""
    wall = finding(Code.WALL_IMPLAUSIBLE, "thin.", patient_id="P", path=EPI)
    assert left_out(OUTSIDE, wall) == {ENDO, EPI}


def test_images_with_the_same_pixels_are_both_left_out() -> None:
    """Nobody can tell which of them was written over."""
    twins = finding(Code.IMAGE_DUPLICATE_PIXELS, "twins.", patient_id="P", path=THIRD, same_as=RIGHT)
    assert left_out(twins) == {RIGHT, THIRD}


def test_a_plain_copy_costs_the_copy_alone() -> None:
    """The same instance with the same pixels."""
    instance = finding(
        Code.IMAGE_DUPLICATE_INSTANCE, "again.", patient_id="P", path=COPY, same_as=RIGHT, pixels_differ=False
    )
    twins = finding(Code.IMAGE_DUPLICATE_PIXELS, "twins.", patient_id="P", path=COPY, same_as=RIGHT)
    assert left_out(instance, twins) == {COPY}


def test_a_copy_with_a_third_images_pixels_is_the_wrong_one() -> None:
    """It has the instance of one and the pixels of another: both others are innocent."""
    instance = finding(
        Code.IMAGE_DUPLICATE_INSTANCE, "other.", patient_id="P", path=COPY, same_as=RIGHT, pixels_differ=True
    )
    twins = finding(Code.IMAGE_DUPLICATE_PIXELS, "twins.", patient_id="P", path=THIRD, same_as=COPY)
    assert left_out(instance, twins) == {COPY}
    assert left_out(instance) == {COPY, RIGHT}


def test_what_is_in_doubt_leaves_out_the_files_that_it_names() -> None:
    """And not those that its findings are filed under; a code that leaves nothing out names none."""
    copied = finding(Code.CONTOUR_COPIED, "copied.", patient_id="P", path=ENDO)
    in_doubt = {Code.CONTOUR_COPIED: [EPI]}
    (row,) = quarantine_rows([copied], ValidateParams().quarantine, in_doubt)
    assert (row.what, row.name, row.why) == ("contour", EPI, Code.CONTOUR_COPIED)
    assert quarantine_rows([copied], (), in_doubt) == []
    assert {r.name for r in quarantine_rows([OUTSIDE], ValidateParams().quarantine, in_doubt)} == {ENDO, EPI}


@pytest.mark.parametrize("path", ["contourfiles/O", "dicoms/P", "link.csv"])
def test_what_is_about_no_file_takes_the_patient(path: str) -> None:
    """Where it has one."""
    for patient, rows in (("P", [("patient", "P")]), ("", [])):
        found = finding(Code.CONTOURS_OTHER_PHASE, "exchanged.", patient_id=patient, path=path)
        assert [(row.what, row.name) for row in quarantine_rows([found], ValidateParams().quarantine)] == rows
