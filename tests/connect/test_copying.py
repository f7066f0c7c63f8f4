"""A copy is whole or fails, and it is told whose fault that is."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from cmrpipe.connect.copying import copy_file
from cmrpipe.errors import SourceError


def test_a_copy_is_whole_or_fails(tmp_path: Path) -> None:
    """A disk that takes only part of what is written is no success."""
    (tmp_path / "source").write_bytes(os.urandom(300_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            copy_file(tmp_path / "source", tmp_path / "copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    copy_file(tmp_path / "source", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "source").read_bytes()


@pytest.mark.parametrize("failing", ["stat", "open"])
def test_what_cannot_be_read_is_the_fault_of_the_source(
    tmp_path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and the cause are named; what cannot be written is another error."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    plain = getattr(Path, failing)

    def refused(self: Path, *arguments: object, **options: object) -> object:
        if self == source:
            raise PermissionError(13, "Permission denied", str(self))
        return plain(self, *arguments, **options)

    monkeypatch.setattr(Path, failing, refused)
    with pytest.raises(SourceError, match=r"source: cannot be read \(Permission denied\)"):
        copy_file(source, tmp_path / "copy")
    monkeypatch.undo()
    with pytest.raises(IsADirectoryError):
        copy_file(source, tmp_path)
