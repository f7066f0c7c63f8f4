"""Hashes that DVC recorded are told only of the very store that was judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cmrpipe.errors import InputError
from cmrpipe.learn.dvcrecord import DvcRecord, folder_md5, proven, recorded

RAW, CATALOG = "1" * 32 + ".dir", "2" * 32 + ".dir"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder of two files and a leftover, in a workspace that has no record of it."""
    folder = tmp_path / "space" / "data" / "store"
    (folder / "patients").mkdir(parents=True)
    (folder / "patients" / "\u00c4.h5").write_bytes(b"one")
    (folder / "index.h5").write_bytes(b"two")
    (folder / ".tmp-7-index.h5").write_bytes(b"killed")
    return folder


def lock(store: Path, md5: str, of_catalog: str = CATALOG) -> None:
    """A dvc.lock that says so of the store, and of an ingest that made a catalog."""
    stages: dict[str, Any] = {
        "ingest": {
            "cmd": "cmrpipe ingest",
            "deps": [{"path": "cmrpipe/files.py", "md5": "3"}, {"path": "data/raw", "md5": RAW}],
            "outs": [{"path": "data/catalog", "md5": of_catalog}],
        },
        "store": {
            "cmd": "cmrpipe store",
            "deps": [{"path": "data/catalog", "md5": CATALOG}],
            "outs": [{"path": "data/store", "md5": md5}],
        },
    }
    (store.parent.parent / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def test_the_md5_of_a_folder_is_dvcs(store: Path) -> None:
    """What `dvc add` records of the same files; what `.dvcignore` names is not among them."""
    root = store.parent.parent
    (root / ".dvcignore").write_text(".tmp-*\n")
    for command in (["init", "--no-scm"], ["add", "data/store"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=root, check=True, capture_output=True)
    (out,) = yaml.safe_load((root / "data" / "store.dvc").read_text())["outs"]
    assert folder_md5(store) == out["md5"]


def test_the_record_of_this_store_tells_its_hash_and_that_of_its_raw_data(store: Path) -> None:
    """By the catalog that both name."""
    lock(store, folder_md5(store))
    found = proven(recorded(store), store)
    assert found == DvcRecord(folder_md5(store), RAW)
    assert list(found.versions().values()) == [RAW, folder_md5(store)]
    assert "held against the files that were judged" in found.sentence()


def test_the_record_of_another_store_is_not_told(store: Path) -> None:
    """Neither its hash nor that of raw data; the sentence says why."""
    lock(store, folder_md5(store))
    claim = recorded(store)
    (store / "index.h5").write_bytes(b"three")
    found = proven(claim, store)
    assert found.versions() == {}
    assert "dvc.lock records another state of data/store than was judged" in found.sentence()


def test_a_catalog_of_other_raw_data_tells_nothing_of_it(store: Path) -> None:
    """Ingest has run again, and the store not yet."""
    lock(store, folder_md5(store), of_catalog="4" * 32 + ".dir")
    found = proven(recorded(store), store)
    assert list(found.versions().values()) == [folder_md5(store)]
    assert "None is told of the raw data" in found.sentence()


def test_without_a_record_the_reason_is_told(store: Path) -> None:
    """No dvc.lock; one that knows other folders only."""
    assert "there is no dvc.lock in the folder above data/" in proven(recorded(store), store).sentence()
    lock(store, folder_md5(store))
    other = store.rename(store.with_name("other"))
    assert "dvc.lock has no record of data/other" in proven(recorded(other), other).sentence()


@pytest.mark.parametrize("text", ["a: [", "- 1", "stages: 3"])
def test_an_altered_dvc_lock_is_refused(text: str, store: Path) -> None:
    """With file and mend."""
    (store.parent.parent / "dvc.lock").write_text(text)
    with pytest.raises(InputError, match=r"(?s)dvc\.lock: .*git checkout dvc\.lock"):
        recorded(store)
