"""Zip archives in place of folders: one file a patient, inside which every image keeps its name and its bytes.

Members are stored or deflated; each has a CRC-32, which is checked whenever it is read. What an archive could do to a
reader that believes it (names that lead out of it, encryption, links, bombs, the same name twice) is refused as damage.
`pack` writes the same bytes for the same files, whenever and wherever that is done.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cmrpipe.errors import ArchiveError
from cmrpipe.files import FILE_BYTES

SUFFIX = ".zip"
MEMBER_BYTES = FILE_BYTES
"""The largest file that an archive may hold."""
RATIO = 100
"""How many times its own size an archive may unpack to; images compress to a half or a third."""

_MEND = "Fetch it anew from its source, or `cmrpipe rebuild`"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_LOCAL = struct.Struct("<4s5H3L2H")
_END = b"PK\x05\x06"
_UTF8, _ENCRYPTED = 0x800, 0x41


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its size, and where and how its bytes are kept."""

    name: str
    size: int
    crc32: int
    offset: int
    packed: int
    deflated: bool
    raw_name: bytes


def members(archive: Path) -> Mapping[str, Member]:
    """The files of an archive by name, sorted.

    Raises
    ------
    ArchiveError : it is damaged, or nothing that may be read
    """
    state = archive.stat()
    return _members(archive, (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino))


@lru_cache(maxsize=8)
def _members(archive: Path, state: tuple[int, int, int, int]) -> Mapping[str, Member]:
    """The directory of an archive in one state; kept, since its files are read one after the other."""
    size = state[0]
    try:
        with zipfile.ZipFile(archive) as opened:
            infos, end = opened.infolist(), opened.start_dir
    except (zipfile.BadZipFile, NotImplementedError, OverflowError, ValueError, struct.error, EOFError) as error:
        raise ArchiveError(archive, f"is no whole zip archive ({error})", _MEND) from error
    if _counted(archive) not in (len(infos), 0xFFFF):
        raise ArchiveError(archive, "is damaged: its directory does not have as many entries as it says", _MEND)
    found: dict[str, Member] = {}
    for info in infos:
        if _checked_name(archive, info):
            if info.filename in found:
                raise ArchiveError(archive, f"has two files of the name {info.filename!r}", _MEND)
            found[info.filename] = _member(archive, info)
    _check_sizes(archive, list(found.values()), size, end)
    return dict(sorted(found.items()))


def _counted(archive: Path) -> int:
    """How many entries the end of the archive tells of."""
    with archive.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - (22 + 0xFFFF)))
        tail = stream.read()
    return int.from_bytes(tail[tail.rfind(_END) + 10 :][:2], "little")


def _is_odd(name: str) -> bool:
    """Whether a name leads out of a folder, or is none."""
    return "\\" in name or not name.isprintable() or any(part in ("", ".", "..") for part in name.split("/"))


def _checked_name(archive: Path, info: zipfile.ZipInfo) -> bool:
    """Whether an entry is a file; folders have no content of their own."""
    if info.filename != info.orig_filename or _is_odd(info.filename.removesuffix("/")):
        raise ArchiveError(archive, f"has a name that leads out of it or is none: {info.orig_filename!r}", _MEND)
    return not info.is_dir()


def _member(archive: Path, info: zipfile.ZipInfo) -> Member:
    why = ""
    if info.flag_bits & _ENCRYPTED:
        why = "is encrypted"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        why = f"is compressed by method {info.compress_type}, not stored or deflated"
    elif stat.S_ISLNK(info.external_attr >> 16):
        why = "is a link"
    elif info.file_size > MEMBER_BYTES:
        why = f"has {info.file_size:,} bytes, more than {MEMBER_BYTES:,}"
    elif info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        why = "is stored with another size than its own"
    if why:
        raise ArchiveError(archive, f"its file {info.filename!r} {why}", "Pack it anew, stored or deflated")
    raw_name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")
    deflated = info.compress_type == zipfile.ZIP_DEFLATED
    return Member(info.filename, info.file_size, info.CRC, info.header_offset, info.compress_size, deflated, raw_name)


def _check_sizes(archive: Path, found: list[Member], size: int, end: int) -> None:
    """Refuse files that lie over each other or beyond the directory, and bombs."""
    found = sorted(found, key=lambda member: member.offset)
    offsets = [*(member.offset for member in found), end]
    for member, limit in zip(found, offsets[1:], strict=True):
        if member.offset < 0 or member.offset + _LOCAL.size + len(member.raw_name) + member.packed > limit:
            raise ArchiveError(archive, f"is damaged: {member.name!r} does not fit where it is said to lie", _MEND)
    total = sum(member.size for member in found)
    if total > RATIO * size:
        raise ArchiveError(archive, f"of {size:,} bytes would unpack to {total:,}", "Look at where it comes from")


def read_member(archive: Path, name: str) -> bytes:
    """The bytes of one file, held against its CRC-32.

    Raises
    ------
    ArchiveError : the archive or this file of it is damaged
    FileNotFoundError : there is no such file in it
    """
    member = members(archive).get(name)
    if member is None:
        raise FileNotFoundError(errno.ENOENT, "No such file in the archive", f"{archive}/{name}")
    with archive.open("rb") as stream:
        stream.seek(member.offset)
        head = stream.read(_LOCAL.size)
        mark, *_, named, extra = _LOCAL.unpack(head) if len(head) == _LOCAL.size else (b"", 0, 0)
        raw_name = stream.read(named)
        stream.seek(extra, os.SEEK_CUR)
        data = stream.read(member.packed)
    if member.deflated:
        data = _inflated(data, member.size)
    whole = mark == b"PK\x03\x04" and raw_name == member.raw_name and len(data) == member.size
    if not whole or zlib.crc32(data) != member.crc32:
        raise ArchiveError(archive, f"is damaged: its file {name!r} is not what it was when it was packed", _MEND)
    return data


def _inflated(data: bytes, size: int) -> bytes:
    """Unpacked bytes, one more than `size` at most; nothing where they cannot be."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
    except zlib.error:
        return b""


def pack(folder: Path, archive: Path) -> None:
    """Write all files below a folder into a new archive, sorted and not compressed, and make it durable.

    Raises
    ------
    ArchiveError : a file has a name or a size that an archive cannot have
    """
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(archive, "x") as out:
        for name, path in files:
            info = zipfile.ZipInfo(name, _FIRST_DAY)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16  # as on Unix, wherever it is done
            if _is_odd(name):  # among them names that are no text
                raise ArchiveError(folder, f"holds {name!r}, a name that no archive can have", "Rename it")
            if path.stat().st_size > MEMBER_BYTES:
                raise ArchiveError(path, f"has more than {MEMBER_BYTES:,} bytes", "Set source.pack: false")
            out.writestr(info, path.read_bytes())
    with archive.open("rb+") as stream:
        os.fsync(stream.fileno())


def each(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of all files of an archive."""
    return ((name, read_member(archive, name)) for name in members(archive))
