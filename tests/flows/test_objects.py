"""Remotes behind the integrity commands: what is told of one object, and what of the remote as a whole."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cmrpipe.store.verify import Digest
from flows.integrity.objects import Cache, Remote, RemoteError

DATA = bytes(range(256)) * 16
OID = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


class _Broken(io.BytesIO):
    """Gives out some bytes, then fails, as a transfer that is shorter than its announced size does."""

    def read(self, _size: int | None = -1, /) -> bytes:
        found = super().read(100)
        if self.tell() > 100 or not found:
            raise OSError("the payload is not completed")
        return found


@dataclass
class _Files:
    """A file system of one object, each of whose answers can be an error.

    Attributes
    ----------
    data : what the object holds; None: it is not there
    open_error, info_error : raised by these calls
    breaks : whether a reader fails half-way
    """

    data: bytes | None = DATA
    open_error: Exception | None = None
    info_error: Exception | None = None
    breaks: bool = False
    protocol: str = "fake"
    fs_args: dict[str, object] = field(default_factory=dict)

    def open(self, path: str, mode: str) -> io.BytesIO:
        if self.open_error is not None:
            raise self.open_error
        if self.data is None:
            raise FileNotFoundError(path)
        assert mode == "rb"
        return _Broken(self.data) if self.breaks else io.BytesIO(self.data)

    def info(self, path: str) -> dict[str, object]:
        if self.info_error is not None:
            raise self.info_error
        if self.data is None:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.data)}


@dataclass
class _Database:
    fs: _Files

    def oid_to_path(self, oid: str) -> str:
        return f"files/md5/{oid[:2]}/{oid[2:]}"


def remote(files: _Files) -> Remote:
    """A remote over that file system."""
    return Remote("backup", _Database(files))


BAD = {
    "refused": _Files(open_error=PermissionError("403 Forbidden")),
    "breaks off": _Files(breaks=True),
    "service error": _Files(open_error=OSError("500 Internal Server Error")),
}
DEAD = {
    "from the start": _Files(open_error=ConnectionError("refused"), info_error=ConnectionError("refused")),
    "while reading": _Files(breaks=True, info_error=TimeoutError("no answer")),
}


def test_an_object_is_judged_by_its_bytes() -> None:
    """Whole, altered and missing objects are told apart by what is read, and only a whole one is fetched."""
    assert remote(_Files()).digest(OID) == Digest(OID, "", len(DATA))
    assert remote(_Files(data=DATA[:7])).digest(OID) == Digest(hashlib.md5(DATA[:7]).hexdigest(), "", 7)  # noqa: S324
    assert remote(_Files(data=None)).digest(OID) is None
    assert remote(_Files(data=None)).read(OID) is None


@pytest.mark.parametrize("kind", BAD)
def test_an_object_that_cannot_be_read_is_bad_while_the_remote_answers(kind: str, tmp_path: Path) -> None:
    """It is there without a hash; it is not missing, not fetched, and no reason to give up on the others."""
    found, cache = remote(BAD[kind]), Cache(tmp_path / "cache")
    assert found.digest(OID) == Digest("", "", 0)
    assert found.read(OID) == b""
    assert not found.fetch(OID, cache)
    assert cache.all() == []


@pytest.mark.parametrize("kind", DEAD)
def test_a_remote_that_does_not_answer_is_dead_whatever_was_asked(kind: str, tmp_path: Path) -> None:
    """Its objects are neither missing nor bad: nobody knows. The error names the remote and what to look at."""
    cache = Cache(tmp_path / "cache")
    asked: list[Callable[[Remote], object]] = [
        lambda found: found.digest(OID),
        lambda found: found.read(OID),
        lambda found: found.fetch(OID, cache),
    ]
    for ask in asked:
        with pytest.raises(RemoteError, match=r"remote backup.*dvc remote list"):
            ask(remote(DEAD[kind]))
    assert cache.all() == []


def test_an_object_that_vanishes_while_it_is_read_is_missing() -> None:
    """The reader fails, and the remote then says that there is no such object."""
    assert remote(_Files(breaks=True, info_error=FileNotFoundError(OID))).digest(OID) is None


def test_only_whole_bytes_reach_the_cache(tmp_path: Path) -> None:
    """What the remote gives is hashed before it takes its place among the cache's objects."""
    cache = Cache(tmp_path / "cache")
    assert not remote(_Files(data=DATA[::-1])).fetch(OID, cache)
    assert cache.all() == []
    assert remote(_Files()).fetch(OID, cache)
    assert cache.path(OID).read_bytes() == DATA
