"""Bringing a store of an older schema to this one, or to the other file format, without the raw data.

All that the store holds stays as it is, to the bit. What an older schema did not have is taken from the catalog where
that knows the very file (path and SHA-256) that a sample was made from; else it is stored as unknown, and said so.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cmrpipe.catalog import Catalog
from cmrpipe.errors import CmrpipeError, ManifestError, StoreError
from cmrpipe.incremental.manifest import located, read_manifest, read_root
from cmrpipe.incremental.refresh import Unit, Written, fingerprint, refresh
from cmrpipe.model import Phase
from cmrpipe.progress import Listener
from cmrpipe.store.reader import open_store, refusal
from cmrpipe.store.schema import (
    DATASETS,
    INDEXES,
    LINEAGE,
    ORIENTATION,
    PHASE,
    PHASES,
    POSITION,
    SCHEMA_VERSION,
    SYNTHETIC,
    PatientData,
    StoreFormat,
    head,
    index_file,
    patient_data,
    patient_file,
)
from cmrpipe.store.writer import write_index, write_patient

_RAW = "What it held must come from the raw data: run `cmrpipe store`"
_OLDEST = 1


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did.

    Attributes
    ----------
    version : schema version that the store had
    patients, samples : how many were written again; 0 when nothing was to do
    unplaced : samples whose position or orientation is unknown now, and that the raw data may know
    unlocated : patients of whom it is unknown where the heart is, which only the cine in the raw data can tell
    """

    version: int
    patients: int
    samples: int
    unplaced: int
    unlocated: int


@dataclass(frozen=True, slots=True)
class _Task:
    store: Path
    patient_id: str
    version: int
    file: str
    sha256: str
    info: dict[str, Any]
    catalog: Path | None
    store_format: StoreFormat


@dataclass(frozen=True, slots=True)
class _Index:
    patients: tuple[str, ...]
    store_format: StoreFormat


def read_version_1(content: bytes) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any], dict[str, Any]]:
    """Arrays, attributes and lineage of a file of schema 1 (HDF5), in the terms of this schema."""
    with h5py.File(io.BytesIO(content), "r") as file:
        arrays = {name: dataset[()] for name, dataset in file.items()}
        attributes = dict(file.attrs)
    lineage: dict[str, Any] = json.loads(arrays.pop(LINEAGE).tobytes())
    arrays[PHASE] = np.array([PHASES.index(Phase(value.decode())) for value in arrays[PHASE]], dtype=np.uint8)
    n = len(arrays[PHASE])
    arrays[POSITION] = np.full((n, 3), np.nan)
    arrays[ORIENTATION] = np.full((n, 6), np.nan)
    attributes["phases"] = [phase.value for phase in PHASES]
    return arrays, attributes, lineage


def _placed(data: PatientData, lineage: Mapping[str, Any], catalog: Path) -> PatientData:
    """The patient with the positions and orientations that the catalog knows."""
    try:
        known = {(image.path, image.sha256): image for image in Catalog(catalog).images(data.patient_id)}
    except CmrpipeError:
        return data  # a catalog that is damaged or lacks the patient knows nothing; `unplaced` tells
    for i, source in enumerate(lineage.get("sources", ())):
        record = known.get((source.get("image", ""), source.get("image_sha256", "")))
        if record is not None and record.position_mm is not None:
            data.position_mm[i] = record.position_mm
        if record is not None and record.orientation is not None:
            data.orientation[i] = record.orientation
    return data


def _read(task: _Task) -> tuple[PatientData, dict[str, Any]]:
    """A patient of the old store, checked."""
    if task.version == SCHEMA_VERSION:
        with open_store(task.store) as store:
            return store.load(task.patient_id), store.lineage(task.patient_id)
    path = located(task.store, task.file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(path, f"is missing or unreadable ({error.strerror})", _RAW) from error
    if hashlib.sha256(content).hexdigest() != task.sha256:
        raise StoreError(path, "is altered: its SHA-256 is not the manifest's", _RAW)
    arrays, attributes, lineage = read_version_1(content)
    data = patient_data({name: arrays[name] for name in DATASETS}, attributes)
    return (_placed(data, lineage, task.catalog) if task.catalog else data), lineage


def _migrate_patient(task: _Task | _Index, out: Path) -> Written:
    if isinstance(task, _Index):
        return Written([write_index(out, task.patients, task.store_format)], {"patients": len(task.patients)})
    if not task.file:
        return Written([], task.info)
    data, lineage = _read(task)
    history = [*lineage.get("migrated", ()), {"schema": task.version, "sha256": task.sha256}]
    hashes = write_patient(out, data, {**lineage, "migrated": history}, task.store_format)
    unplaced = np.isnan(data.position_mm).any(axis=1) | np.isnan(data.orientation).any(axis=1)
    info = {**task.info, "sha256": hashes, "unplaced": int(unplaced.sum()), "unlocated": int(data.heart_px is None)}
    return Written([patient_file(task.patient_id, task.store_format)], info)


def migrate(
    folder: Path, *, catalog: Path | None = None, store_format: StoreFormat | None = None, listen: Listener
) -> Migrated:
    """Write a store again in this schema, whole or not at all: until the end the old one stands as it was.

    Parameters
    ----------
    folder : the store
    catalog : where positions and orientations may be found; None: stored as unknown
    store_format : another file format; None: as it is
    listen : told once a patient

    Raises
    ------
    StoreError : no store, a newer one, or a patient's file is missing or altered (only the raw data help then)
    """
    try:
        root, entries = read_root(folder), read_manifest(folder)
    except ManifestError as error:
        raise StoreError(error.where, error.cause, _RAW) from error
    if not root:
        raise StoreError(folder, "holds no store (no manifest.json)", "Run `cmrpipe store` first")
    version = root.get("schema_version")
    if not isinstance(version, int) or not _OLDEST <= version <= SCHEMA_VERSION:
        raise refusal(folder, version)
    own = StoreFormat(root.get("format", StoreFormat.HDF5))
    wanted = store_format or own
    if version == SCHEMA_VERSION and wanted is own:
        return Migrated(SCHEMA_VERSION, 0, 0, 0, 0)
    patients = tuple(key for key in entries if key not in INDEXES)
    units: list[Unit[Any]] = []
    for patient in patients:
        entry = entries[patient]
        file, sha256 = next(iter(entry["files"].items()), ("", ""))
        task = _Task(folder, patient, version, file, sha256, entry["info"], catalog, wanted)
        units.append(Unit(patient, fingerprint("migrated", SCHEMA_VERSION, wanted, sha256), task))
    stored = tuple(patient for patient in patients if entries[patient]["files"])
    mark = fingerprint("migrated", SCHEMA_VERSION, wanted, stored)
    units.append(Unit(index_file(wanted), mark, _Index(stored, wanted)))
    extra = {
        "params": {**root.get("params", {}), "format": wanted.value},
        **head(wanted, synthetic=bool(root.get(SYNTHETIC))),
    }
    result = refresh("store", folder, units, _migrate_patient, listen=listen, extra=extra)
    info = [result.info[patient] for patient in patients]
    return Migrated(
        version,
        sum(patient in result.done and bool(entries[patient]["files"]) for patient in patients),
        sum(entry.get("samples", 0) for entry in info),
        sum(entry.get("unplaced", 0) for entry in info),
        sum(entry.get("unlocated", 0) for entry in info),
    )
