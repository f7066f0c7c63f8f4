"""Harm to a file that size and modification time do not give away, and harm that they do."""

from __future__ import annotations

import io
import os
import random
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py

from cmrpipe.store.schema import IMAGE, LABEL
from cmrpipe.store.verify import State

_HDF5, _ZIP = b"\x89HDF", b"PK"
_ZARR_METADATA = "zarr.json"


def _rewrite(path: Path, data: bytes) -> None:
    """Put bytes into a file in its place; inode, mode and modification time stay."""
    found = path.stat()
    path.chmod(found.st_mode | stat.S_IWUSR)
    with path.open("r+b") as stream:
        stream.write(data)
        stream.truncate(len(data))
    path.chmod(stat.S_IMODE(found.st_mode))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _flip(path: Path, low: int, high: int, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    at = rng.randrange(low, max(low + 1, min(high, len(data))))
    data[at] ^= 1 << rng.randrange(8)
    _rewrite(path, bytes(data))


def flip_bit(path: Path, _: Path, rng: random.Random) -> None:
    """One bit anywhere."""
    _flip(path, 0, path.stat().st_size, rng)


def flip_head(path: Path, _: Path, rng: random.Random) -> None:
    """One bit in the first 512 bytes: signatures, superblocks, DICOM preambles."""
    _flip(path, 0, 512, rng)


def flip_attribute(path: Path, _: Path, rng: random.Random) -> None:
    """One bit of an attribute (HDF5) or of the metadata (JSON of a Zarr array)."""
    data = path.read_bytes()
    names = (b"patient_id", b"pixel_spacing_mm", b"schema_version", b"shape", b"attributes")
    start = next((data.find(name) for name in names if name in data), 0)
    _flip(path, start, start + 48, rng)


def invert_mask(path: Path, _: Path, rng: random.Random) -> None:
    """0x0000 becomes 0xFFFF or the reverse: in a mask chunk of a store's file, what fletcher32 cannot see."""
    data = bytearray(path.read_bytes())
    if data.startswith(_HDF5):
        with h5py.File(path, "r", locking=False) as file:
            chunks = file[LABEL].id
            info = chunks.get_chunk_info(rng.randrange(chunks.get_num_chunks()))
        low, high = info.byte_offset, info.byte_offset + info.size - 4
    elif data.startswith(_ZIP) and (masks := _chunks(path, LABEL)):  # none in a patient's archive of raw images
        low, high = _extent(path, rng.choice(masks))
    else:
        low, high = 0, len(data)
    places = [at for at in range(low, high - 1, 2) if data[at] == data[at + 1] and data[at] in (0, 255)]
    if not places:
        _flip(path, low, high, rng)
        return
    at = rng.choice(places)
    data[at : at + 2] = b"\xff\xff" if data[at] == 0 else b"\0\0"
    _rewrite(path, bytes(data))


def _chunks(path: Path, array: str) -> list[str]:
    """Members of a zipped Zarr group that hold an array's chunks."""
    with zipfile.ZipFile(path) as archive:
        return sorted(name for name in archive.namelist() if name.startswith(f"{array}/c/"))


def _extent(path: Path, name: str) -> tuple[int, int]:
    """Where a member's content starts and ends in its zip file."""
    with zipfile.ZipFile(path) as archive, archive.open(name) as member:
        data = member.read()
        start = path.read_bytes().index(data, archive.getinfo(name).header_offset)
    return start, start + len(data)


def _rename(path: Path, names: dict[str, str]) -> None:
    """Rename members in place, in their headers and in the zip's directory; the size stays."""
    data = path.read_bytes()
    for name in names:
        data = data.replace(name.encode(), f"\0{name[1:]}".encode())
    for name, new in names.items():
        data = data.replace(f"\0{name[1:]}".encode(), new.encode())
    _rewrite(path, data)


def hide_chunk(path: Path, _: Path, rng: random.Random) -> None:
    """A chunk is not there under its name: zarr-python reads fill values in its place."""
    name = rng.choice([*_chunks(path, IMAGE), *_chunks(path, LABEL)])
    _rename(path, {name: name.replace("/c/", "/x/")})


def drop_chunk(path: Path, _: Path, rng: random.Random) -> None:
    """A chunk is taken out, and the zip file is otherwise sound."""
    gone = rng.choice([*_chunks(path, IMAGE), *_chunks(path, LABEL)])
    target = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as thinner:
        for member in archive.infolist():
            if member.filename != gone:
                thinner.writestr(member, archive.read(member))
    _rewrite(path, target.getvalue())


def swap_chunks(path: Path, _: Path, rng: random.Random) -> None:
    """Two slices change places; every checksum of zip and Zarr still holds."""
    names = _chunks(path, rng.choice((IMAGE, LABEL)))
    one, other = rng.sample([name for name in names if len(name) == len(names[0])], 2)
    _rename(path, {one: other, other: one})


def flip_metadata(path: Path, _: Path, rng: random.Random) -> None:
    """One bit in a zarr.json."""
    with zipfile.ZipFile(path) as archive:
        name = rng.choice([name for name in archive.namelist() if name.endswith(_ZARR_METADATA)])
    _flip(path, *_extent(path, name), rng)


def truncate(path: Path, _: Path, rng: random.Random) -> None:
    """The end is cut off."""
    _rewrite(path, path.read_bytes()[: rng.randrange(path.stat().st_size)])


def delete(path: Path, _: Path, __: random.Random) -> None:
    """The file is gone."""
    path.unlink()


def swap(path: Path, other: Path, _: random.Random) -> None:
    """The file holds another one's bytes, and the other its."""
    mine, theirs = path.read_bytes(), other.read_bytes()
    _rewrite(path, theirs)
    _rewrite(other, mine)


Harm = Callable[[Path, Path, random.Random], None]
EVERYWHERE: dict[str, Harm] = {
    "bit flipped": flip_bit,
    "bit flipped in the head": flip_head,
    "truncated": truncate,
    "deleted": delete,
    "swapped": swap,
}
IN_PATIENT: dict[str, Harm] = {"bit of an attribute": flip_attribute, "0x0000 and 0xFFFF": invert_mask}
"""Faults that only a patient's file of a store can have, wherever a copy of it lies."""
IN_ZARR: dict[str, Harm] = {
    "chunk renamed": hide_chunk,
    "chunk deleted": drop_chunk,
    "chunks swapped": swap_chunks,
    "bit of a zarr.json": flip_metadata,
}
"""The same for one of Zarr."""
IN_RAW: dict[str, Harm] = {"0x0000 and 0xFFFF": invert_mask}
SAID = {"deleted": {State.MISSING}, "truncated": {State.TRUNCATED}, "swapped": {State.SWAPPED}}
"""What `cmrpipe verify` must call a fault; ALTERED those that are not named here."""
SHORTER = {"chunk deleted": {State.ALTERED, State.TRUNCATED}}
"""The same for what leaves a sound file that is shorter."""
