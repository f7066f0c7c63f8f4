"""What was seen in folders may be lost or damaged: that costs a second reading."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from cmrpipe.readers.layouts import Entry, Listing
from cmrpipe.readers.sourcememory import INDEX, Seen, known_files, remember_files

UNIT = "dicoms/one"
LISTING = Listing("one", tuple(Entry(f"{UNIT}/{i}.dcm", 9, i, i) for i in range(5)), ())
HASHES = {entry.path: f"{i}" * 64 for i, entry in enumerate(LISTING.entries)}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A memory of one folder, as a whole and by its files."""
    remember_files(tmp_path, UNIT, LISTING, HASHES, "context")
    Seen(tmp_path).save({UNIT: ("mark", "content")})
    return tmp_path


def details(state: Path) -> Path:
    """The file about the folder's files."""
    (path,) = (state / "seen").iterdir()
    return path


def test_what_was_seen_is_known(state: Path) -> None:
    """Under the same context and with the same times only."""
    assert known_files(state, UNIT, LISTING, "context") == HASHES
    assert known_files(state, UNIT, LISTING, "another") == {}
    assert Seen(state).content(UNIT, "mark") == "content"
    assert Seen(state).content(UNIT, "another") == Seen(state).content("dicoms/two", "mark") == ""
    touched = Listing("one", (LISTING.entries[0]._replace(ctime_ns=8), *LISTING.entries[1:]), ())
    assert known_files(state, UNIT, touched, "context").keys() == HASHES.keys() - {LISTING.entries[0].path}


def test_bits_that_flip_stop_nothing(state: Path) -> None:
    """Wherever they do: a file is known, with its hash or a wrong one, or it is not."""
    rng = random.Random(7)
    for path in (details(state), state / INDEX):
        whole = path.read_bytes()
        for at in range(len(whole)):
            data = bytearray(whole)
            data[at] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
            assert known_files(state, UNIT, LISTING, "context").keys() <= HASHES.keys()
            Seen(state).content(UNIT, "mark")
        path.write_bytes(whole)


@pytest.mark.parametrize("value", [[], 7, None, {UNIT: 7}, {UNIT: None}, {UNIT: ["mark"]}, {"context": "context"}])
def test_a_memory_of_another_layout_is_none(state: Path, value: object) -> None:
    """It is begun anew, and then known again."""
    for path in (details(state), state / INDEX):
        path.write_text(json.dumps(value))
    assert known_files(state, UNIT, LISTING, "context") == {}
    seen = Seen(state)
    assert seen.content(UNIT, "mark") == ""
    seen.save({UNIT: ("mark", "content")})
    assert Seen(state).content(UNIT, "mark") == "content"
