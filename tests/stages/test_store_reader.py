"""What a reader of a store refuses, and what it holds."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.errors import StoreError
from cmrpipe.files import json_bytes, sha256_bytes
from cmrpipe.incremental.manifest import read_manifest, read_root, root_bytes, shard_file, shard_of
from cmrpipe.incremental.refresh import Written, refresh
from cmrpipe.progress import silent
from cmrpipe.store import StoreFormat, open_store, reader
from cmrpipe.store.schema import SCHEMA_VERSION
from tests.snapshots import snapshot
from tests.stages.stored import build, in_each_format


def _nothing(_: object, __: Path) -> Written:
    return Written([])


@in_each_format
@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "delete", "swap", "pipe"])
def test_altered_file_is_refused_on_first_touch_and_repaired(
    raw: Path, tmp_path: Path, harm: str, store_format: StoreFormat
) -> None:
    """No altered patient is read; the next store run makes it again, byte for byte."""
    build(raw, tmp_path, store_format=store_format)
    whole = snapshot(tmp_path / "store")
    files = sorted((tmp_path / "store" / "patients").iterdir())
    data = bytearray(files[0].read_bytes())
    if harm == "flip":
        data[len(data) // 2] ^= 1
        files[0].write_bytes(data)
    elif harm == "truncate":
        files[0].write_bytes(data[:-7])
    elif harm == "empty":
        files[0].write_bytes(b"")
    elif harm in {"delete", "pipe"}:
        files[0].unlink()
        if harm == "pipe":
            os.mkfifo(files[0])
    else:
        files[0].write_bytes(files[1].read_bytes())
    first, second = (path.name.split(".")[0] for path in files[:2])
    with open_store(tmp_path / "store") as opened:
        with pytest.raises(StoreError, match=files[0].name):
            opened.load(first)
        opened.load(second)
    assert build(raw, tmp_path, store_format=store_format).done == 1
    assert snapshot(tmp_path / "store") == whole


@in_each_format
def test_a_patient_under_another_s_name_is_refused(raw: Path, tmp_path: Path, store_format: StoreFormat) -> None:
    """Also where the manifest was written to fit, with every hash in it right."""
    build(raw, tmp_path, store_format=store_format)
    folder = tmp_path / "store"
    units = read_manifest(folder)
    (one, file), (two, other) = [(key, next(iter(units[key]["files"]))) for key in open_store(folder).patients[:2]]
    mine, theirs = (folder / file).read_bytes(), (folder / other).read_bytes()
    (folder / file).write_bytes(theirs)
    (folder / other).write_bytes(mine)
    first, second = units[one], units[two]
    units[one] = {**second, "files": {file: second["files"][other]}}
    units[two] = {**first, "files": {other: first["files"][file]}}
    root = read_root(folder)
    for shard in root["shards"]:
        data = json_bytes({key: unit for key, unit in units.items() if shard_of(key) == shard})
        (folder / shard_file(shard)).write_bytes(data)
        root["shards"][shard] = sha256_bytes(data)
    (folder / "manifest.json").write_bytes(root_bytes(root))
    with open_store(folder) as opened, pytest.raises(StoreError, match=f"is of patient {two}"):
        opened.image(one, 0)


@pytest.mark.parametrize(
    ("version", "mend"), [(99, "Update cmrpipe"), (1, "cmrpipe migrate"), (None, "cmrpipe migrate")]
)
def test_other_schema_is_refused_with_the_mend(tmp_path: Path, version: int | None, mend: str) -> None:
    """A store of a schema that this version does not know is not guessed at; the message says what to do."""
    refresh("store", tmp_path / "store", [], _nothing, listen=silent, extra={"schema_version": version})
    with pytest.raises(StoreError, match=f"schema version {version}, .* {SCHEMA_VERSION}.*{mend}"):
        open_store(tmp_path / "store")


@in_each_format
def test_reader_keeps_a_bounded_number_of_files_open(
    raw: Path, tmp_path: Path, store_format: StoreFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one place for three patients all are read; a file touched while it was closed is checked, and refused."""
    monkeypatch.setattr(reader, "MOST_OPEN", 1)
    build(raw, tmp_path, store_format=store_format)
    handles = Path("/proc/self/fd")
    with open_store(tmp_path / "store") as opened, pickle.loads(pickle.dumps(opened)) as copied:  # noqa: S301
        before = len(list(handles.iterdir()))
        for patient in opened.patients * 2:
            np.testing.assert_array_equal(opened.image(patient, 0), copied.load(patient).image[0])
            assert len(list(handles.iterdir())) <= before + 2
        first = opened.patients[0]
        path = next((tmp_path / "store" / "patients").glob(f"{first}.*"))
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(StoreError, match="altered"):
            opened.load(first)


def test_missing_store_says_what_to_run(tmp_path: Path) -> None:
    """No store: the message names the command."""
    with pytest.raises(StoreError, match="cmrpipe store"):
        open_store(tmp_path)
