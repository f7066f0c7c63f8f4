"""Reading a store: every patient's file is held against the manifest when it is first touched."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from cmrpipe.errors import StoreError
from cmrpipe.files import sha256_bytes, sha256_file
from cmrpipe.incremental import MANIFEST, read_manifest
from cmrpipe.model import Phase
from cmrpipe.store import schema
from cmrpipe.store.schema import SCHEMA_VERSION, PatientData, patient_file

_MEND = "Run `cmrpipe store` to make it again from the raw data"


class Store:
    """A store folder, opened for reading; close it, or use it as a context manager.

    Raises
    ------
    StoreError : no store, another schema version; on first touch of a patient: a file that is missing or altered
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        except FileNotFoundError as error:
            raise StoreError(folder, "holds no store (no manifest.json)", "Run `cmrpipe store` first") from error
        except ValueError as error:
            raise StoreError(folder / MANIFEST, f"is altered ({error})", _MEND) from error
        version = self.manifest.get("schema_version")
        if version != SCHEMA_VERSION:
            raise StoreError(
                folder,
                f"has schema version {version}, this cmrpipe reads {SCHEMA_VERSION}",
                "Update cmrpipe" if isinstance(version, int) and version > SCHEMA_VERSION else _MEND,
            )
        units = read_manifest(folder)
        self._entries = {key: entry for key, entry in units.items() if entry["info"].get("samples", 0) > 0}
        self.patients: tuple[str, ...] = tuple(sorted(self._entries))
        self._open: dict[str, h5py.File] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    @property
    def fingerprint(self) -> str:
        """Hash over the hashes of all patients' files."""
        lines = [f"{patient}:{self._entries[patient]['files'][patient_file(patient)]}" for patient in self.patients]
        return sha256_bytes("\n".join(lines).encode())

    def count(self, patient_id: str) -> int:
        """Number of a patient's samples."""
        return int(self._entries[patient_id]["info"]["samples"])

    def _file(self, patient_id: str) -> h5py.File:
        if patient_id not in self._open:
            if patient_id not in self._entries:
                raise StoreError(self.folder, f"has no patient {patient_id}", f"It has {', '.join(self.patients)}")
            name = patient_file(patient_id)
            path = self.folder / name
            try:
                digest = sha256_file(path)
            except OSError as error:
                raise StoreError(path, f"is missing or unreadable ({error.strerror})", _MEND) from error
            if digest != self._entries[patient_id]["files"][name]:
                raise StoreError(path, "is altered: its SHA-256 is not the manifest's", _MEND)
            self._open[patient_id] = h5py.File(path, "r", locking=False)
        return self._open[patient_id]

    def image(self, patient_id: str, i: int) -> npt.NDArray[np.generic]:
        """Image i of a patient, (rows, columns)."""
        return np.asarray(self._file(patient_id)[schema.IMAGE][i])

    def label(self, patient_id: str, i: int) -> npt.NDArray[np.uint8]:
        """Label i of a patient, (rows, columns) uint8."""
        return np.asarray(self._file(patient_id)[schema.LABEL][i])

    def lineage(self, patient_id: str) -> dict[str, Any]:
        """Where a patient's data come from."""
        value: dict[str, Any] = json.loads(bytes(self._file(patient_id)["lineage"][()]))
        return value

    def load(self, patient_id: str) -> PatientData:
        """All arrays of a patient."""
        file = self._file(patient_id)
        spacing = file.attrs.get("pixel_spacing_mm")
        gap = file.attrs.get("slice_gap_mm")
        return PatientData(
            patient_id,
            image=file[schema.IMAGE][()],
            label=file[schema.LABEL][()],
            contours=file[schema.CONTOURS][()],
            instance_number=file[schema.NUMBER][()],
            slice_index=file[schema.SLICE][()],
            frame=file[schema.FRAME][()],
            phase=tuple(Phase(value.decode()) for value in file[schema.PHASE][()]),
            pixel_spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
            slice_gap_mm=None if gap is None else float(gap),
        )


def open_store(folder: Path) -> Store:
    """Open a store for reading."""
    return Store(folder)
