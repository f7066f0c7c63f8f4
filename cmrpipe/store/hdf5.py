"""A patient as an HDF5 file: chunks of one slice with Fletcher32, not compressed, so that they can be read in place."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from cmrpipe.errors import StoreError
from cmrpipe.store.backend import Array, Arrays, Backend, chunk_shape, little
from cmrpipe.store.schema import STACKS

LIBVER = ("v110", "v110")
"""The format whose metadata, attributes included, carry checksums, and that refuses a file whose writer was killed."""
_CHECKSUM = 4
"""Bytes of Fletcher32 behind each chunk."""


def _in_memory() -> h5py.File:
    """An HDF5 file that is made in memory: a disk that fills up then fails one plain write, not HDF5 halfway."""
    return h5py.File("store", "w", driver="core", backing_store=False, libver=LIBVER, track_order=False)


def _bytes(file: h5py.File) -> bytes:
    """What the file would be on a disk."""
    file.flush()
    image: bytes = file.id.get_file_image()
    return image


def encode(arrays: Arrays, attributes: Mapping[str, Any]) -> bytes:
    """A patient's file: a dataset an array, attributes at the root.

    Chunks get their place in the file when they leave HDF5's cache: at the latest when Python lets go of the dataset,
    which a profiler that looks at this thread delays (Dask's does). Flushing each at once makes the order certain.
    """
    with _in_memory() as file:
        for name, array in arrays.items():
            file.create_dataset(
                name, data=little(array), chunks=chunk_shape(array), fletcher32=True, track_times=False
            ).flush()
        for name, value in attributes.items():
            file.attrs[name] = np.array(value, dtype="<f8") if _is_float(value) else value
        return _bytes(file)


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, list) and isinstance(value[0], float))


def encode_index(files: Mapping[str, str], schema_version: int) -> bytes:
    """The index: an external link a patient, relative to the store, so that the whole folder can be moved."""
    with _in_memory() as file:
        file.attrs["schema_version"] = schema_version
        for patient, name in sorted(files.items()):
            file[patient] = h5py.ExternalLink(name, "/")
        return _bytes(file)


@dataclass(frozen=True, slots=True)
class _Stack:
    """The slices of an array of three axes, seen where they lie in the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slices: tuple[Array, ...]


class Hdf5Patient:
    """A mapped HDF5 file.

    Slices are copied out of the map at the offsets that HDF5 tells, without its library: that is what makes a random
    slice as fast as one of `np.memmap`. The bytes in the map were held against the manifest's SHA-256 before.

    Parameters
    ----------
    content : the whole file
    where : its name, for messages

    Raises
    ------
    StoreError : it has chunks that this module does not write (compressed, missing, of another size)
    """

    def __init__(self, content: mmap.mmap, where: str) -> None:
        self._content = content
        self._stacks: dict[str, _Stack] = {}
        self._rest: tuple[dict[str, Array], dict[str, Any]] | None = None
        with h5py.File(content, "r") as file:
            self.patient_id = str(file.attrs.get("patient_id", ""))
            for name in STACKS:
                self._stacks[name] = _stack(file, name, content, where)

    def _small(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Arrays of fewer axes, and attributes: read together when the first of them is asked for."""
        if self._rest is None:
            with h5py.File(self._content, "r") as file:
                arrays = {name: file[name][()] for name in file if name not in self._stacks}
                attributes = {
                    name: value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
                    for name, value in file.attrs.items()
                }
            self._rest = arrays, attributes
        return self._rest

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What is stored once a patient."""
        return self._small()[1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stored arrays, sorted."""
        return tuple(sorted((*self._stacks, *self._small()[0])))

    def describe(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an array."""
        found = self._stacks.get(name) or self._small()[0][name]
        return found.shape, found.dtype

    def read(self, name: str) -> Array:
        """A whole array, a copy."""
        stack = self._stacks.get(name)
        if stack is None:
            return self._small()[0][name].copy()
        whole = np.empty(stack.shape, stack.dtype)
        for i, part in enumerate(stack.slices):
            whole[i] = part
        return whole

    def read_slice(self, name: str, i: int, out: Array | None = None) -> Array:
        """Entry i of an array's first axis, a copy, in `out` if given."""
        stack = self._stacks.get(name)
        found: Array = np.asarray(self._small()[0][name][i]) if stack is None else stack.slices[i]
        if out is None:
            return found.copy()
        np.copyto(out, found, casting="no")
        return out


def _stack(file: h5py.File, name: str, content: mmap.mmap, where: str) -> _Stack:
    """An array's chunks in the map, slice by slice."""
    dataset = file[name]
    shape, dtype = dataset.shape, dataset.dtype
    size = dataset.dtype.itemsize * dataset.shape[1] * dataset.shape[2] + _CHECKSUM
    offsets: dict[int, int] = {}

    def note(chunk: Any) -> None:
        if chunk.size == size and not chunk.filter_mask:
            offsets[chunk.chunk_offset[0]] = chunk.byte_offset

    if dataset.chunks == (1, *dataset.shape[1:]) and dataset.compression is None and dataset.fletcher32:
        dataset.id.chunk_iter(note)
    if sorted(offsets) != list(range(len(dataset))):
        raise StoreError(where, f"lacks slices of {name}, or was not written by cmrpipe", "Run `cmrpipe store`")
    slices = (np.ndarray(shape[1:], dtype, content, offsets[i]) for i in range(shape[0]))
    return _Stack(shape, dtype, tuple(slices))


HDF5 = Backend(encode, Hdf5Patient, encode_index)
