"""Link tables and their resolution."""

import pytest

from cmrpipe.checks.links import check_resolution, check_tables
from cmrpipe.codes import FindingCode
from cmrpipe.errors import LinkError
from cmrpipe.linking import map_links
from cmrpipe.model import Link
from cmrpipe.readers.links import normalise_id, read_link_table

PLAIN = "patient_id,original_id\nP1,SC-1\nP2,SC-2\n"


def pairs(data: bytes) -> list[tuple[str, str]]:
    """The pairs of a table."""
    return [(link.patient_id, link.original_id) for link in read_link_table(data, "link.csv").links]


@pytest.mark.parametrize(
    ("data", "oddity"),
    [
        (PLAIN.encode(), None),
        (b"\xef\xbb\xbf" + PLAIN.encode(), "byte order mark"),
        (PLAIN.replace("\n", "\r\n").encode(), "CRLF line ends"),
        (PLAIN.replace(",", ";").encode(), "semicolons"),
        (PLAIN.replace(",", "\t").encode(), "tabs"),
        (PLAIN.encode("utf-16"), "UTF-16"),
        (PLAIN.replace("patient_id,", '"Patient_ID", ').encode(), None),
        ("\n" + PLAIN.replace("\nP2", "\n\nP2"), None),
    ],
)
def test_spreadsheet_habits_are_read_and_told(data: bytes | str, oddity: str | None) -> None:
    """Departures from plain CSV give the same pairs, and are listed."""
    raw = data if isinstance(data, bytes) else data.encode()
    assert pairs(raw) == [("P1", "SC-1"), ("P2", "SC-2")]
    assert read_link_table(raw, "link.csv").oddities == (() if oddity is None else (oddity,))


def test_bad_rows_are_kept_apart_with_their_line() -> None:
    """Rows without both ids, or with a path in one, are no links."""
    table = read_link_table(b"patient_id,original_id\nP1,\nP2,SC-2\n,SC-3\n../x,SC-4\n", "link.csv")
    assert [row.line for row in table.bad] == [2, 4, 5]
    assert [(link.patient_id, link.line) for link in table.links] == [("P2", 3)]


@pytest.mark.parametrize("row", ["#P1,SC-1", " # P1,SC-1", '"#P1",SC-1', "# done,", "#"])
def test_a_row_that_was_taken_out_is_no_link(row: str) -> None:
    """Somebody put a # before it: it is told, with what to do, and whom it is about stays known."""
    table = read_link_table(f"patient_id,original_id\n{row}\nP2,SC-2\n".encode(), "link.csv")
    assert [(link.patient_id, link.line) for link in table.links] == [("P2", 3)]
    (bad,) = table.bad
    assert bad.line == 2
    (told,) = check_tables([table], [])
    assert told.code is FindingCode.LINK_ROW_INVALID
    assert "starts with #, like a row that somebody took out; remove the row, or the #" in told.message
    assert bad.ids == ("P1", "SC-1") or "P1" not in row


@pytest.mark.parametrize("cell", ["#NAME?", "#N/A", "#REF!", "####"])
def test_what_a_spreadsheet_shows_for_an_id_is_not_taken_out(cell: str) -> None:
    """It is an id that was lost, and told as such."""
    table = read_link_table(f"patient_id,original_id\n{cell},SC-1\n".encode(), "link.csv")
    found = map_links(table.links, ["P1"], ["SC-1"])
    told = [*check_tables([table], []), *check_resolution(found, [], [])]
    assert not any("took out" in item.message for item in told)
    assert cell.startswith("##") or [item.code for item in told] == [FindingCode.LINK_ID_MANGLED]


def test_a_quotation_mark_that_is_not_closed_is_told() -> None:
    """The rows that it takes for one cell are no id, however many they are."""
    start = b'patient_id,original_id\nP1,SC-1\nP2,"SC-2\n'
    table = read_link_table(start + b"P3,SC-3\n", "link.csv")
    assert [(row.line, row.cause) for row in table.bad] == [(4, "a quotation mark is not closed")]
    assert [link.patient_id for link in table.links] == ["P1"]
    with pytest.raises(LinkError, match=r"link\.csv: is no table .* quotation mark"):
        read_link_table(start + b"P3,SC-3\n" * 20_000, "link.csv")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a,b\nP1,SC-1\n"])
def test_table_without_header_is_refused(data: bytes) -> None:
    """The message names the file and says what the first line must be."""
    with pytest.raises(LinkError, match=r"link\.csv.*patient_id,original_id"):
        read_link_table(data, "link.csv")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SC-HF-I-01", "SC-HF-I-1", True),
        ("SC-HF-I-01", "sc_hf_i_1", True),
        ("A-1-2", "A-12", False),
        ("SC-HF-I-1", "SC-HF-I-10", False),
        (f"SC-{'9' * 5000}", f"sc_{'9' * 5000}", True),
        (f"SC-{'9' * 5000}", f"SC-{'9' * 4999}8", False),
        ("SC-HF-I-1", "SC-HF-NI-1", False),
        ("Mu\u0308ller-1", "Müller-1", True),
        ("Muller-1", "Müller-1", False),
    ],
)
def test_normalisation(one: str, other: str, same: bool) -> None:
    """Case, separators and leading zeros do not matter, numbers and letters do."""
    assert (normalise_id(one) == normalise_id(other)) is same


def test_exact_names_win_and_ambiguous_ones_match_nothing() -> None:
    """An id equal to a folder is that folder; one that fits two after normalisation fits none."""
    links = [Link("P1", "SC-1", "l", 2), Link("P2", "SC-02", "l", 3), Link("P3", "sc-3", "l", 4)]
    found = map_links(links, ["P1", "P2", "P3"], ["SC-1", "SC-01", "SC-2", "SC-3", "SC-03"])
    assert found.originals == {"P1": ("SC-1",), "P2": ("SC-2",)}
    assert [(link.line, original) for link, _, original in found.normalised] == [(3, "SC-2")]
    assert [link.line for link in found.no_contours] == [4]
    assert found.no_patient == ()


def test_a_row_is_told_for_each_folder_that_is_not_there() -> None:
    """Patient, contours, or both; the other rows of the same patient hold, whose folders are sorted."""
    rows = [("P1", "SC-5"), ("P2", "SC-1"), ("P1", "SC-3"), ("P3", "SC-4"), *(("P1", f"SC-{n}") for n in (7, 1, 8, 6))]
    links = [Link(patient, original, "l", line) for line, (patient, original) in enumerate(rows, 2)]
    found = map_links(links, ["P1"], [f"SC-{n}" for n in (1, 5, 6, 7, 8)])
    assert found.originals == {"P1": ("SC-1", "SC-5", "SC-6", "SC-7", "SC-8")}
    assert [link.line for link in found.no_patient] == [3, 5]
    assert [link.line for link in found.no_contours] == [4, 5]


def test_a_folder_named_on_a_mac_is_the_tables() -> None:
    """Macs write ü as u with two dots after it: that is the same id, and nothing to be mended."""
    found = map_links([Link("Müller01", "SC-Ü", "l", 2)], ["Mu\u0308ller01"], ["SC-U\u0308"])
    assert found.originals == {"Mu\u0308ller01": ("SC-U\u0308",)}
    assert found.normalised == ()


def test_real_links_resolve(final_data) -> None:  # type: ignore[no-untyped-def]
    """All 5 real patients have exactly one contour folder."""
    table = read_link_table((final_data / "link.csv").read_bytes(), "link.csv")
    patients = [p.name for p in (final_data / "dicoms").iterdir()]
    originals = [p.name for p in (final_data / "contourfiles").iterdir()]
    found = map_links(table.links, patients, originals)
    assert {len(v) for v in found.originals.values()} == {1}
    assert len(found.originals) == 5
    assert (found.normalised, found.no_patient, found.no_contours) == ((), (), ())


def test_the_header_says_what_separates_and_blanks_are_no_part_of_an_id() -> None:
    """Whatever further columns hold; an id with a character that no name has is none."""
    table = read_link_table(
        b"patient_id;original_id;note\n P1 ;\tSC-1 ;x\nP2;SC-2;a,b,c,d,e\nP\x003;SC-3;\n", "link.csv"
    )
    assert [(link.patient_id, link.original_id) for link in table.links] == [("P1", "SC-1"), ("P2", "SC-2")]
    assert [row.line for row in table.bad] == [4]


def test_a_row_over_several_lines_is_told_by_its_last_and_begins_at_its_first() -> None:
    """Counted from 1, with what stands before the header."""
    table = read_link_table(b'\npatient_id,original_id,note\nP1,SC-1,"a\nb\nc"\nP2,SC-2,\n', "link.csv")
    assert [link.line for link in table.links] == [5, 6]
    assert table.begins == {5: 3}
