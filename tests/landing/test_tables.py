"""Link tables on their way into the raw folder."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from cmrpipe.landing import land
from cmrpipe.landing.tables import rows_of, without_rows
from cmrpipe.progress import silent


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("name", ["Åse", "Zoë…", "P1"])
def test_only_the_row_that_is_dropped_goes(encoding: str, name: str) -> None:
    """Letters whose bytes look like line ends in another encoding do not move the count of lines."""
    data = f"patient_id,original_id\n{name},SC-1\nP2,SC-2\nP3,SC-3\n".encode(encoding)
    assert rows_of(without_rows(data, lambda patient, _: patient == "P2")) == {(name, "SC-1"), ("P3", "SC-3")}
    assert without_rows(data, lambda *_: False) == data


@pytest.mark.parametrize("note", ['"moved,\nlater"', '"a\nb\nc\n"', "short", '"commas, and ""quotes"""'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("gone", ["P1", "P2", "P3", "P4"])
def test_a_row_goes_with_all_its_lines(note: str, end: str, gone: str) -> None:
    """A cell that nobody reads may run over several: none of it stays, least the id, and the rows around it do."""
    rows = [
        "patient_id,original_id,note",
        f"P1,SC-1,{note}",
        "",
        f"P2,SC-2,{note}",
        f"#P3,SC-3,{note}",
        f"P4,SC-4,{note}",
    ]
    data = end.join([*rows, ""]).replace("\n", end).replace("\r\r\n", "\r\n").encode()
    left = without_rows(data, lambda patient, _: patient == gone)
    assert gone.encode() not in left
    assert rows_of(left) == rows_of(data) - {(gone, gone.replace("P", "SC-"))}
    assert len(left.splitlines()) == len(data.splitlines()) - 1 - note.count("\n")


@pytest.mark.parametrize("row", ["P1,", "P1", ",SC-1", '"P1", ,moved', "#P1,", "P1,SC/1"])
def test_a_row_that_is_no_pair_goes_by_the_id_that_it_has(row: str) -> None:
    """It links nobody, and names them all the same; a row of neither id stays."""
    data = f"patient_id,original_id,note\n{row}\n,,a note\nP2,SC-2\n".encode()
    left = without_rows(data, lambda patient, original: patient == "P1" or original == "SC-1")
    assert left == b"patient_id,original_id,note\n,,a note\nP2,SC-2\n"


def test_letters_of_two_bytes_of_which_one_is_a_line_end_move_no_row() -> None:
    """In UTF-16: U+010A, U+0D0A."""
    data = "patient_id,original_id\n\u010a1,SC-1\nP2,SC-2\n\u0d0a3,SC-3\n".encode("utf-16")
    left = without_rows(data, lambda patient, _: patient == "P2")
    assert rows_of(left) == {("\u010a1", "SC-1"), ("\u0d0a3", "SC-3")}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a,b\n1,2\n", b"\x81\x8d"])
def test_what_is_no_table_has_no_rows_and_stays(data: bytes) -> None:
    """Empty, of other columns, no text."""
    assert rows_of(data) == frozenset()
    assert without_rows(data, lambda *_: True) == data


def test_a_link_table_that_is_still_written_waits_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched; what is added within the settling time comes with the next landing."""
    raw, rows = tmp_path / "data" / "raw", "patient_id,original_id\nA,C1\n"
    (tiny / "link.csv").write_text(rows)
    assert land(tiny, raw, listen=silent).table == "new"
    (tiny / "link.csv").write_text(f"{rows}B,")
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        (tiny / "link.csv").write_text(f"{rows}B,C2\n")

    monkeypatch.setattr(time, "sleep", sleep)
    landed = land(tiny, raw, settle_s=3600.0, listen=silent)
    assert (landed.table, landed.unsettled, landed.whole) == ("unsettled", ("link.csv",), False)
    assert len(waited) == 1
    assert (raw / "links" / "tiny.csv").read_text() == rows
    assert land(tiny, raw, listen=silent).table == "changed"
    assert land(tiny, raw, settle_s=3600.0, listen=silent).table == ""
    assert len(waited) == 1


def test_only_the_source_that_had_a_link_table_can_withdraw_it(tiny: Path, tmp_path: Path) -> None:
    """Another source of that name that has none says nothing of it; the table stays, whoever withdraws it."""
    raw = tmp_path / "data" / "raw"
    shutil.copytree(tiny, tmp_path / "other" / "tiny")
    (tiny / "link.csv").write_text("patient_id,original_id\nA,C1\n")
    assert land(tiny, raw, listen=silent).table == "new"
    assert land(tmp_path / "other" / "tiny", raw, listen=silent).table == ""
    (tiny / "link.csv").unlink()
    assert land(tiny, raw, listen=silent).table == "withdrawn"
    assert rows_of((raw / "links" / "tiny.csv").read_bytes()) == {("A", "C1")}
