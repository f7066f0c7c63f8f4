"""Writing a patient's HDF5 file: the same samples give the same bytes, on any machine and path."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cmrpipe.files import sha256_bytes, write_bytes
from cmrpipe.store.schema import INDEX, SCHEMA_VERSION, PatientData, patient_file

LIBVER = ("v110", "v110")
"""The format whose metadata, attributes included, carry checksums, and that refuses a file whose writer was killed."""


def array_sha256(array: npt.NDArray[np.generic]) -> str:
    """Hash of an array's type, shape and bytes (C order, little endian)."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return sha256_bytes(f"{little.dtype.str}{little.shape}".encode() + little.tobytes())


def _in_memory() -> h5py.File:
    """An HDF5 file that is made in memory: a disk that fills up then fails one plain write, not HDF5 halfway."""
    return h5py.File("store", "w", driver="core", backing_store=False, libver=LIBVER, track_order=False)


def _image(file: h5py.File) -> bytes:
    """The bytes that the file would have on a disk."""
    file.flush()
    image: bytes = file.id.get_file_image()
    return image


def write_patient(folder: Path, data: PatientData, lineage: Mapping[str, Any]) -> dict[str, str]:
    """Write one patient's file atomically.

    Parameters
    ----------
    folder : the store
    data : at least one sample
    lineage : where the data come from (sources with hashes, params, code version); kept as JSON in an attribute

    Returns
    -------
    SHA-256 of each dataset
    """
    arrays = data.arrays()
    with _in_memory() as file:
        for name, array in arrays.items():
            chunk = (1, *array.shape[1:]) if array.ndim > 2 else array.shape
            file.create_dataset(name, data=array, chunks=chunk, fletcher32=True, track_times=False)
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["patient_id"] = data.patient_id
        if data.pixel_spacing_mm is not None:
            file.attrs["pixel_spacing_mm"] = np.array(data.pixel_spacing_mm, dtype="<f8")
        if data.slice_gap_mm is not None:
            file.attrs["slice_gap_mm"] = np.float64(data.slice_gap_mm)
        text = json.dumps(lineage, sort_keys=True, ensure_ascii=False, allow_nan=False)
        lines = np.frombuffer(text.encode(), dtype=np.uint8)
        file.create_dataset("lineage", data=lines, chunks=lines.shape, fletcher32=True, track_times=False)
        image = _image(file)
    write_bytes(folder / patient_file(data.patient_id), image)
    return {name: array_sha256(array) for name, array in arrays.items()}


def write_index(folder: Path, patients: Sequence[str]) -> None:
    """Write the index: an external link a patient, relative to the store, so that the whole folder can be moved."""
    with _in_memory() as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for patient in sorted(patients):
            file[patient] = h5py.ExternalLink(patient_file(patient), "/")
        image = _image(file)
    write_bytes(folder / INDEX, image)
