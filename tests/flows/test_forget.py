"""`cmrpipe forget`: nothing of the patient is left but what is told, others keep all they had."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cmrpipe.stages import UP_TO_STORE
from tests.flows.conftest import Space
from tests.flows.test_docs_sources import bin_folder, blocks, shell

__all__ = ["bin_folder"]
pytestmark = pytest.mark.slow

PATIENT = "SCD0000101"
"""Whom the page forgets."""


def git(space: Space, *arguments: str) -> str:
    """Run git in the workspace."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=space.root, capture_output=True, text=True, check=True)
    return done.stdout


def mentions(folder: Path, *names: str) -> list[str]:
    """Files below a folder whose path or content names one of them."""
    pattern = re.compile("|".join(rf"(?<![0-9A-Za-z]){re.escape(name)}(?![0-9A-Za-z])" for name in names))
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (pattern.search(str(path)) or pattern.search(path.read_bytes().decode("latin-1")))
    ]


@pytest.fixture(scope="module")
def source(four_patients: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace's three patients, an image of the third gone, and a fourth; read only."""
    folder = tmp_path_factory.mktemp("changed") / "source"
    shutil.copytree(four_patients, folder)
    other = sorted((folder / "dicoms").iterdir())[2]
    sorted(other.iterdir())[0].unlink()
    return folder


@pytest.fixture(scope="module")
def base(finished: tuple[Space, str], source: Path, tmp_path_factory: pytest.TempPathFactory) -> Space:
    """A workspace with a remote beside it and two versions of another patient in it, all committed and pushed."""
    space = finished[0].copy(tmp_path_factory.mktemp("lived") / "space")
    for name, value in (("user.name", "t"), ("user.email", "t@example.org")):
        git(space, "config", name, value)
    git(space, "add", "-A")
    git(space, "commit", "-qm", "one")
    space.call("dvc", "remote", "add", "-d", "box", "../box")  # a relative place is copied along
    space.call("dvc", "push", "-q")
    space.call("cmrpipe", "land", str(source))
    space.call("dvc", "repro", "-q", *UP_TO_STORE)
    git(space, "commit", "-qam", "two")
    space.call("dvc", "push", "-q")
    return space


@pytest.fixture
def lived(base: Space, tmp_path: Path) -> Space:
    """A copy that a test may change, its remote with it."""
    shutil.copytree(base.root.parent, tmp_path / "lived", symlinks=True)
    return Space(tmp_path / "lived" / "space", base.home)


def leave_traces(root: Path, who: str, other: str) -> None:
    """What stages beside the pipeline, a killed training and people write of patients."""
    for path in (f"data/crossvalidation/fold-01/predictions/{who}.npy", f"data/.model-training/01/completed/{who}.npz"):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(b"what a model said of them")
    (root / "pathology.csv").write_text(f"patient_id,pathology\n{who},HF-I\n{other},HYP\n")


def images_of_both_versions(space: Space, patient: str, old_raw: str) -> tuple[int, int]:
    """How many a patient has in the older version of the raw folder, by the list that the commit names, and now."""
    new_raw = re.search(rf"data/raw {old_raw} is now (\w+\.dir)", git(space, "log", "-1", "--format=%b"))
    assert new_raw
    record = space.root / "data" / "raw.dvc"
    now = record.read_text()
    current = yaml.safe_load(now)["outs"][0]["md5"]
    found = []
    for text in (now.replace(current, new_raw[1]), now):
        record.write_text(text)
        space.call("dvc", "checkout", "-q", "data/raw.dvc")
        found.append(len(list((space.root / "data/raw/dicoms" / patient).iterdir())))
    return found[0], found[1]


def test_a_forgotten_patient_is_nowhere_and_the_others_are_whole(
    finished: tuple[Space, str], lived: Space, source: Path, bin_folder: Path
) -> None:
    """Raw, outputs, cache and remote lose every byte and name; others keep both versions; landing again is refused.

    It is done by the commands of docs/forget.md, all of them, as written; the last trains anew without the patient.
    """
    listing, doing, renewing = blocks("forget.md")
    who = sorted(p.name for p in (source / "dicoms").iterdir())[0]
    other = sorted(p.name for p in (source / "dicoms").iterdir())[2]
    link = [line.split(",") for line in (source / "link.csv").read_text().split()]
    original = next(row[1] for row in link if row[0] == who)
    cache, box = lived.root / ".dvc" / "cache", lived.root.parent / "box"
    theirs = list((lived.root / "data/raw/dicoms" / who).iterdir())
    md5s = [hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in theirs]
    assert all((cache / "files/md5" / md5[:2] / md5[2:]).exists() for md5 in md5s)
    old_raw = yaml.safe_load(git(lived, "show", "HEAD~1:data/raw.dvc"))["outs"][0]["md5"]
    splits = json.loads((lived.root / "data/model/splits.json").read_text())
    part = next(name for name in ("train", "val", "test") if who in splits[name])

    leave_traces(lived.root, who, other)

    before = lived.hashes("raw", "store", "model")
    listed = shell(lived, listing.replace(PATIENT, who.lower()), bin_folder)
    assert "nothing was done" in listed
    assert f"data/raw/dicoms/{who}: 40 files" in listed
    assert f"data/model had them in {part}" in listed
    assert lived.hashes("raw", "store", "model") == before

    assert "data/crossvalidation: 1 file of" in listed
    assert "pathology.csv: a row" in listed
    assert "data/.model-training: what a killed training would go on from" in listed

    said = shell(lived, doing.replace(PATIENT, who), bin_folder)
    assert not (lived.root / "data/.model-training").exists()
    assert (lived.root / "pathology.csv").read_text() == f"patient_id,pathology\n{other},HYP\n"
    assert f"data/model had them in {part}" in said
    model = lived.root / "data" / "model"
    kept = {path.relative_to(lived.root / "data").as_posix() for path in model.rglob("*")} | {"raw/phantom.json"}
    assert set(mentions(lived.root / "data", who, original)) <= kept
    assert not mentions(lived.root / ".cmrpipe", who, original)
    told = [space.root / "data/raw/phantom.json" for space in (finished[0], lived)]  # of both versions
    stay = [*(path for path in model.rglob("*") if path.is_file()), *told]
    staying = {hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in stay}
    for place in (cache / "files/md5", box / "files/md5"):
        assert not any((place / md5[:2] / md5[2:]).exists() for md5 in md5s)
        assert {name.replace("/", "") for name in mentions(place, who, original)} <= staying
    assert git(lived, "status", "--porcelain", "-uno") == ""
    assert who not in git(lived, "show", "HEAD")

    assert images_of_both_versions(lived, other, old_raw) == (40, 39)
    assert "1 of forgotten patients" in lived.call("cmrpipe", "land", str(source))
    assert not (lived.root / "data/raw/dicoms" / who).exists()
    assert mentions(lived.root / "data/raw", who, original) == ["phantom.json"]

    assert "Dice" in shell(lived, renewing, bin_folder)
    assert who not in (lived.root / "data/model/splits.json").read_text()
    assert who not in (lived.root / "data/report/report.html").read_text()


def test_forgetting_that_was_cut_short_goes_on(lived: Space, source: Path) -> None:
    """Killed after raw was emptied, the next call still knows the contours and ends the work."""
    who = sorted(p.name for p in (source / "dicoms").iterdir())[1]
    original = next(row.split(",")[1] for row in (source / "link.csv").read_text().split() if row.startswith(who))
    params = lived.root / "params.yaml"
    good = params.read_text()
    lived.set_param("ingest", "frames_per_slice", "many")  # ingest refuses: the middle of the work fails
    lived.call("cmrpipe", "forget", who, "--yes", code=2)
    params.write_text(good)
    assert not (lived.root / "data/raw/dicoms" / who).exists()
    lived.call("cmrpipe", "forget", who, "--yes")
    model = {path.relative_to(lived.root / "data").as_posix() for path in (lived.root / "data/model").rglob("*")}
    assert set(mentions(lived.root / "data", who, original)) <= model | {"raw/phantom.json"}
    assert "is nobody that" in lived.call("cmrpipe", "forget", "NOBODY-1", code=2)
