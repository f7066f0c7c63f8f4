"""cmrpipe.store.verify."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from cmrpipe.errors import StoreError
from cmrpipe.incremental.commit import commit, roll_forward
from cmrpipe.incremental.manifest import MANIFEST, read_manifest, read_root
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.store.verify import State, digest_file, is_cut_short, verify_store


@pytest.fixture(scope="module", params=["hdf5", "zarr"])
def whole(small_phantom: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A store of the small phantom, in either format; read only."""
    base = tmp_path_factory.mktemp("whole")
    params = StoreParams(format=request.param)
    ingest(small_phantom, base / "catalog", base / "state", IngestParams(), listen=silent)
    write_quarantine(base / "quarantine.csv", [])
    store_stage(small_phantom, base / "catalog", base / "quarantine.csv", base / "store", params, listen=silent)
    return base / "store"


@pytest.fixture
def store(whole: Path) -> Iterator[Path]:
    """The store, put back as it was after the test."""
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    yield whole
    for path in [path for path in whole.rglob("*") if path.is_file() and path not in before]:
        path.unlink()
    for path, data in before.items():
        path.write_bytes(data)


def rot(path: Path, data: bytes) -> None:
    """Overwrite a file and keep its times."""
    stat = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def found(folder: Path, *, datasets: bool = False) -> dict[str, State]:
    """State of what is bad, by path."""
    return {bad.path: bad.state for bad in verify_store(folder, datasets=datasets, listen=silent).bad}


def patients(folder: Path) -> list[Path]:
    """Files of patients."""
    return sorted(path for path in (folder / "patients").rglob("*") if path.is_file())


def test_whole_store_is_clean(store: Path) -> None:
    """A store as it was written has nothing bad, array by array too, and every file was read."""
    verified = verify_store(store, datasets=True, listen=silent)
    assert not verified.bad
    listed = [path for path in store.rglob("*") if path.is_file() and path.name != MANIFEST]
    assert (verified.files, verified.bytes) == (len(listed), sum(path.stat().st_size for path in listed))


def test_every_flipped_byte_of_a_patient_is_found(store: Path) -> None:
    """A bit flipped anywhere in a patient's file, size and times kept, is found."""
    path = patients(store)[0]
    data = path.read_bytes()
    for at in range(0, len(data), max(1, len(data) // 25)):
        rot(path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert found(store) == {path.relative_to(store).as_posix(): State.ALTERED}


def test_manifest_that_is_altered_is_found(store: Path) -> None:
    """A flip in the root, or in a piece of the manifest, is found and named; patients' files are not called extra."""
    for path in (store / MANIFEST, *sorted((store / "manifest").iterdir())):
        data = path.read_bytes()
        for at in range(0, len(data), 37):
            rot(path, data[:at] + bytes([data[at] ^ 2]) + data[at + 1 :])
            assert found(store) == {path.relative_to(store).as_posix(): State.ALTERED}
        rot(path, data)
    assert not found(store)


def test_kinds_of_damage_are_told_apart(store: Path) -> None:
    """Missing, truncated, extra and swapped files are named as such, with the patient."""
    first, second = patients(store)[:2]
    name, other = (path.relative_to(store).as_posix() for path in (first, second))
    a, b = first.read_bytes(), second.read_bytes()
    first.unlink()
    (store / "patients" / "stranger.h5").write_bytes(b"x")
    rot(second, b[:-9])
    assert found(store) == {
        name: State.MISSING,
        other: State.TRUNCATED,
        "patients/stranger.h5": State.EXTRA,
    }
    (store / "patients" / "stranger.h5").unlink()
    first.write_bytes(b)
    second.write_bytes(a)
    bad = verify_store(store, listen=silent).bad
    assert {verdict.path: verdict.state for verdict in bad} == {name: State.SWAPPED, other: State.SWAPPED}
    assert {verdict.detail for verdict in bad} == {f"holds the bytes of {name}", f"holds the bytes of {other}"}


def test_only_the_named_patient_is_looked_at(store: Path) -> None:
    """With patients named, others are not read."""
    first, second = patients(store)[:2]
    rot(first, b"x")
    ids = [path.name.split(".")[0] for path in (first, second)]
    assert verify_store(store, patients=ids[:1], listen=silent).bad
    assert not verify_store(store, patients=ids[1:], listen=silent).bad
    with pytest.raises(StoreError, match="has no patient stranger"):
        verify_store(store, patients=[*ids, "stranger"], listen=silent)


def test_a_commit_under_way_is_no_damage(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A patient was taken out, and the run killed before its file was: that is neither bad nor extra."""
    root, entries = read_root(store), read_manifest(store)
    path = patients(store)[0]
    del entries[path.name.split(".")[0]]
    with monkeypatch.context() as patch:
        patch.setattr("cmrpipe.incremental.commit._finish", lambda *_: None)
        commit(store, {name: root[name] for name in ("schema", "stage", "schema_version", "format")}, entries, [])
    assert read_manifest(store).keys() == entries.keys()
    assert path.exists()
    assert not found(store, datasets=True)
    roll_forward(store, [])
    assert not path.exists()
    assert not found(store, datasets=True)


def test_arrays_are_held_against_their_own_hashes(store: Path) -> None:
    """A file that agrees with its hash, but not with that of an array in it, is named with the array."""
    key = patients(store)[0].name.split(".")[0]
    root, entries = read_root(store), read_manifest(store)
    entries[key]["info"]["sha256"]["label"] = "0" * 64
    commit(store, {name: root[name] for name in ("schema", "stage", "schema_version", "format")}, entries, [])
    assert not found(store)
    assert found(store, datasets=True) == {f"{key}/label": State.ALTERED}
    for other in entries.keys() - {"index.h5", "index.json"}:
        named = verify_store(store, patients=[other], datasets=True, listen=silent).bad
        assert [verdict.patient for verdict in named] == [key] * (other == key)
    path = patients(store)[0]
    rot(path, path.read_bytes()[:-9])  # its arrays cannot be what they were, and are not told one by one
    assert found(store, datasets=True) == {path.relative_to(store).as_posix(): State.TRUNCATED}


def test_no_store_is_an_error(tmp_path: Path) -> None:
    """A folder without a store is not a clean one; one whose manifest is gone is bad."""
    with pytest.raises(StoreError):
        verify_store(tmp_path, listen=silent)
    (tmp_path / "patients").mkdir()
    assert found(tmp_path) == {MANIFEST: State.MISSING}


def test_hashes_in_one_reading(tmp_path: Path) -> None:
    """Both hashes and the size are those of the bytes."""
    (tmp_path / "file").write_bytes(b"abc" * 200_000)
    both = digest_file(tmp_path / "file", md5=True)
    assert (both.md5[:8], both.sha256[:8], both.size) == ("7365da78", "c7e87c52", 600_000)
    assert digest_file(tmp_path / "file").md5 == ""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        digest_file(tmp_path / "pipe")


@pytest.mark.parametrize("kind", ["hdf5", "zip"])
def test_a_file_that_was_cut_anywhere_is_cut_short(tmp_path: Path, kind: str) -> None:
    """Also where little more than the first bytes is left."""
    path = tmp_path / kind
    if kind == "hdf5":
        with h5py.File(path, "w", libver=("v110", "v110")) as out:
            out["image"] = np.arange(50)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("chunk", bytes(range(200)))
    whole = path.read_bytes()
    assert not is_cut_short(path, len(whole))
    for size in (0, 1, 2, 3, 4, 7, 8, 9, 21, 40, 47, 48, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert is_cut_short(path, size)
    if kind == "hdf5":  # of an older superblock, which says where it ends elsewhere, nothing is known
        path.write_bytes(whole[:8] + b"\0" + whole[9:-1])
        assert not is_cut_short(path, len(whole) - 1)
    for other in (b"a,b\n", b"x" * 100):
        path.write_bytes(other)
        assert not is_cut_short(path, len(other))


def test_a_zip_file_is_cut_short_when_its_end_is_gone(tmp_path: Path) -> None:
    """Not when one byte is altered, be it in the signature of that end."""
    path = tmp_path / "P.zarr.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("chunk", bytes(range(200)))
    whole = path.read_bytes()
    assert not is_cut_short(path, len(whole))
    for at in (10, *range(len(whole) - 22, len(whole) - 17)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert not is_cut_short(path, len(whole))
    path.write_bytes(whole[:-22] + b"PK\0\0" + whole[-18:])  # half of it may stand there by chance
    assert is_cut_short(path, len(whole))
    for size in (0, 50, len(whole) // 2, len(whole) - 22, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert is_cut_short(path, size)
