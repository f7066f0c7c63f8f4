"""Copies: which is the original, and what follows from a copy."""

from __future__ import annotations

from dataclasses import replace

from cmrpipe.checks.copies import Content, check_copies, fold
from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code

LIMIT = 0.25


def row(content: str, patient: str, number: int, misplaced: float | None, kind: str = "epi") -> Content:
    """A contour file."""
    return Content(content, f"contourfiles/{patient}/{kind}-{number}.txt", patient, number, kind, misplaced)


def told(rows: list[Content]) -> list[tuple[str, object]]:
    """Paths of the findings, and the originals that they name."""
    return [(f.path, f.evidence["original"]) for f in check_copies(rows, LIMIT)]


def test_different_contours_are_no_copies() -> None:
    """Nothing is told of contents that differ, of one file seen twice, or without hash."""
    rows = [row("a", "A", 1, 0.0), row("b", "B", 1, 0.9), row("", "C", 1, None), row("", "D", 1, None)]
    assert told([*rows, row("a", "A", 1, 0.0)]) == []


def test_the_one_that_lies_well_is_the_original() -> None:
    """Only the other is told, with the original's path and patient."""
    rows = [row("a", "B", 1, 0.8), row("a", "A", 1, 0.05)]
    assert told(rows) == [("contourfiles/B/epi-1.txt", "contourfiles/A/epi-1.txt")]
    (found,) = check_copies(rows, LIMIT)
    assert (found.code, found.patient_id, found.evidence["other_patient"]) == (Code.CONTOUR_COPIED, "B", "A")
    assert "is a copy of contourfiles/A/epi-1.txt of A" in found.message


def test_a_copy_in_another_order_is_told_as_such() -> None:
    """A plain copy keeps its message; one whose points start elsewhere or run the other way says so."""
    original = replace(row("a", "A", 1, 0.05), written="w")
    plain, turned = (replace(row("a", "B", 1, 0.8), written=written) for written in ("w", "v"))
    (of_plain,), (of_turned,) = (list(check_copies([original, copy], LIMIT)) for copy in (plain, turned))
    assert of_plain.message == (
        "contourfiles/B/epi-1.txt is a copy of contourfiles/A/epi-1.txt of A, in whose image it fits."
    )
    assert (
        of_turned.message == f"{of_plain.message} The points start elsewhere or run the other way; the outline is one."
    )
    assert (of_plain.evidence["rewritten"], of_turned.evidence["rewritten"]) == (False, True)


def test_where_it_cannot_be_told_all_are() -> None:
    """Both lie well, both lie badly, or nobody knows: every file is told, without an original."""
    for values in ((0.05, 0.1), (0.8, 0.9), (None, None), (0.2, 0.3)):
        rows = [row("a", patient, 1, value) for patient, value in zip("AB", values, strict=True)]
        assert told(rows) == [("contourfiles/A/epi-1.txt", None), ("contourfiles/B/epi-1.txt", None)]


def test_files_between_the_same_patients_are_decided_together() -> None:
    """One slice that fits by chance does not outweigh the others; the message counts them."""
    rows = [row(f"h{n}", "A", n, 0.05) for n in range(5)] + [row(f"h{n}", "B", n, 0.9) for n in range(4)]
    rows.append(row("h4", "B", 4, 0.0))
    found = list(check_copies(rows, LIMIT))
    assert {f.patient_id for f in found} == {"B"}
    assert len(found) == 5
    assert all("5 contours of B are copies of A's" in f.message for f in found)


def test_a_copy_within_a_patient_is_decided_by_file() -> None:
    """The slice in which it lies well keeps it."""
    rows = [row("a", "A", 1, 0.9, "endo"), row("a", "A", 21, 0.02, "endo"), row("a", "A", 41, 0.6, "endo")]
    assert told(rows) == [
        ("contourfiles/A/endo-1.txt", "contourfiles/A/endo-21.txt"),
        ("contourfiles/A/endo-41.txt", "contourfiles/A/endo-21.txt"),
    ]


def test_what_follows_from_a_copy_is_told_with_it() -> None:
    """Findings of the copied file, or of the pair it is in, become its evidence; others stay."""
    copy = finding(Code.CONTOUR_COPIED, "copied.", path="c/epi.txt")
    outside = finding(Code.ENDO_OUTSIDE_EPI, "out.", path="c/epi.txt", outside_px=9.5, endo_path="c/endo.txt")
    elsewhere = finding(Code.ENDO_OUTSIDE_EPI, "out.", path="c/other.txt", outside_px=2.0, endo_path="c/endo2.txt")
    kept = fold([outside, elsewhere, copy])
    assert [f.path for f in kept] == ["c/other.txt", "c/epi.txt"]
    assert kept[1].evidence["endo-outside-epi: outside_px"] == 9.5
    assert "leaves it by 9.5 pixels" in kept[1].message
    pair = finding(Code.CONTOUR_COPIED, "copied.", path="c/endo.txt")
    assert [f.code for f in fold([outside, pair])] == [Code.CONTOUR_COPIED]
