"""What a file format must offer: bytes from a patient's arrays, and arrays from bytes that were checked."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]

SLICED = 3
"""Arrays of this many axes are chunked a slice at a time; others are one chunk."""


def chunk_shape(array: Array) -> tuple[int, ...]:
    """Shape of an array's chunks."""
    return (1, *array.shape[1:]) if array.ndim == SLICED else array.shape


def little(array: Array) -> Array:
    """The array as it is stored: C order, little endian."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


class OpenPatient(Protocol):
    """A patient's file, mapped into memory and open for reading."""

    @property
    def patient_id(self) -> str:
        """Whose it is, by its own word."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What is stored once a patient."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stored arrays, sorted."""

    def describe(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an array."""

    def read(self, name: str) -> Array:
        """A whole array, a copy."""

    def read_slice(self, name: str, i: int, out: Array | None = None) -> Array:
        """Entry i of an array's first axis, a copy (in `out`, if given); `image` and `label` are read by themselves."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A file format.

    Attributes
    ----------
    encode : arrays and attributes → the file's bytes; equal content gives equal bytes
    open : a mapped file, and its name for messages → the patient
    encode_index : patients → the index's bytes
    """

    encode: Callable[[Arrays, Mapping[str, Any]], bytes]
    open: Callable[[mmap.mmap, str], OpenPatient]
    encode_index: Callable[[Mapping[str, str], int], bytes]
