"""What the ledger's lines alone tell of what stands, and whose it is."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.landing import Ledger
from cmrpipe.landing.ledger import CHANGED, NEW, RECORD, SAME, Entry, ledger_file, read_ledger

P, Q = "dicoms/P", "dicoms/Q"


def ledger(tmp_path: Path, *lines: tuple[str, str, str, str, str]) -> Ledger:
    """One with these lines: event, folder, source, old content, new content; the token is `t` and the new content."""
    book = Ledger(tmp_path / "raw")
    for event, folder, source, old, new in lines:
        book.add(Entry("2026-01-31", event, folder, source, f"t{new}", old, new))
    return book


def test_what_stands_is_whose_newest_version_it_is(tmp_path: Path) -> None:
    """Of several sources that have the same; what another one replaced is none of theirs any more."""
    book = ledger(tmp_path, (NEW, P, "a", "", "1"), (SAME, P, "b", "1", "1"), (NEW, Q, "a", "", "5"))
    for source, ours in (("a", True), ("b", True), ("c", False)):
        assert (book.brought(P, source), book.others(P, source)) == (ours, not ours)
        assert book.has(P, source, "t1") == ours
        assert not book.has(P, source, "t2")
        assert book.older(P, source) is None
    assert (book.landed_from("a"), book.landed_from("b")) == ([P, Q], [P])
    placed = book.placed(P)
    assert placed is not None
    assert placed.source == "a", "`same` puts nothing there"
    book = ledger(tmp_path, (CHANGED, P, "c", "1", "2"))
    assert [book.brought(P, source) for source in "abc"] == [False, False, True]
    assert [book.others(P, source) for source in "abc"] == [True, True, False]
    older = [book.older(P, source) for source in "abc"]
    assert [entry and entry.new for entry in older] == ["1", "1", None]
    assert book.landed_from("a") == [Q]
    assert not book.others("dicoms/R", "a")
    assert not book.brought("dicoms/R", "a")


def test_what_is_of_unknown_content_is_nobodys(tmp_path: Path) -> None:
    """A line without a digest says nothing of what stands."""
    book = ledger(tmp_path, (NEW, P, "a", "", "1"), (RECORD, P, "b", "1", ""))
    for source in "abc":
        assert not book.brought(P, source)
        assert not book.others(P, source)
        assert book.older(P, source) is None


def test_an_earlier_version_that_stands_again_is_of_those_who_had_it(tmp_path: Path) -> None:
    """Who brought it, and who replaced it, whose newer version may land again; else it is of the record."""
    book = ledger(
        tmp_path,
        (NEW, P, "a", "", "1"),
        (SAME, P, "b", "1", "1"),
        (CHANGED, P, "c", "1", "2"),
        (NEW, Q, "d", "", "1"),
    )
    for nothing in ("", "2"):
        book.take(P, nothing, "git")
    book.take("dicoms/R", "1", "git")
    assert len(book.entries) == 4
    book.take(P, "1", "git")
    taken = {entry.source: entry for entry in book.entries[4:]}
    assert {source: entry.token for source, entry in taken.items()} == {"a": "t1", "b": "t1", "c": ""}
    assert {(entry.event, entry.folder, entry.old, entry.new) for entry in taken.values()} == {(RECORD, P, "2", "1")}
    assert all(book.brought(P, source) for source in "abc")
    assert not book.has(P, "c", "t2")
    book.take(P, "9", "git")
    assert [(entry.source, entry.old, entry.new) for entry in book.entries[7:]] == [("git", "1", "9")]
    book.take(P, "1", "git")
    assert {entry.source for entry in book.entries[8:]} == {"a", "b", "c"}, "a record replaces nothing"


def test_lines_that_were_added_and_taken_out_are_those_that_are_read(tmp_path: Path) -> None:
    """Also behind one that a kill cut short, or that holds what is no text; each reader knows the same."""
    book = ledger(tmp_path, (NEW, P, "a", "", "1"), (NEW, Q, "b", "", "2"))
    path = ledger_file(tmp_path / "raw")
    path.write_bytes(path.read_bytes() + b"2026-01-31,new,dicoms/\xff")
    book = ledger(tmp_path, (CHANGED, P, "a", "1", "3"))
    assert book.entries == read_ledger(path)
    assert [entry.new for entry in book.entries] == ["1", "2", "3"]
    assert book.without(lambda entry: entry.folder == "dicoms/R") == 0
    assert path.read_bytes().count(b"\xff") == 1
    assert book.without(lambda entry: entry.folder == P) == 2
    assert [entry.folder for entry in read_ledger(path)] == [entry.folder for entry in book.entries] == [Q]
    assert book.last(P) is None
    assert book.landed_from("a") == []
