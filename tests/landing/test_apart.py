"""A source and the raw folder lie apart, and a source has a name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.opening import open_source
from cmrpipe.errors import LandingError, SourceError
from cmrpipe.landing import land
from cmrpipe.landing.apart import check_apart
from cmrpipe.params import SourceParams
from cmrpipe.progress import silent
from cmrpipe.workspace import MARKS
from tests.plainuser import cmrpipe


def linked(raw: Path, folder: Path) -> Path:
    """A folder whose `dicoms` is a link to that of the raw folder."""
    folder.mkdir()
    (folder / "dicoms").symlink_to(raw / "dicoms")
    return folder


def behind_a_link(raw: Path, elsewhere: Path) -> Path:
    """The raw folder moved away, with a link in its place."""
    raw.rename(elsewhere)
    raw.symlink_to(elsewhere)
    return raw.parents[1]


@pytest.mark.parametrize(
    "source",
    [
        lambda raw, _: raw,
        lambda raw, _: raw / "dicoms",
        lambda raw, _: raw.parent,
        lambda raw, _: raw.parents[1],
        linked,
        behind_a_link,
    ],
    ids=["raw", "inside", "parent", "grandparent", "link-into-raw", "raw-a-link"],
)
@pytest.mark.parametrize("sort", ["auto", "always"])
def test_what_overlaps_is_refused_and_nothing_is_touched(
    small_phantom: Path, tmp_path: Path, source: Callable[[Path, Path], Path], sort: str
) -> None:
    """Neither the phantom that stands there nor anything else changes, and no lock, marker or ledger comes up."""
    raw = tmp_path / "place" / "data" / "raw"
    shutil.copytree(small_phantom, raw)
    (tmp_path / "params.yaml").write_text(f"source: {{settle_s: 0, sort: {sort}}}\n")
    where = source(raw, tmp_path / "free")
    before = hash_tree(tmp_path)
    done = cmrpipe("land", where, "--raw", raw, "--params", tmp_path / "params.yaml")
    assert done.returncode == 2, done.stderr
    assert "the raw folder" in done.stderr
    with pytest.raises(LandingError, match="the raw folder"):
        land(where, raw, listen=silent)
    assert hash_tree(tmp_path) == before


def test_neighbours_do_not_overlap(tmp_path: Path) -> None:
    """Beside each other, or under names that begin alike, is apart; a server is nowhere near."""
    raw = tmp_path / "data" / "raw"
    for source in (tmp_path / "data" / "inbox", tmp_path / "data" / "raw2", tmp_path / "dat"):
        check_apart(str(source), raw)
    check_apart("https://pacs.example.org/dicom-web", raw)


@pytest.mark.parametrize("raw", [Path(), Path("..")])
def test_a_raw_folder_without_a_name_is_refused(raw: Path) -> None:
    """What is kept beside it would lie in it."""
    with pytest.raises(LandingError, match="has no name"):
        check_apart("/somewhere", raw)


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("command", ["land", "sources"])
def test_an_empty_source_is_not_the_current_folder(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, empty: str
) -> None:
    """As a variable that is not set gives it: refused, and nothing lands."""
    monkeypatch.chdir(raw)
    done = cmrpipe(command, empty, "--raw", tmp_path / "data" / "raw")
    assert done.returncode == 2
    assert "not set" in done.stderr
    assert not (tmp_path / "data").exists()
    with pytest.raises(SourceError, match="names no folder"):
        open_source(empty, SourceParams(), tmp_path / "data" / "raw")


def test_a_run_with_an_empty_source_is_none_on_the_phantom(tmp_path: Path) -> None:
    """As `cmrpipe land` does it: refused before anything starts."""
    for mark in MARKS:
        (tmp_path / mark).mkdir()
    command = [sys.executable, "-m", "flows.run", "--no-prefect", "--source", "", "--workspace", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "names no folder" in done.stderr
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == sorted(MARKS)


def test_a_source_whose_path_is_no_text_is_refused(raw: Path, tmp_path: Path) -> None:
    """With its name, before a landing begins; a table's name of that kind, too."""
    source, target = tmp_path / os.fsdecode(b"K\xf6rper"), tmp_path / "data" / "raw"
    raw.rename(source)
    done = cmrpipe("land", source, "--raw", target)
    assert done.returncode == 2
    assert "no text" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / ".raw-landing").exists()
    source.rename(raw)
    with pytest.raises(LandingError, match="--name"):
        land(raw, target, name=os.fsdecode(b"K\xf6rper"), listen=silent)
    assert not target.exists()
