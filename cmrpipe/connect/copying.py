"""Copying files of a source so that what was read is known by its hash, and what was written is durable."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from cmrpipe.archives import each
from cmrpipe.connect.source import Hashes
from cmrpipe.errors import SourceError
from cmrpipe.files import sha256_bytes, sha256_file

_BLOCK = 1 << 20


def check_regular(path: Path) -> None:
    """Refuse what is no plain file: reading a pipe or a device could last for ever.

    Raises
    ------
    SourceError : it is none
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise SourceError(path, "is no plain file", "Remove it from the source")


def copy_file(source: Path, target: Path) -> str:
    """Copy a file with its modification time and make it durable; the SHA-256 of the bytes that were read.

    Raises
    ------
    SourceError : it is no plain file
    OSError : it cannot be read or written
    """
    check_regular(source)
    digest = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb", buffering=0) as read, target.open("wb", buffering=0) as write:
        while block := read.read(_BLOCK):
            digest.update(block)
            write.write(block)
        os.fsync(write.fileno())
        times = os.fstat(read.fileno())
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return digest.hexdigest()


def unchanged(pairs: Iterable[tuple[Path, str]]) -> bool:
    """Whether files, read again, still have their hashes."""
    try:
        return all(sha256_file(path) == digest for path, digest in pairs)
    except OSError:
        return False


def hash_tree(folder: Path) -> Hashes:
    """SHA-256 of every file below a folder, or in an archive.

    Raises
    ------
    ArchiveError : it is an archive, and damaged
    """
    if folder.is_file():
        return {name: sha256_bytes(data) for name, data in each(folder)}
    return {
        path.relative_to(folder).as_posix(): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
