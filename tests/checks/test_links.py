"""Link rows against one another and against the folders."""

from __future__ import annotations

import pytest

from cmrpipe.checks.links import check_ambiguous, check_resolution, check_rows
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import LinkMap, map_links
from cmrpipe.model import Link

PATIENTS, ORIGINALS = ["P1", "P2", "P3", "P4", "P-05", "P6"], ["S1", "S2", "S3", "S4", "S5", "S6"]
ROWS = [("P1", "S1"), ("P2", "S1"), ("P3", "S3"), ("P3", "S2"), ("P4", "S9"), ("P9", "S4"), ("P-5", "S5"), ("P1", "S1")]
LINKS = [Link(patient, original, "link.csv", line) for line, (patient, original) in enumerate(ROWS, 2)]


def resolved() -> LinkMap:
    """The rows held against the folders."""
    return map_links(LINKS, PATIENTS, ORIGINALS)


def test_a_row_that_stands_twice_is_told_once() -> None:
    """With its lines; other rows of the same patient or contours are not repeats."""
    (found,) = check_rows(LINKS)
    assert (found.code, found.patient_id, found.path, found.evidence["rows"]) == (
        Code.LINK_DUPLICATE,
        "P1",
        "link.csv",
        2,
    )
    assert found.message == "P1 is linked to S1 2 times (link.csv line 2, link.csv line 9)."


def test_links_that_are_not_one_to_one_are_told_of_every_patient() -> None:
    """Contours of two patients of both, with the other's name; two folders of a patient once."""
    found = [(f.code, f.patient_id, f.path, f.evidence) for f in check_ambiguous(resolved())]
    assert [(code, patient, path) for code, patient, path, _ in found] == [
        (Code.LINK_AMBIGUOUS, "P3", "contourfiles/S2"),
        (Code.LINK_AMBIGUOUS, "P1", "contourfiles/S1"),
        (Code.LINK_AMBIGUOUS, "P2", "contourfiles/S1"),
    ]
    assert found[0][3]["originals"] == "S2, S3"
    assert [evidence["others"] for *_, evidence in found[1:]] == ["P2", "P1"]


def test_rows_and_folders_that_miss_each_other_are_told() -> None:
    """In both directions; contours of a patient who is not there are linked to none."""
    found = list(check_resolution(resolved(), PATIENTS, ORIGINALS))
    assert [(f.code, f.patient_id, f.path, f.evidence.get("line")) for f in found] == [
        (Code.LINK_NORMALISED, "P-05", "link.csv", 8),
        (Code.LINK_WITHOUT_PATIENT, "P9", "link.csv", 7),
        (Code.LINK_WITHOUT_CONTOURS, "P4", "link.csv", 6),
        (Code.PATIENT_WITHOUT_LINK, "P4", "dicoms/P4", None),
        (Code.PATIENT_WITHOUT_LINK, "P6", "dicoms/P6", None),
        (Code.CONTOURS_WITHOUT_LINK, "", "contourfiles/S4", None),
        (Code.CONTOURS_WITHOUT_LINK, "", "contourfiles/S6", None),
    ]
    assert "'P9' has no folder dicoms/P9" in found[1].message
    assert "'S9' has no folder contourfiles/S9" in found[2].message


@pytest.mark.parametrize(
    ("name", "mangled"),
    [
        ("1.23E+12", True),
        ("1,5e3", True),
        ("12.5", True),
        ("01-Feb", True),
        ("2-OCTOBER", True),
        ("Mar-07", True),
        ("3/4/2021", True),
        ("2021-03-04", True),
        ("2021-03/04", False),
        ("#REF!", True),
        ("SC-HF-I-1", False),
        ("0101", False),
        ("March-07", True),
        ("1-September-21", True),
        ("jun 4", True),
        ("Marta-1", False),
        ("SEPSIS-04", False),
        ("4-Decomp", False),
        ("E+12", False),
    ],
)
def test_what_a_spreadsheet_makes_of_an_id_is_told_as_such(name: str, mangled: bool) -> None:
    """A number, a date, an error: there is no use in looking for its folder; where that is there, nothing is told."""
    (found,) = check_resolution(map_links([Link(name, "S1", "l", 2)], [], ["S1"]), [], [])
    assert found.code is (Code.LINK_ID_MANGLED if mangled else Code.LINK_WITHOUT_PATIENT)
    assert list(check_resolution(map_links([Link(name, "S1", "l", 2)], [name], ["S1"]), [name], ["S1"])) == []
