"""Hashes and atomic writes: the only way any stage puts a file in place."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from cmrpipe.errors import CmrpipeError, DiskError, SizeError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says where there is no room."""
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_TOO_LARGE = os.strerror(errno.EFBIG)
_FULL_WORDS = re.compile("|".join((*map(os.strerror, FULL), r"\d+ requested and \d+ written")))
"""What a full disk is called where the number is lost: by HDF5, by pydicom, which wraps errors, and by NumPy."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_BLOCK = 1 << 20
NO_FILE = (errno.EISDIR, errno.EINVAL, errno.ELOOP)
"""What the system says where a folder, a pipe, or a link that runs in a circle has a file's name."""
FILE_BYTES = 1 << 30
"""The largest file that is read as a whole."""


def read_whole(path: Path) -> bytes:
    """The bytes of a file that somebody else put there.

    Raises
    ------
    SizeError : it has more than memory should be spent on
    OSError : it cannot be read
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > FILE_BYTES:
            cause = f"has {size:,} bytes, more than any image or contour ({FILE_BYTES:,} are read at most)"
            raise SizeError(path, cause, "See what it is, and fetch it anew from its source")
        return stream.read()


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def open_file(path: Path | str) -> BinaryIO:
    """Open a file for unbuffered reading, without waiting for somebody to write, which a pipe would do.

    Raises
    ------
    OSError : it cannot be read; where a folder, a pipe or the like has its name, with a number of NO_FILE
    """
    stream = open(path, "rb", buffering=0, opener=_at_once)  # noqa: SIM115 who calls closes it
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return stream


def bytes_of(path: Path) -> bytes:
    """All bytes of a file; errors are those of `open_file`."""
    with open_file(path) as stream:
        return stream.read()


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with open_file(path) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys: equal values give equal bytes. NaN is refused."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be written as JSON, with the hash of all the rest as its own `sha256`: an altered bit shows."""
    rest = {key: part for key, part in value.items() if key != "sha256"}
    return {**rest, "sha256": sha256_bytes(canonical_json(rest))}


def as_text(name: str) -> str:
    """A file's name as text that can be written everywhere: bytes that are no UTF-8 as escapes."""
    return name.encode(errors="backslashreplace").decode()


def in_one_line(text: str) -> str:
    """Text for a screen: what would begin a line, move the cursor or turn the direction of reading as escapes."""
    return as_text(_UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text))


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, fsync it and rename it into place.

    When the block raises (a full disk, say) the temporary file is removed and the old `path` stays whole. When the
    process is killed, the old `path` stays whole and a `.tmp-` file may remain, which `remove_leftovers` clears.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically.

    Raises
    ------
    DiskError : the disk is full, or closed; the old file stays whole
    """
    with disk_trouble(path.parent), atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically, line ends as given."""
    write_bytes(path, text.encode())


def json_bytes(value: Any) -> bytes:
    """Readable UTF-8 JSON with sorted keys, as it stands in files. NaN is refused."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def write_json(path: Path, value: Any) -> None:
    """Write `json_bytes` atomically."""
    write_bytes(path, json_bytes(value))


@contextmanager
def disk_trouble(folder: Path) -> Iterator[None]:
    """Turn a full or closed disk below `folder`, whoever meets it, into an error that says so.

    Raises
    ------
    DiskError : no space is left, writing is not allowed, or not as much into one file
    """
    try:
        yield
    except CmrpipeError:  # it has said what it is about
        raise
    except (OSError, RuntimeError) as error:  # HDF5 tells of a disk that fills up while it closes by a RuntimeError
        code = getattr(error, "errno", None)
        if code in FULL or _FULL_WORDS.search(str(error)):
            raise DiskError(folder, "the disk is full", "Free some space and run again; nothing is lost") from error
        if _TOO_LARGE in str(error):
            mend = "Raise the limit (`ulimit -f`), or use another file system, and run again; nothing is lost"
            raise DiskError(folder, "a file would be larger than is allowed here", mend) from error
        if code in _CLOSED:
            raise DiskError(folder, f"cannot be written ({error})", "Check its permissions") from error
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed writer left below `folder`."""
    for leftover in folder.rglob(".tmp-*"):
        leftover.unlink(missing_ok=True)
