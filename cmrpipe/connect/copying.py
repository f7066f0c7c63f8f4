"""Copying files of a source so that what was read is known by its hash, and what was written is durable."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmrpipe.connect.source import Hashes
from cmrpipe.errors import CmrpipeError, SourceError
from cmrpipe.files import sha256_bytes, sha256_file
from cmrpipe.readers.archives import each

_BLOCK = 1 << 20


def check_regular(path: Path) -> None:
    """Refuse what is no plain file: reading a pipe or a device could last for ever.

    Raises
    ------
    SourceError : it is none
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise SourceError(path, "is no plain file", "Remove it from the source")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's refusal to read a source into an error about that source: the disk we write to is not at fault.

    Raises
    ------
    SourceError : `path`, or what the system names, cannot be read
    """
    try:
        yield
    except CmrpipeError:
        raise
    except OSError as error:
        where = path if error.filename is None else os.fsdecode(error.filename)
        raise SourceError(
            where, f"cannot be read ({error.strerror or error})", "Check it, and its permissions, at the source"
        ) from error


def _blocks(path: Path) -> Iterator[bytes]:
    with reading(path):
        check_regular(path)
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                yield block


def copy_file(source: Path, target: Path) -> str:
    """Copy a file with its modification time and make it durable; the SHA-256 of the bytes that were read.

    Raises
    ------
    SourceError : it is no plain file, or cannot be read
    OSError : `target` cannot be written
    """
    digest = hashlib.sha256()
    with reading(source):
        times = source.stat()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as write:  # buffered: it writes on until all is written, or says that the disk is full
        for block in _blocks(source):
            digest.update(block)
            write.write(block)
        write.flush()
        os.fsync(write.fileno())
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
