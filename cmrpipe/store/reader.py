"""Reading a store: every patient's file is held against the manifest when it is first touched."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from cmrpipe.errors import ManifestError, StoreError
from cmrpipe.files import canonical_json, open_file, sha256_bytes
from cmrpipe.incremental.manifest import located, read_root
from cmrpipe.incremental.refresh import read_manifest
from cmrpipe.store.backend import OpenPatient
from cmrpipe.store.formats import BACKENDS
from cmrpipe.store.schema import (
    CONTOURS,
    IMAGE,
    LABEL,
    LINEAGE,
    NUMBER,
    SCHEMA_VERSION,
    SYNTHETIC,
    PatientData,
    StoredSample,
    StoreFormat,
    pair,
    patient_data,
)

_MEND = "Run `cmrpipe rebuild`, or `cmrpipe store` to make it again from the raw data"
MOST_OPEN = 256
"""Patients that are kept open: each takes a file handle, of which a process commonly has 1,024."""


def refusal(folder: Path, version: object) -> StoreError:
    """The error for a store of another schema version, older or newer, with what to do."""
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    return StoreError(
        folder,
        f"has schema version {version}, this cmrpipe reads {SCHEMA_VERSION}",
        "Update cmrpipe to the version that wrote it, or a later one"
        if newer
        else f"Run `cmrpipe migrate --store {folder}`, which keeps all that is in it, or `cmrpipe store` to make it "
        "again from the raw data",
    )


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array of a patient that is read when it is asked for: `array[i]` for one entry, `np.asarray(array)` for all.

    Attributes
    ----------
    shape, dtype : as NumPy has them
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _patient: OpenPatient
    _name: str

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, i: int) -> npt.NDArray[Any]:
        return self._patient.read_slice(self._name, i)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self._patient.read(self._name), dtype=dtype)


class Store:
    """A store folder of either format, opened for reading; close it, or use it as a context manager.

    A patient's file is mapped into memory, its bytes are hashed there and held against the manifest, and everything is
    then read from that map. Up to `MOST_OPEN` patients stay open; one that was closed in between and whose file has not
    been touched since (inode, size and times) is not hashed again by the same `Store`. It may be pickled, for workers.

    Raises
    ------
    StoreError : no store, another schema version; on first touch of a patient: a file that is missing or altered
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.manifest: dict[str, Any] = read_root(folder)
            units = read_manifest(folder)
        except ManifestError as error:
            raise StoreError(error.where, error.cause, _MEND) from error
        if not self.manifest:
            raise StoreError(folder, "holds no store (no manifest.json)", "Run `cmrpipe store` first")
        version = self.manifest.get("schema_version")
        if version != SCHEMA_VERSION:
            raise refusal(folder, version)
        self.format = StoreFormat(self.manifest.get("format", StoreFormat.HDF5))
        self._entries = {key: entry for key, entry in units.items() if entry["info"].get("samples", 0) > 0}
        self.patients: tuple[str, ...] = tuple(sorted(self._entries))
        self._open: OrderedDict[str, OpenPatient] = OrderedDict()
        self._checked: dict[str, tuple[int, ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        """Pickle by the folder: the copy opens, and checks, for itself."""
        return type(self), (self.folder,)

    def close(self) -> None:
        """Close all files."""
        self._open.clear()

    @property
    def synthetic(self) -> bool:
        """Whether its patients are a phantom's."""
        return bool(self.manifest.get(SYNTHETIC))

    @property
    def fingerprint(self) -> str:
        """Hash over the hashes of all patients' files."""
        lines = [f"{patient}:{next(iter(self._entries[patient]['files'].values()))}" for patient in self.patients]
        return sha256_bytes("\n".join(lines).encode())

    def labels_hash(self, patient_id: str) -> str:
        """Hash over what was drawn of a patient and is in the store: labels, which contours, and of which images."""
        hashes = self._entries[patient_id]["info"].get("sha256", {})
        return sha256_bytes(canonical_json([hashes.get(name) for name in (LABEL, CONTOURS, NUMBER)]))

    def count(self, patient_id: str) -> int:
        """Number of a patient's samples."""
        return int(self._entries[patient_id]["info"]["samples"])

    def _patient(self, patient_id: str) -> OpenPatient:
        patient = self._open.get(patient_id)
        if patient is None:
            patient = self._open_patient(patient_id)
            while len(self._open) >= MOST_OPEN:
                self._open.popitem(last=False)
            self._open[patient_id] = patient
        return patient

    def _open_patient(self, patient_id: str) -> OpenPatient:
        if patient_id not in self._entries:
            raise StoreError(self.folder, f"has no patient {patient_id}", f"It has {', '.join(self.patients[:20])}")
        name, sha256 = next(iter(self._entries[patient_id]["files"].items()))
        path = located(self.folder, name)
        try:
            with open_file(path) as stream:
                stat = os.fstat(stream.fileno())
                content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if stat.st_size else None
        except OSError as error:
            raise StoreError(path, f"is missing or unreadable ({error.strerror})", _MEND) from error
        touched = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        if content is None or (
            self._checked.get(patient_id) != touched and hashlib.sha256(content).hexdigest() != sha256
        ):
            raise StoreError(path, "is altered: its SHA-256 is not the manifest's", _MEND)
        patient = BACKENDS[self.format].open(content, str(path))
        if patient.patient_id != patient_id:
            raise StoreError(path, f"is of patient {patient.patient_id}, and the manifest says {patient_id}", _MEND)
        self._checked[patient_id] = touched
        return patient

    def __getitem__(self, key: str) -> StoredArray:
        """`store["SCD0000101/image"]`, in either format."""
        patient_id, _, name = key.rpartition("/")
        patient = self._patient(patient_id)
        if name not in patient.names:
            raise KeyError(f"patient {patient_id} has {', '.join(patient.names)}, not {name}")
        return StoredArray(*patient.describe(name), patient, name)

    def image(self, patient_id: str, i: int) -> npt.NDArray[np.generic]:
        """Image i of a patient, (rows, columns)."""
        patient = self._open.get(patient_id) or self._patient(patient_id)  # a call less for each slice
        return patient.read_slice(IMAGE, i)

    def label(self, patient_id: str, i: int) -> npt.NDArray[np.uint8]:
        """Label i of a patient, (rows, columns) uint8."""
        patient = self._open.get(patient_id) or self._patient(patient_id)
        return patient.read_slice(LABEL, i)

    def batch(self, places: Sequence[tuple[str, int]]) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.uint8]]:
        """Images and labels of several samples, of one patient or several.

        Parameters
        ----------
        places : patient and position of each; at least one

        Returns
        -------
        images (n, rows, columns) of the stored type and labels (n, rows, columns) uint8

        Raises
        ------
        ValueError : their images differ in size or type
        """
        patients = {patient_id: self._patient(patient_id) for patient_id, _ in places}
        kinds = {(shape[1:], dtype) for shape, dtype in (patient.describe(IMAGE) for patient in patients.values())}
        if len(kinds) != 1:
            raise ValueError(f"images of {', '.join(patients)} are of several kinds: {kinds}")
        ((shape, dtype),) = kinds
        images = np.empty((len(places), *shape), dtype)
        labels = np.empty((len(places), *shape), np.uint8)
        for (patient_id, i), image, label in zip(places, images, labels, strict=True):
            patients[patient_id].read_slice(IMAGE, i, image)
            patients[patient_id].read_slice(LABEL, i, label)
        return images, labels

    def sample(self, patient_id: str, i: int) -> StoredSample:
        """Sample i of a patient, read without the others."""
        patient = self._patient(patient_id)
        image, label, contours = (patient.read_slice(name, i) for name in (IMAGE, LABEL, CONTOURS))
        number = int(patient.read_slice(NUMBER, i))
        places = (pair(patient.attributes, name) for name in ("pixel_spacing_mm", "heart_px"))
        return StoredSample(image, label, contours, number, *places)

    def lineage(self, patient_id: str) -> dict[str, Any]:
        """Where a patient's data come from."""
        value: dict[str, Any] = json.loads(self._patient(patient_id).read(LINEAGE).tobytes())
        return value

    def datasets(self, patient_id: str) -> dict[str, npt.NDArray[np.generic]]:
        """Every stored array of a patient by name, lineage included: what the manifest has hashes of."""
        patient = self._patient(patient_id)
        return {name: patient.read(name) for name in patient.names}

    def load(self, patient_id: str) -> PatientData:
        """All arrays of a patient."""
        return patient_data(self.datasets(patient_id), self._patient(patient_id).attributes)


def open_store(folder: Path) -> Store:
    """Open a store for reading."""
    return Store(folder)
