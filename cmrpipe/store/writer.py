"""Writing a patient's file: the same samples give the same bytes, on any machine and path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmrpipe.files import write_bytes
from cmrpipe.store.backend import little
from cmrpipe.store.formats import BACKENDS
from cmrpipe.store.schema import (
    LINEAGE,
    SCHEMA_VERSION,
    PatientData,
    StoreFormat,
    index_file,
    lineage_array,
    patient_file,
)


def array_sha256(array: npt.NDArray[np.generic]) -> str:
    """Hash of an array's type, shape and bytes (C order, little endian)."""
    stored = little(array)
    digest = hashlib.sha256(f"{stored.dtype.str}{stored.shape}".encode())
    digest.update(stored.data)
    return digest.hexdigest()


def write_patient(
    folder: Path, data: PatientData, lineage: Mapping[str, Any], store_format: StoreFormat = StoreFormat.HDF5
) -> dict[str, str]:
    """Write one patient's file atomically.

    Parameters
    ----------
    folder : the store
    data : at least one sample
    lineage : where the data come from (sources with hashes, params, code and schema version); JSON-able

    Returns
    -------
    SHA-256 of each dataset, the same in all formats
    """
    arrays = {**data.arrays(), LINEAGE: lineage_array(lineage)}
    content = BACKENDS[store_format].encode(arrays, data.attributes())
    write_bytes(folder / patient_file(data.patient_id, store_format), content)
    return {name: array_sha256(array) for name, array in arrays.items()}


def write_index(folder: Path, patients: Sequence[str], store_format: StoreFormat = StoreFormat.HDF5) -> str:
    """Write the index over these patients; returns its name relative to the store."""
    files = {patient: patient_file(patient, store_format) for patient in patients}
    name = index_file(store_format)
    write_bytes(folder / name, BACKENDS[store_format].encode_index(files, SCHEMA_VERSION))
    return name
