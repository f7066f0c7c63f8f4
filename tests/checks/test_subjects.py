"""What a decision about a file or a patient looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from cmrpipe.catalog import Catalog
from cmrpipe.checks.subjects import Subjects
from cmrpipe.linking import LinkMap
from cmrpipe.model import ContourRecord, ImageRecord


class Book:
    """A catalog of two patients and one contour folder, with a file that has no number in its name."""

    def __init__(self, changed: str = "", backwards: bool = False) -> None:
        self._changed, self._backwards = changed, backwards

    def _ordered(self, paths: Sequence[str]) -> Sequence[tuple[str, str]]:
        files = [(path, "new" if path == self._changed else "old") for path in paths]
        return files[::-1] if self._backwards else files

    def patients(self) -> list[str]:
        return ["A", "B"]

    def original_ids(self) -> list[str]:
        return ["O", "nobodys"]

    def images(self, patient: str) -> list[ImageRecord]:
        """Numbers 1 and 2."""
        files = self._ordered([f"dicoms/{patient}/{number}.dcm" for number in (1, 2)])
        return [ImageRecord(path, sha, 1, patient, int(path[-5])) for path, sha in files]

    def contours(self, original: str) -> list[ContourRecord]:
        """Number 1, and two of none."""
        files = self._ordered([f"contourfiles/{original}/{name}.txt" for name in ("1", "x", "y")])
        return [ContourRecord(path, sha, 1, original, 1 if path.endswith("1.txt") else None) for path, sha in files]


NAMES = [
    "A",
    "B",
    *(f"dicoms/{patient}/{number}.dcm" for patient in "AB" for number in (1, 2)),
    *(f"contourfiles/{folder}/{name}.txt" for folder in ("O", "nobodys") for name in "1xy"),
]


def fingerprints(links: Mapping[str, tuple[str, ...]], changed: str = "", backwards: bool = False) -> dict[str, str]:
    """Of all that has one."""
    subjects = Subjects(cast(Catalog, Book(changed, backwards)), LinkMap(dict(links), (), (), ()))
    return {name: subjects.fingerprint(name) for name in NAMES}


def affected(links: Mapping[str, tuple[str, ...]], changed: str) -> set[str]:
    """Names whose fingerprint is another once a file has other bytes."""
    before, after = fingerprints(links), fingerprints(links, changed)
    return {name for name in NAMES if before[name] != after[name]}


def test_a_decision_looks_at_the_files_of_its_number() -> None:
    """Images and contours that are linked; a patient at all of its own; a file without number at itself."""
    links = {"A": ("O",)}
    together = {"A", "dicoms/A/1.dcm", "contourfiles/O/1.txt"}
    assert affected(links, "dicoms/A/1.dcm") == affected(links, "contourfiles/O/1.txt") == together
    assert affected(links, "dicoms/A/2.dcm") == {"A", "dicoms/A/2.dcm"}
    assert affected(links, "dicoms/B/1.dcm") == {"B", "dicoms/B/1.dcm"}
    for name in "xy":
        assert affected(links, f"contourfiles/O/{name}.txt") == {"A", f"contourfiles/O/{name}.txt"}
        assert affected(links, f"contourfiles/nobodys/{name}.txt") == {f"contourfiles/nobodys/{name}.txt"}


def test_contours_that_two_patients_have_are_looked_at_in_both() -> None:
    """Nobody knows in whose images they belong."""
    links = {"A": ("O",), "B": ("O",)}
    for patient in "AB":
        assert affected(links, f"dicoms/{patient}/1.dcm") >= {patient, "contourfiles/O/1.txt"}
    assert affected(links, "contourfiles/O/1.txt") >= {"A", "B", "contourfiles/O/1.txt"}


def test_the_order_of_files_does_not_count() -> None:
    """Nor does which was asked for first; every name has a fingerprint of 16 digits behind an x."""
    links = {"A": ("O",), "B": ("O",)}
    assert fingerprints(links) == fingerprints(links, backwards=True)
    assert all(len(mark) == 17 and mark[0] == "x" for mark in fingerprints(links).values())
