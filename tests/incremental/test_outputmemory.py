"""What is remembered of files that were hashed."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cmrpipe.files import sha256_bytes, sha256_file
from cmrpipe.incremental import outputmemory
from tests.textunits import run


def test_a_file_changed_with_size_and_time_kept_is_found(tmp_path: Path) -> None:
    """Setting the modification time back does not hide a change."""
    run(tmp_path / "out", ["a:1"])
    path = tmp_path / "out" / "units" / "a"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text("a:9")
    os.utime(path, ns=times)
    assert run(tmp_path / "out", ["a:1"]).repaired == ("a",)


def test_kept_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not touched since it was written is not hashed at every run; lost or broken memory costs one hashing."""
    read: list[Path] = []

    def hashing(path: Path) -> str:
        read.append(path)
        return sha256_file(path)

    monkeypatch.setattr(outputmemory, "sha256_file", hashing)
    folder = tmp_path / "out"
    run(folder, ["a:1", "b:1"])
    run(folder, ["a:1", "b:1"])
    assert read == []
    (tmp_path / ".out-seen.sqlite").write_bytes(b"not a database, by far not")
    run(folder, ["a:1", "b:1"])
    assert len(read) == 2
    run(folder, ["a:1", "b:1"])
    assert len(read) == 2


def test_what_is_remembered_is_held_against_what_is_asked(tmp_path: Path) -> None:
    """A file that nobody touched has the bytes that were remembered, not those of another manifest."""
    (tmp_path / "a").write_text("a:1")
    right, wrong = (sha256_bytes(text) for text in (b"a:1", b"a:2"))
    memory = outputmemory.SeenFiles(tmp_path, tmp_path / ".seen.sqlite")
    memory.remember({"a": right})
    for same in (memory, outputmemory.SeenFiles(tmp_path, tmp_path / ".seen.sqlite")):
        assert (same.intact({"a": wrong}), same.intact({"a": right}), same.intact({"b": right})) == (False, True, False)


def test_files_that_are_gone_are_not_remembered(tmp_path: Path) -> None:
    """The memory has no name of a unit that left, nor of a run before; what comes back is known again."""
    for texts in (["a:1", "b:1"], ["a:1"], ["a:2", "b:3"], ["b:3"]):
        run(tmp_path / "out", texts)
        with closing(sqlite3.connect(tmp_path / ".out-seen.sqlite")) as connection:
            rows = dict(connection.execute("select name, sha256 from seen").fetchall())
        assert rows == {f"units/{text[0]}": sha256_bytes(text.encode()) for text in texts}


@pytest.mark.parametrize(
    "table",
    [
        "create table other (name)",
        "create table seen (name)",
        "create table seen as select 1 as name, 1 as stat",
        "create table seen as select 1 as name, 1 as stat, 1 as sha256, 1 as more",
        "create table seen (name, stat, sha256, more)",
    ],
)
def test_a_memory_of_another_layout_is_begun_anew(tmp_path: Path, table: str) -> None:
    """Of an earlier or a later version, with rows or without."""
    memory = tmp_path / ".out-seen.sqlite"
    run(tmp_path / "out", ["a:1", "b:1"])
    memory.unlink()
    with closing(sqlite3.connect(memory)) as connection, connection:
        connection.execute(table)
    assert run(tmp_path / "out", ["a:1", "b:1"]).unchanged == ("a", "b")
    assert run(tmp_path / "out", ["a:1", "c:1"]).gone == ("b",)


def test_a_damaged_memory_stops_nothing(tmp_path: Path) -> None:
    """Bytes set at random in the head and the page of rows: files are looked at, noted and forgotten all the same."""
    folder, memory, rng = tmp_path / "out", tmp_path / ".out-seen.sqlite", random.Random(5)
    folder.mkdir()
    files = {name: sha256_bytes(name.encode()) for name in map(str, range(20))}
    for name in files:
        (folder / name).write_text(name)
    outputmemory.SeenFiles(folder, memory).remember(files)
    whole = memory.read_bytes()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(110)] = rng.randrange(256)
        memory.write_bytes(data)
        known = outputmemory.SeenFiles(folder, memory)
        assert known.intact(files)
        known.remember({"1": files["1"]})
        known.forget(["2"])
