"""Disks that are full, or that may only be read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cmrpipe.errors import DiskError
from cmrpipe.params import IngestParams, StoreParams, TrainParams
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store
from cmrpipe.stages.train import train
from cmrpipe.store import StoreFormat, open_store
from tests.commands import cmrpipe
from tests.conftest import missing
from tests.snapshots import snapshot

_INGEST = IngestParams()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB, and beside it a quarantine without rows."""
    place = tmp_path / "disk"
    place.mkdir()
    write_quarantine(tmp_path / "none.csv", [])
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        missing("the right to mount a tmpfs", "run the tests as root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def cli_store(
    raw: Path, work: Path, out: Path, workers: int, store_format: StoreFormat
) -> subprocess.CompletedProcess[str]:
    """`cmrpipe store` in a process of its own."""
    params = work / "params.yaml"
    params.write_text(f"store: {{format: {store_format}}}\n")
    options = ["--raw", raw, "--catalog", work / "catalog", "--quarantine", work / "none.csv", "--params", params]
    command = [sys.executable, "-m", "cmrpipe", "store", *options, "--out", out, "-j", workers]
    return subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("workers", "store_format"), [(1, StoreFormat.HDF5), (2, StoreFormat.HDF5), (2, StoreFormat.ZARR)]
)
def test_full_disk_leaves_the_old_store_whole(
    small_disk: Path, tmp_path: Path, workers: int, store_format: StoreFormat
) -> None:
    """The error says what is full; the old store is byte for byte there; with room again, the run comes to its end."""
    source, more = tmp_path / "two", tmp_path / "five"
    write_phantom(source, 2, 4, slices=2, frames=4, rows=64, columns=64, listen=silent)
    write_phantom(more, 5, 4, slices=2, frames=4, rows=64, columns=64, listen=silent)
    out = small_disk / "store"
    params = StoreParams(format=store_format.value)

    def make(raw: Path, out: Path, workers: int = 1) -> None:
        store(raw, tmp_path / "catalog", tmp_path / "none.csv", out, params, listen=silent, workers=workers)

    ingest(source, tmp_path / "catalog", tmp_path / "state", _INGEST, listen=silent)
    make(source, out, workers)
    before = snapshot(out)
    ingest(more, tmp_path / "catalog", tmp_path / "state", _INGEST, listen=silent)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(small_disk).free - 60_000)))
    failed = cli_store(more, tmp_path, out, workers, store_format)
    assert failed.returncode == 2, failed.stderr
    assert "the disk is full" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert snapshot(out) == before
    with open_store(out) as opened:
        assert [opened.load(patient).patient_id for patient in opened.patients] == list(opened.patients)
    filler.unlink()
    make(more, out, workers)
    make(more, tmp_path / "fresh")
    assert snapshot(out) == snapshot(tmp_path / "fresh")


@pytest.mark.parametrize("store_format", StoreFormat)
def test_training_reads_a_store_that_nobody_may_write(
    small_disk: Path, tmp_path: Path, store_format: StoreFormat
) -> None:
    """A store on a file system that is mounted read-only trains a model; nothing is tried beside it."""
    source, params = tmp_path / "raw", StoreParams(format=store_format.value)
    write_phantom(source, 4, 4, slices=2, frames=4, rows=64, columns=64, listen=silent)
    ingest(source, tmp_path / "catalog", tmp_path / "state", _INGEST, listen=silent)
    store(source, tmp_path / "catalog", tmp_path / "none.csv", small_disk / "store", params, listen=silent)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    brief = TrainParams(epochs=1, image_size=32, channels=(4, 8), threads=1)
    with pytest.raises(DiskError, match="cannot be written"):
        store(source, tmp_path / "catalog", tmp_path / "none.csv", small_disk / "store", params, listen=silent)
    assert train(small_disk / "store", tmp_path / "model", brief, listen=silent).done == 1


def _fill(disk: Path) -> None:
    """Leave no room at all."""
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("validate", "--quarantine", "disk/q.csv"), "disk: the disk is full"),
        (("validate", "--tables", "disk/tables"), "disk/tables: the disk is full"),
        (("tables", "--tables", "disk/tables"), "disk/tables: the disk is full"),
        (("report", "--out", "disk/report"), "disk/report/patients: the disk is full"),
        (("phantom", "disk/phantom", "--patients", "1"), "disk: the disk is full"),
        (("land", "data/raw", "--raw", "disk/raw"), "No space left on device"),
    ],
)
def test_a_full_disk_is_told_by_its_place(
    small_disk: Path, raw: Path, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    """Whatever was to be written: a word that says so and exit code 2, no traceback, and nothing half made."""
    (tmp_path / "data").mkdir()
    raw.rename(tmp_path / "data" / "raw")
    (tmp_path / "params.yaml").write_text("ingest: {}\n")
    for stage in ("ingest", "validate"):
        assert cmrpipe(tmp_path, stage).returncode == 0
    _fill(small_disk)
    done = cmrpipe(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert named in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not [
        path for path in small_disk.rglob("*") if path.is_file() and path.stat().st_size and path.name != "filler"
    ]
