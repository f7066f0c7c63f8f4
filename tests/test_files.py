"""Atomic writes and hashes."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from cmrpipe.errors import DiskError, SourceError
from cmrpipe.files import atomic, canonical_json, disk_trouble, remove_leftovers, sha256_file, write_bytes


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    """A write that raises leaves the old bytes and no temporary file."""
    path = tmp_path / "a"
    write_bytes(path, b"old")

    def failing() -> None:
        with atomic(path) as temporary:
            temporary.write_bytes(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        failing()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    """And not the temporary file beside it; the work is not begun."""
    with pytest.raises(IsADirectoryError) as refused, atomic(tmp_path):
        pytest.fail("begun")
    assert refused.value.filename == str(tmp_path)


def test_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    """A write that ends well replaces the file."""
    write_bytes(tmp_path / "deep" / "a", b"1")
    write_bytes(tmp_path / "deep" / "a", b"2")
    assert [p.read_bytes() for p in (tmp_path / "deep").iterdir()] == [b"2"]


def test_leftovers_of_killed_writers_go(tmp_path: Path) -> None:
    """Temporary files of a killed writer are removed, others stay."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / ".tmp-17-a").write_bytes(b"half")
    (tmp_path / "x" / "a").write_bytes(b"whole")
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path / "x") == ["a"]


def test_hash_is_sha256(tmp_path: Path) -> None:
    """The hash of a file longer than one block is plain SHA-256."""
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_canonical_json_ignores_order_and_refuses_nan() -> None:
    """Equal values give equal bytes; NaN has no JSON."""
    assert canonical_json({"a": 1, "b": [1, 2]}) == canonical_json({"b": [1, 2], "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("983040 requested and 520192 written"),
        OSError("With tag (0062,0002) got exception: [Errno 122] Disk quota exceeded\nTraceback"),
        RuntimeError("Unable to close (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_known_in_whatever_words(tmp_path: Path, error: Exception) -> None:
    """The system's, NumPy's, pydicom's and HDF5's."""
    with pytest.raises(DiskError, match="the disk is full"), disk_trouble(tmp_path):
        raise error


def test_our_own_errors_keep_their_place(tmp_path: Path) -> None:
    """A source that cannot be read has its own words, whatever the system's are in them; another disk is another."""
    error = SourceError("/source/1.dcm", "cannot be read (No space left on device)", "See there")
    with pytest.raises(SourceError) as told, disk_trouble(tmp_path):
        raise error
    assert told.value is error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EFBIG, "File too large"),
        OSError("Error writing bytes to file. Detail: [errno 27] File too large"),
        RuntimeError("Unable to close (errno = 27, error message = 'File too large')"),
    ],
)
def test_a_limit_on_a_files_size_is_no_full_disk(tmp_path: Path, error: Exception) -> None:
    """The system's words, Arrow's and HDF5's."""
    with pytest.raises(DiskError, match="larger than is allowed here"), disk_trouble(tmp_path):
        raise error


def test_other_trouble_stays_what_it_is(tmp_path: Path) -> None:
    """A file that is not there, say."""
    with pytest.raises(FileNotFoundError), disk_trouble(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "no such file")
