"""DVC's record of a folder, made again from what is left of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from cmrpipe.dvclist import list_bytes
from flows.integrity.trees import proven, rebuilt, remains


def md5(text: str) -> str:
    """Of a file with this text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


TRUE = {f"dicoms/P/{n}.dcm": md5(f"image {n}") for n in range(12)} | {'links/a "b" ü.csv': md5("links")}
DATA = list_bytes(TRUE)
OID = f"{hashlib.md5(DATA, usedforsecurity=False).hexdigest()}.dir"
OTHER = md5("other")


def damaged(at: str) -> bytes:
    """The record with one bit flipped somewhere in this text."""
    place = DATA.index(at.encode())
    return DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :]


def without(*names: str) -> dict[str, str]:
    """Files that are still here."""
    return {path: own for path, own in TRUE.items() if path not in names}


def test_a_record_is_proven_by_its_name() -> None:
    """Any other byte, or none, is no record."""
    tree = proven(OID, DATA)
    assert tree is not None
    assert (tree.oid, tree.data, tree.entries) == (OID, DATA, TRUE)
    assert proven(OID, damaged("dicoms")) is None
    assert proven(OID, None) is None


def test_what_remains_is_what_can_be_read() -> None:
    """One entry is lost to a flipped bit at most, or has another name or hash; bytes that are no text lose no other."""
    assert remains(DATA) == TRUE
    for place in range(0, len(DATA), 7):
        left = remains(DATA[:place] + bytes([DATA[place] ^ 0x81]) + DATA[place + 1 :])
        assert len(left.items() & TRUE.items()) >= len(TRUE) - 1
        assert len(left) <= len(TRUE)
    assert remains(b"") == {}


@pytest.mark.parametrize(
    ("here", "left"),
    [
        (TRUE, b""),
        ({}, DATA),
        (TRUE, damaged(md5("image 3"))),
        (TRUE, damaged("dicoms/P/5")),
        (without("dicoms/P/1.dcm", "dicoms/P/2.dcm"), damaged("dicoms/P/5")),
        (TRUE | {"dicoms/P/3.dcm": OTHER}, damaged(md5("image 7"))),
        (TRUE | {"dicoms/P/3.dcm": OTHER, "dicoms/P/4.dcm": OTHER}, damaged("dicoms/P/5")),
        (TRUE | {"dicoms/P/new.dcm": OTHER}, damaged(md5("image 3"))),
        (TRUE | {"dicoms/P/new.dcm": OTHER}, b""),
    ],
    ids=["here", "there", "hash", "name", "lost", "altered", "two altered", "new", "new, nothing left"],
)
def test_a_damaged_record_is_made_again(here: Mapping[str, str], left: bytes) -> None:
    """Of what is left of it and what the workspace has: lost, altered and new files are told from each other."""
    tree = rebuilt(OID, here, [left])
    assert tree is not None
    assert tree.data == DATA


def test_what_a_file_had_elsewhere_helps() -> None:
    """Where the entry is lost and the file is altered, a hash that somebody else knows."""
    name, left = "dicoms/P/3.dcm", damaged(md5("image 3"))
    here = TRUE | {name: OTHER}
    assert rebuilt(OID, here, [left]) is None
    assert rebuilt(OID, without(name), [left]) is None
    for known in (here, without(name)):
        tree = rebuilt(OID, known, [left], {name: [md5("else"), md5("image 3")]})
        assert tree is not None
        assert tree.entries == TRUE


def test_a_file_of_which_nothing_is_left_here_is_known_elsewhere() -> None:
    """Neither in the workspace nor, its name being damaged, in the record."""
    name = "dicoms/P/3.dcm"
    assert name not in remains(damaged(name))
    tree = rebuilt(OID, without(name), [damaged(name)], {name: [md5("image 3")]})
    assert tree is not None
    assert tree.entries == TRUE


def test_any_of_several_damaged_copies_will_do() -> None:
    """The one that is less damaged; and none is needed where all files are here."""
    assert rebuilt(OID, TRUE, []) == proven(OID, DATA)
    tree = rebuilt(OID, {}, [b"", damaged("dicoms/P/5"), DATA])
    assert tree is not None
    assert rebuilt(OID, {}, [damaged("dicoms/P/5")]) is None
