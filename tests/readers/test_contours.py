"""Contour files."""

from pathlib import Path

import numpy as np
import pytest

from cmrpipe.model import ContourKind
from cmrpipe.readers.contours import is_manual, is_papillary, read_contour

PATH = "contourfiles/X-1/i-contours/IM-0001-0048-icontour-manual.txt"


def test_origin_is_taken_off_and_end_point_dropped() -> None:
    """Points come in pixel-centre coordinates from 0, not closed."""
    record = read_contour(b"1.0 2.0\n3.5 2.0\n3.5 4.5\n1.0 2.0\n", PATH, 1.0)
    np.testing.assert_array_equal(record.points, [[0, 1], [2.5, 1], [2.5, 3.5]])
    assert (record.number, record.kind, record.original_id, record.error) == (48, ContourKind.ENDO, "X-1", "")


def test_content_hash_knows_a_copy() -> None:
    """The same points under another name, with other line ends and spaces, have the same content hash."""
    one = read_contour(b"1 2\n3 2\n3 4\n", PATH, 1.0)
    two = read_contour(b"1.00  2.0\r\n3.0\t2\r\n3.00 4.00\r\n\r\n", PATH.replace("0048", "0068"), 1.0)
    assert one.content_sha256 == two.content_sha256
    assert one.sha256 != two.sha256


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"1 2\n", "only 1 point; "),
        (b"", "only 0 points"),
        (b"1 2\n3 x\n4 5\n6 7\n", "line 2 is not two numbers: '3 x'"),
        (b"1 2\nnan 3\n4 5\n6 7\n", "line 2 is not finite"),
        (b"1 2 3\n" * 4, "line 1 is not two numbers"),
        (b"1 2\n3 10_5\n4 5\n6 7\n", "line 2 is not two numbers: '3 10_5'"),
        (b"1 2\n3 4\n1.7976931348623157e+308 5\n6 7\n", "line 3 is no place in an image"),
        (b"1 2\n3 -1e300\n4 5\n6 7\n", "line 2 is no place in an image"),
        (b"\xff\xfe\x00\x01", "is not text"),
        (b"1 2\n3 4\n5 7\n" * 4_000, "more than 10,000 points"),
        (b"1 2\n3 4\n5 7\n" + b" " * (1 << 24), "more than any contour"),
    ],
)
def test_bad_files_say_line_and_cause(data: bytes, cause: str) -> None:
    """A file that cannot be used is a record with an error, and no contour."""
    record = read_contour(data, PATH, 1.0)
    assert cause in record.error
    assert record.contour is None


@pytest.mark.parametrize(
    "name",
    [
        "contour48.txt",
        "IM-0001-0048-xcontour-manual.txt",
        "IM-0001-0048-ocontour-manual.txt",
        "IM-0001-99999999999999999999-icontour-manual.txt",
        f"IM-0001-{'0' * 5000}48-icontour-manual.txt",
    ],
)
def test_unclear_name_is_told(name: str) -> None:
    """A name that does not say image and kind, or contradicts its folder, gives no contour."""
    record = read_contour(b"1 2\n3 2\n3 4\n", f"contourfiles/X-1/i-contours/{name}", 1.0)
    assert record.error
    assert record.contour is None


@pytest.mark.parametrize(
    ("name", "manual"),
    [("manual.txt", True), ("MANUAL.TXT", True), ("manual2.txt", True), ("manual_2.txt", True)]
    + [(name, False) for name in ("auto.txt", "automanual.txt", "manually.txt")],
)
def test_the_name_says_who_drew(name: str, manual: bool) -> None:
    """A person, or a program; both are read."""
    path = PATH.replace("manual.txt", name)
    assert is_manual(path) is manual
    assert read_contour(b"1 2\n3 2\n3 4\n", path, 1.0).error == ""


@pytest.mark.parametrize("kind", ["p", "p1", "p2", "P1"])
@pytest.mark.parametrize("text", [b"1 2\n3 2\n3 4\n", b"none drawn", b""])
def test_a_papillary_muscle_is_no_contour_and_no_error(kind: str, text: bytes) -> None:
    """Nothing uses it, so nothing of it is read."""
    path = f"contourfiles/X-1/IM-0001-0048-{kind}contour-manual.txt"
    record = read_contour(text, path, 1.0)
    assert is_papillary(path)
    assert (record.number, record.kind, record.points, record.error) == (None, None, None, "")
    assert not is_papillary(path.replace(kind, "i"))


def test_all_real_contours_are_read(final_data: Path) -> None:
    """All 96 endocardial and 46 epicardial files of the real data are read without error."""
    kinds = []
    for path in sorted(final_data.glob("contourfiles/*/*/*.txt")):
        record = read_contour(path.read_bytes(), path.relative_to(final_data).as_posix(), 1.0)
        assert record.contour is not None, record.error
        kinds.append(record.kind)
    assert (kinds.count(ContourKind.ENDO), kinds.count(ContourKind.EPI)) == (96, 46)
