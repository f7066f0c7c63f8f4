"""What is printed where there is more than a person reads."""

from __future__ import annotations

import pytest

from cmrpipe.checks.finding import finding
from cmrpipe.cli.console import tell_findings
from cmrpipe.codes import FindingCode as Code


def test_many_findings_of_one_code_hide_none_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    """A link table of a whole study and some patients of it: the one contour that does not fit is still printed."""
    found = [
        *(finding(Code.LINK_WITHOUT_PATIENT, f"line {line}.", path="link.csv") for line in range(400)),
        finding(Code.CONTOUR_MISFIT, "that one.", patient_id="Z"),
        *(finding(Code.IMAGE_MISSING, f"image {number}.", patient_id="Z") for number in range(3)),
    ]
    tell_findings(found, " in findings.csv")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("] ")[1] for line in lines[:-1]] == [
        *(f"line {line}." for line in range(16)),
        "that one.",
        *(f"image {number}." for number in range(3)),
    ]
    assert lines[-1] == "... and 384 more in findings.csv"
