"""Copies: which is the original, and what follows from a copy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType

import numpy as np
import pytest

from cmrpipe.checks.copies import Content, check_copies, contents, fold
from cmrpipe.checks.finding import finding
from cmrpipe.checks.moved import form
from cmrpipe.checks.neighbours import Jump
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.files import sha256_bytes
from cmrpipe.geometry import canonical_outline
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Contour, ContourKind, ContourRecord, Finding, ImageRecord, Phase, Points, Sample
from tests.checks.drawn import circle

LIMIT = 0.25


def row(content: str, patient: str, number: int, misplaced: float | None, kind: str = "epi") -> Content:
    """A contour file."""
    return Content(content, f"contourfiles/{patient}/{kind}-{number}.txt", patient, number, kind, misplaced)


def check(rows: list[Content], outlines: Mapping[str, Points] = MappingProxyType({})) -> list[Finding]:
    """What is said of contour files; points by path."""
    return list(check_copies(rows, LIMIT, outlines.__getitem__))


def drawn(patient: str, number: int, points: Points, misplaced: float | None = None, kind: str = "endo") -> Content:
    """A contour file with its outline."""
    outline = canonical_outline(points)
    named = row(sha256_bytes(outline.tobytes()), patient, number, misplaced, kind)
    return replace(named, form=form(outline))


def told(rows: list[Content]) -> list[tuple[str, object]]:
    """Paths of the findings, and the originals that they name."""
    return [(f.path, f.evidence["original"]) for f in check(rows)]


def test_different_contours_are_no_copies() -> None:
    """Nothing is told of contents that differ, of one file seen twice, or without hash."""
    rows = [row("a", "A", 1, 0.0), row("b", "B", 1, 0.9), row("", "C", 1, None), row("", "D", 1, None)]
    assert told([*rows, row("a", "A", 1, 0.0)]) == []


def test_the_one_that_lies_well_is_the_original() -> None:
    """Only the other is told, with the original's path and patient."""
    rows = [row("a", "B", 1, 0.8), row("a", "A", 1, 0.05)]
    assert told(rows) == [("contourfiles/B/epi-1.txt", "contourfiles/A/epi-1.txt")]
    (found,) = check(rows)
    assert (found.code, found.patient_id, found.evidence["other_patient"]) == (Code.CONTOUR_COPIED, "B", "A")
    assert "is a copy of contourfiles/A/epi-1.txt of A" in found.message


def test_a_copy_in_another_order_is_told_as_such() -> None:
    """A plain copy keeps its message; one whose points start elsewhere or run the other way says so."""
    original = replace(row("a", "A", 1, 0.05), written="w")
    plain, turned = (replace(row("a", "B", 1, 0.8), written=written) for written in ("w", "v"))
    (of_plain,), (of_turned,) = (check([original, copy]) for copy in (plain, turned))
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
    found = check(rows)
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


def lumpy(seed: int, radius: float = 14.0) -> Points:
    """An outline that no other seed has, to hundredths of a pixel."""
    points = circle(0, 0, radius)
    waves = sum(np.cos(k * np.arctan2(*points.T) + 9 * seed / k) / (2 + k) ** 2 for k in range(2, 7))
    return np.asarray(np.round(60 + points * (1 + waves[:, None]), 2))


def laid(contours: Sequence[tuple[str, int, Points, float | None]]) -> tuple[list[Content], dict[str, Points]]:
    """Contour files and their points by path."""
    rows = [drawn(*contour) for contour in contours]
    return rows, {row.path: contour[2] for row, contour in zip(rows, contours, strict=True)}


def test_a_moved_outline_is_a_copy() -> None:
    """Of the next slice, nudged, started elsewhere, the other way round: told with the way, which one by the fit."""
    points = lumpy(1)
    nudged = np.round(np.roll(points[::-1], 31, axis=0) + np.array([0.5, -1.234]), 2)
    contours = [
        ("A", 1, points, 0.05),
        ("A", 21, nudged, 0.9),
        ("A", 41, lumpy(2), 0.0),
        ("A", 61, lumpy(1, 13.9), 0.1),
    ]
    (found,) = check(*laid(contours))
    assert (found.path, found.evidence["original"]) == ("contourfiles/A/endo-21.txt", "contourfiles/A/endo-1.txt")
    assert (found.evidence["moved_x"], found.evidence["moved_y"], found.evidence["rewritten"]) == (0.5, -1.23, False)
    assert found.message == (
        "contourfiles/A/endo-21.txt holds the points of contourfiles/A/endo-1.txt, all moved by 0.5 pixels along x and "
        "-1.2 along y; the other fits its image."
    )


def test_one_person_with_cut_images_is_told_so() -> None:
    """All contours of one are those of another, moved; both fit, so both are told, and that they seem one person."""
    cut = [(who, n, lumpy(n) - off, 0.02) for n in range(5) for who, off in (("A", 0), ("B", 8))]
    found = check(*laid([*cut, ("C", 9, lumpy(9), 0.0)]))
    assert sorted((f.patient_id, f.instance_number) for f in found) == [(who, n) for who in "AB" for n in range(5)]
    assert all("it cannot be told which is the original. 5 contours of" in f.message for f in found)
    assert all("They seem to be one person under two ids" in f.message for f in found)
    assert {(f.patient_id, f.evidence["moved_x"]) for f in found} == {("A", 8.0), ("B", -8.0)}


def test_a_pair_is_told_once_and_two_contours_of_one_image_are_not() -> None:
    """An equal and a moved copy of one outline are one group; the same image's contours are another check's."""
    points = lumpy(3)
    contours = [("A", 1, points, 0.0), ("B", 1, points, 0.9), ("C", 1, points + 4, 0.9)]
    found = check(*laid([*contours, ("D", 7, lumpy(4), 0.0)]))
    assert [(f.patient_id, f.evidence["other_patient"], f.evidence["moved_x"]) for f in found] == [
        ("B", "A", 0.0),
        ("C", "A", 4.0),
    ]
    rows, outlines = laid([("A", 1, points, 0.0), ("A", 1, points + 0.5, 0.0)])
    rows[1] = replace(rows[1], path="contourfiles/A/other.txt", kind="epi")
    assert check(rows, {**outlines, rows[1].path: points + 0.5}) == []


def test_what_is_kept_of_contours() -> None:
    """Of each readable one its slice, its outline wherever it starts, and how badly it lies, where that can be told."""
    images = [ImageRecord(f"{n}.dcm", "", 1, "P", file_number=n, slice_index=n // 10, frame=1) for n in (21, 31)]
    endo, epi = circle(40, 30, 10), circle(43, 34, 20)
    drawn = [(21, ContourKind.ENDO, endo), (21, ContourKind.EPI, epi), (31, ContourKind.ENDO, endo[::-1])]
    drawn += [(41, ContourKind.ENDO, lumpy(1)), (31, ContourKind.EPI, epi)]
    files = [ContourRecord(f"{n}-{kind}.txt", "", 1, "O", n, kind, points, f"w{n}") for n, kind, points in drawn]
    unusable = (replace(files[0], error="empty"), replace(files[0], kind=None), replace(files[0], number=None))
    samples = [
        Sample(images[0], None, Contour(ContourKind.ENDO, endo), Contour(ContourKind.EPI, epi), Phase.ED),
        Sample(images[1], None, None, Contour(ContourKind.EPI, epi), Phase.ED),
    ]
    labels = PatientLabels("P", tuple(images), (*unusable, *files), ("O",))
    rows = contents(labels, samples, {21: 0.9, 31: 0.75}, {31: Jump(1 / math.e, 9.0, 0.5, (0.0, 0.0), 1.0)})
    assert [(row.path, row.kind, row.number, row.written) for row in rows] == [
        (file.path, kind.value, n, f"w{n}") for file, (n, kind, _) in zip(files, drawn, strict=True)
    ]
    assert [row.slice_index for row in rows] == [2, 2, 3, None, 3]
    assert rows[0].sha256 == rows[2].sha256 != rows[3].sha256
    centres_apart, radius = 5, 20
    assert [row.misplaced for row in rows] == [
        pytest.approx(0.1),
        pytest.approx(centres_apart / radius, abs=1e-3),
        pytest.approx(0.25 + 1 + 0.5),
        None,
        None,
    ]


def test_contents_survive_their_file() -> None:
    """What validation keeps of a contour comes back from JSON as it was."""
    kept = drawn("A", 1, lumpy(5), 0.25)
    assert kept.form.points == 120
    assert Content.from_json(json.loads(json.dumps(asdict(kept)))) == kept


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


def in_slice(index: int, *rows: Content) -> list[Content]:
    """Contours of images of a slice."""
    return [replace(one, slice_index=index) for one in rows]


def test_an_outline_carried_to_the_next_frame_is_told_once() -> None:
    """Of one slice, in its place or moved a little, where all fit: a warning; where one does not, that is the copy."""
    still = in_slice(3, *(row("a", "A", n, 0.1) for n in (7, 8, 9)))
    other = in_slice(4, drawn("A", 27, circle(30, 30, 9), 0.1), drawn("A", 28, circle(31, 30, 9), 0.2))
    points = {one.path: circle(30 + at, 30, 9) for at, one in enumerate(other)}
    (found,) = check([*still, *other], points)
    assert (found.code, found.severity, found.path) == (Code.CONTOUR_REPEATED, Severity.WARNING, "contourfiles/A")
    assert found.evidence["contours"] == 5
    (found,) = check(in_slice(3, row("a", "A", 7, 0.1), row("a", "A", 15, 0.7)))
    assert (found.code, found.path) == (Code.CONTOUR_COPIED, "contourfiles/A/epi-15.txt")
    for values in ((0.1, None), (0.7, 0.8)):
        rows = in_slice(3, *(row("a", "A", n, value) for n, value in zip((7, 8), values, strict=True)))
        assert {f.code for f in check(rows)} == {Code.CONTOUR_COPIED}
    (found,) = check(in_slice(3, row("a", "A", 7, 0.1), row("a", "A", 8, 0.1, kind="endo")))[:1]
    assert found.code is Code.CONTOUR_COPIED


def test_a_slice_with_several_of_an_outline_owns_it() -> None:
    """A copy in another slice, or another patient, is told alone; where that fits, too, all are."""
    still = in_slice(3, row("a", "A", 7, 0.1), row("a", "A", 8, 0.1))
    for copy in (in_slice(5, row("a", "A", 99, 0.7)), in_slice(3, row("a", "B", 99, 0.7))):
        assert [(f.code, f.instance_number) for f in check([*still, *copy])] == [(Code.CONTOUR_COPIED, 99)]
        fits = [replace(one, misplaced=0.1) for one in copy]
        assert [f.code for f in check([*still, *fits])] == [Code.CONTOUR_COPIED] * 3
    assert [f.code for f in check([row("a", "A", 7, 0.1), row("a", "A", 8, 0.1)])] == [Code.CONTOUR_COPIED] * 2
