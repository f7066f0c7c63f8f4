"""A patient as a Zarr v3 group in one zip file: chunks of one slice, Zstandard, then a CRC-32C.

The zip is to Zarr what a shard is: one file a patient instead of one a slice. `zarr.storage.ZipStore` opens it, too;
what is read here is read without zarr-python, which takes about five times as long for a slice and gives fill values
for chunks that are missing.
"""

from __future__ import annotations

import io
import json
import mmap
import zipfile
from collections.abc import Mapping
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.zstd import Zstd

from cmrpipe.errors import StoreError
from cmrpipe.files import canonical_json
from cmrpipe.store.backend import SLICED, Array, Arrays, Backend, chunk_shape, little

LEVEL = 3
_GROUP = "zarr.json"
_CODECS = ("bytes", "zstd", "crc32c")
_CRC = 4
_LOCAL_HEADER = 30
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of all members: the same content must give the same bytes."""
_UNIX = 3
_MEND = "Run `cmrpipe store` or `cmrpipe rebuild`"


def _members(arrays: Arrays, attributes: Mapping[str, Any]) -> dict[str, bytes]:
    """Keys and values of the group, as zarr-python writes them."""
    import zarr  # noqa: PLC0415 only a writer needs it
    from zarr.codecs import Crc32cCodec, ZstdCodec  # noqa: PLC0415

    values: dict[str, Any] = {}
    group = zarr.create_group(zarr.storage.MemoryStore(values), zarr_format=3, attributes=dict(attributes))
    for name, array in arrays.items():
        stored = group.create_array(
            name,
            shape=array.shape,
            dtype=array.dtype.newbyteorder("<"),
            chunks=chunk_shape(array),
            filters=None,
            compressors=[ZstdCodec(level=LEVEL, checksum=False), Crc32cCodec()],
            fill_value=0,
            config={"write_empty_chunks": True},  # an empty mask is data, and a missing chunk is damage
        )
        stored[...] = little(array)
    return {key: value.to_bytes() for key, value in values.items()}


def _natural(key: str) -> list[tuple[int, str]]:
    """Slice 2 before slice 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in key.split("/")]


def encode(arrays: Arrays, attributes: Mapping[str, Any]) -> bytes:
    """A patient's file: a member a chunk, stored as it is, in the order of arrays and slices."""
    members = _members(arrays, attributes)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for key in sorted(members, key=_natural):
            member = zipfile.ZipInfo(key, _EPOCH)
            member.create_system = _UNIX
            archive.writestr(member, members[key])
    return target.getvalue()


def encode_index(files: Mapping[str, str], schema_version: int) -> bytes:
    """The index: the patients' files, relative to the store."""
    return canonical_json({"schema_version": schema_version, "patients": dict(files)}) + b"\n"


class ZarrPatient:
    """A mapped zip file with a Zarr group in it; slices are decoded straight from the map.

    Parameters
    ----------
    content : the whole file
    where : its name, for messages

    Raises
    ------
    StoreError : it is no such file; when it is read: a chunk is missing or does not have its CRC-32C
    """

    def __init__(self, content: mmap.mmap, where: str) -> None:
        self._content = content
        self._where = where
        self._members: dict[str, tuple[int, int]] = {}
        self._small: dict[str, Array] = {}
        self._arrays: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
        try:
            self._find_members()
            self._attributes: dict[str, Any] = json.loads(self._member(_GROUP))["attributes"]
            for key in self._members:
                if key.endswith(f"/{_GROUP}"):
                    self._arrays[key.removesuffix(f"/{_GROUP}")] = _layout(json.loads(self._member(key)))
        except (zipfile.BadZipFile, KeyError, IndexError, TypeError, ValueError) as error:
            raise StoreError(where, f"is no patient's file that cmrpipe wrote ({error})", _MEND) from error
        self._zstd = Zstd()

    def _find_members(self) -> None:
        with zipfile.ZipFile(self._content) as archive:  # type: ignore[call-overload] # it reads, seeks, tells
            for member in archive.infolist():
                start = member.header_offset
                names = self._content[start + _LOCAL_HEADER - 4 : start + _LOCAL_HEADER]
                lengths = int.from_bytes(names[:2], "little") + int.from_bytes(names[2:], "little")
                self._members[member.filename] = (start + _LOCAL_HEADER + lengths, member.file_size)

    def _member(self, key: str) -> bytes:
        start, size = self._members[key]
        return self._content[start : start + size]

    @property
    def patient_id(self) -> str:
        """Whose it is, by its own word."""
        return str(self.attributes.get("patient_id", ""))

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What is stored once a patient."""
        return self._attributes

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stored arrays, sorted."""
        return tuple(sorted(self._arrays))

    def describe(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an array."""
        return self._arrays[name]

    def read(self, name: str) -> Array:
        """A whole array, a copy."""
        shape, dtype = self._arrays[name]
        whole = np.empty(shape, dtype)
        if len(shape) == SLICED:
            for i in range(shape[0]):
                self._decode(name, (i, 0, 0), whole[i])
        else:
            self._decode(name, (0,) * len(shape), whole)
        return whole

    def read_slice(self, name: str, i: int, out: Array | None = None) -> Array:
        """Entry i of an array's first axis, a copy, in `out` if given."""
        shape, dtype = self._arrays[name]
        if out is None:
            out = np.empty(shape[1:], dtype)
        if len(shape) != SLICED:
            if name not in self._small:
                self._small[name] = self.read(name)
            np.copyto(out, self._small[name][i], casting="no")
        else:
            self._decode(name, (range(shape[0])[i], 0, 0), out)
        return out

    def _decode(self, name: str, chunk: tuple[int, ...], out: Array) -> None:
        """Decode a chunk into `out`."""
        key = "/".join((name, "c", *map(str, chunk)))
        if key not in self._members:
            raise StoreError(self._where, f"lacks the chunk {key}", _MEND)
        data = self._member(key)
        if google_crc32c.value(data[:-_CRC]) != int.from_bytes(data[-_CRC:], "little"):
            raise StoreError(self._where, f"has a damaged chunk {key}: its CRC-32C is another", _MEND)
        try:
            pixels = np.frombuffer(self._zstd.decode(data[:-_CRC]), out.dtype)
            out[...] = pixels.reshape(out.shape)  # of another size: an error
        except (RuntimeError, ValueError) as error:
            raise StoreError(self._where, f"has a chunk {key} that is no slice ({error})", _MEND) from error


def _layout(metadata: Mapping[str, Any]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array from its zarr.json, which must describe what `encode` writes."""
    shape = tuple(metadata["shape"])
    dtype = np.dtype(metadata["data_type"]).newbyteorder("<")
    chunks = tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"])
    codecs = tuple(codec["name"] for codec in metadata["codecs"])
    if codecs != _CODECS or chunks != ((1, *shape[1:]) if len(shape) == SLICED else shape):
        raise ValueError(f"codecs {codecs}, chunks {chunks}")
    return shape, dtype


ZARR = Backend(encode, ZarrPatient, encode_index)
