"""cmrpipe.store.migrate: an older store comes over whole."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cmrpipe.errors import StoreError
from cmrpipe.files import write_bytes
from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.store import PatientData, StoreFormat, open_store
from cmrpipe.store.migrate import migrate
from cmrpipe.store.verify import verify_store
from tests.snapshots import snapshot

ADDED = {"position_mm", "orientation", "phase"}


@pytest.fixture(scope="module")
def current(small_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with catalog and store of this schema; read only."""
    base = tmp_path_factory.mktemp("current")
    ingest(small_phantom, base / "catalog", base / "state", IngestParams(), listen=silent)
    write_quarantine(base / "quarantine.csv", [])
    store_stage(small_phantom, base / "catalog", base / "quarantine.csv", base / "store", StoreParams(), listen=silent)
    return base


def _write_version_1(task: tuple[PatientData, dict[str, Any]], out: Path) -> Written:
    """What the writer of schema 1 did."""
    data, lineage = task
    name = f"patients/{data.patient_id}.h5"
    arrays = {name: array for name, array in data.arrays().items() if name not in ADDED}
    arrays["phase"] = np.array([phase.value for phase in data.phase], dtype="S5")
    arrays["lineage"] = np.frombuffer(json.dumps(lineage).encode(), dtype=np.uint8)
    with h5py.File("v1", "w", driver="core", backing_store=False, libver=("v110", "v110")) as file:
        for key, array in arrays.items():
            chunk = (1, *array.shape[1:]) if array.ndim > 2 else array.shape
            file.create_dataset(key, data=array, chunks=chunk, fletcher32=True, track_times=False)
        file.attrs["schema_version"] = 1
        file.attrs["patient_id"] = data.patient_id
        file.attrs["pixel_spacing_mm"] = np.array(data.pixel_spacing_mm, dtype="<f8")
        file.attrs["slice_gap_mm"] = np.float64(data.slice_gap_mm)
        file.flush()
        write_bytes(out / name, file.id.get_file_image())
    return Written([name], {"samples": len(data), "endo": len(data), "epi": 0, "left_out": 0, "sha256": {}})


@pytest.fixture
def older(current: Path, tmp_path: Path) -> Path:
    """The same store as schema 1 wrote it."""
    with open_store(current / "store") as opened:
        units = [Unit(p, p, (opened.load(p), opened.lineage(p))) for p in opened.patients]
    extra = {"schema_version": 1, "params": {"format": "hdf5"}}
    refresh("store", tmp_path / "store", units, _write_version_1, listen=silent, extra=extra)
    return tmp_path / "store"


def test_older_store_is_refused_with_the_command_and_then_comes_over_whole(current: Path, older: Path) -> None:
    """Every array and attribute is the same after it; positions and orientations come from the catalog."""
    with pytest.raises(StoreError, match=r"schema version 1.*cmrpipe migrate"):
        open_store(older)
    done = migrate(older, catalog=current / "catalog", listen=silent)
    assert (done.version, done.patients, done.unplaced, done.unlocated) == (1, 3, 0, 3)
    assert not verify_store(older, datasets=True, listen=silent).bad
    with open_store(current / "store") as a, open_store(older) as b:
        assert a.patients == b.patients
        for patient in a.patients:
            wanted, found = a.load(patient), b.load(patient)
            for name, array in wanted.arrays().items():
                np.testing.assert_array_equal(found.arrays()[name], array, err_msg=name)
                assert found.arrays()[name].dtype == array.dtype
            assert wanted.heart_px is not None
            assert found.attributes() == replace(wanted, heart_px=None).attributes()
            before, after = a.lineage(patient), b.lineage(patient)
            assert [entry["schema"] for entry in after.pop("migrated")] == [1]
            assert after == before
    assert migrate(older, listen=silent).patients == 0


def test_without_a_catalog_what_raw_alone_knows_is_unknown_and_said_so(older: Path) -> None:
    """Positions are NaN then, and the count says how many samples need the raw data; the command tells."""
    command = [sys.executable, "-m", "cmrpipe", "migrate", "--store", str(older), "--catalog", "none"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with open_store(older) as opened:
        data = [opened.load(patient) for patient in opened.patients]
    samples = sum(map(len, data))
    assert all(np.isnan(d.position_mm).all() and np.isnan(d.orientation).all() for d in data)
    assert f"3 patients, {samples} samples" in said
    assert f"of {samples} samples is stored as unknown" in said
    assert "heart is in the images of 3 patients is stored as unknown" in said
    assert "`cmrpipe store` reads them from the raw data" in said


def test_damaged_older_store_is_left_alone_and_needs_raw(older: Path) -> None:
    """A patient's file that is altered is not carried over; the old store stays, and the message names raw data."""
    path = sorted((older / "patients").iterdir())[1]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    before = snapshot(older)
    with pytest.raises(StoreError, match=f"{path.name}.*raw data"):
        migrate(older, listen=silent)
    assert snapshot(older) == before


def test_newer_store_is_refused(tmp_path: Path) -> None:
    """Nothing is guessed of a schema to come."""
    refresh("store", tmp_path / "store", [], _write_version_1, listen=silent, extra={"schema_version": 3})
    with pytest.raises(StoreError, match=r"schema version 3.*Update cmrpipe"):
        migrate(tmp_path / "store", listen=silent)


def test_format_changes_without_raw_data(older: Path, current: Path) -> None:
    """To Zarr and back every array is the same, and nothing of the other format is left."""
    for store_format in (StoreFormat.ZARR, StoreFormat.HDF5):
        assert migrate(older, catalog=current / "catalog", store_format=store_format, listen=silent).patients == 3
        assert not verify_store(older, datasets=True, listen=silent).bad
        with open_store(current / "store") as a, open_store(older) as b:
            assert b.format is store_format
            for patient in a.patients:
                wanted, found = a.load(patient).arrays(), b.load(patient).arrays()
                assert all(np.array_equal(found[name], array) for name, array in wanted.items())
                assert len(b.lineage(patient)["migrated"]) == (1 if store_format is StoreFormat.ZARR else 2)
