"""Damage that could become the record, or hide behind one: by a landing, a stage, a lost or a cut record, a link."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from cmrpipe.files import sha256_file
from cmrpipe.incremental.manifest import read_root, root_bytes
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.store import open_store
from cmrpipe.workspace import Workspace
from tests.flows.conftest import OUTPUTS, Space
from tests.flows.test_rebuild import CACHE, flip, in_folder, verify

pytestmark = pytest.mark.slow
STAGES = ("ingest", "validate", "store")


@pytest.fixture
def space(recorded: Space, tmp_path: Path) -> Space:
    """A workspace that a test may spoil."""
    space = recorded.copy(tmp_path / "space")
    space.call("dvc", "status", "-q")  # DVC notes the copies' times and inodes: what it has seen, it trusts
    return space


@pytest.fixture(scope="module")
def fourth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of one further patient."""
    folder = tmp_path_factory.mktemp("fourth") / "source"
    write_phantom(folder, 4, 5, slices=2, frames=4, rows=48, columns=48, listen=silent)
    for patient in sorted((folder / "dicoms").iterdir())[:3]:
        shutil.rmtree(patient)
    for contours in sorted((folder / "contourfiles").iterdir())[:3]:
        shutil.rmtree(contours)
    (folder / "link.csv").unlink()
    return folder


def images(space: Space, patient: int) -> list[Path]:
    """A patient's image files."""
    return sorted(sorted((space.root / "data/raw/dicoms").iterdir())[patient].iterdir())


def contoured(space: Space) -> Path:
    """An image that the store has a sample of."""
    with open_store(space.root / "data/store") as store:
        image: str = store.lineage(store.patients[0])["sources"][0]["image"]
    return space.root / "data/raw" / image


def test_a_landing_records_nothing_that_was_damaged(space: Space, fourth: Path) -> None:
    """An altered and a deleted file of others stop it, named; once they are back the new patient is recorded."""
    altered, gone = images(space, 0)[0], images(space, 2)[1]
    before = space.hashes("raw")
    record = (space.root / "data/raw.dvc").read_bytes()
    altered.write_bytes(altered.read_bytes()[:-2] + b"xy")
    gone.unlink()
    said = space.call("cmrpipe", "land", str(fourth), code=2)
    for path in (altered, gone):
        assert path.relative_to(space.root / "data/raw").as_posix() in said
    assert "cmrpipe rebuild" in said
    assert (space.root / "data/raw.dvc").read_bytes() == record
    assert {"altered", "missing"} <= {bad["state"] for bad in verify(space).values()}
    space.call("cmrpipe", "rebuild", code=1)  # the new patient is not recorded yet: left, and told
    assert before.items() <= space.hashes("raw").items()
    space.call("cmrpipe", "land", str(fourth))
    assert (space.root / "data/raw.dvc").read_bytes() != record
    space.call("cmrpipe", "verify")


def test_a_record_that_nobody_looked_at_is_not_kept(space: Space, fourth: Path) -> None:
    """Killed between DVC's recording and the look at it: the next landing goes back to the old record."""
    images(space, 0)[0].unlink()
    record, kept = space.root / "data/raw.dvc", space.root / ".cmrpipe/records"
    good = record.read_bytes()
    (kept / "data").mkdir(parents=True)
    shutil.copy2(record, kept / "data/raw.dvc")
    shutil.copy2(space.root / "dvc.lock", kept)
    space.call("dvc", "add", "-q", "data/raw")
    assert record.read_bytes() != good
    assert "(missing)" in space.call("cmrpipe", "land", str(fourth), code=2)
    assert record.read_bytes() == good
    assert not kept.exists()


def test_a_run_without_a_source_records_no_damage_either(space: Space) -> None:
    """What was edited by hand is recorded by hand."""
    images(space, 1)[0].unlink()
    assert "1 files are not as they were recorded" in space.run(code=2)
    space.call("dvc", "add", "-q", "data/raw")
    space.call("cmrpipe", "verify")


def test_a_catalog_made_of_damaged_bytes_is_told_when_the_file_is_back(space: Space) -> None:
    """DVC, whose hash of raw never changed, runs nothing again; verify knows, rebuild says what to force."""
    path = contoured(space)
    good = sha256_file(path)
    flip(path)
    code = space.root / "cmrpipe" / "readers" / "dicom.py"
    code.write_text(code.read_text() + "# another version\n")
    shutil.rmtree(Workspace(space.root).state)  # as after new code, ingest reads everything
    for stage in STAGES:
        space.call("dvc", "repro", "-q", "--single-item", stage)
    space.call("cmrpipe", "rebuild", code=1)
    assert sha256_file(path) == good
    bad = verify(space)
    assert [Path(name).parts[:3] for name in bad] == [("data", "catalog", "images")]
    assert all("--force --single-item ingest" in found["remedy"] for found in bad.values())
    space.call("dvc", "repro", "-q", "--force", "--single-item", "ingest")
    space.call("dvc", "repro", "-q")
    space.call("cmrpipe", "verify")
    with open_store(space.root / "data/store") as store:
        sources = store.lineage(store.patients[0])["sources"]
    assert good in {source["image_sha256"] for source in sources}


def test_verify_waits_for_a_dvc_that_somebody_started(space: Space) -> None:
    """DVC's own locks count; whoever waits in vain is told for whom."""
    pipeline = space.root / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("cmd: cmrpipe overlay", "cmd: sleep 5 && cmrpipe overlay"))
    dvc = space.start("dvc", "repro", "--force", "--single-item", "overlay")
    table = space.root / ".dvc" / "tmp" / "rwlock"
    while not (table.exists() and '"pid"' in table.read_text()):
        assert dvc.poll() is None
        time.sleep(0.01)
    said = space.call("cmrpipe", "verify")
    assert f"waiting for process {dvc.pid}" in said
    printed, _ = dvc.communicate(timeout=60)
    assert dvc.returncode == 0, printed


@pytest.mark.parametrize("cut", ["", "\n  overlay:"])
def test_a_lost_or_a_cut_dvc_lock_is_told(space: Space, cut: str) -> None:
    """The last commit knows which stages there were."""
    lock = space.root / "dvc.lock"
    text = lock.read_text()
    lock.unlink()
    if cut:
        lock.write_text(text[: text.index(cut) + 1])
    (space.root / "data/store/manifest.json").write_bytes(b"x")
    for command in ("verify", "rebuild"):
        assert "`git checkout dvc.lock`" in space.call("cmrpipe", command, code=2)


def test_an_altered_hash_in_dvc_lock_is_told(space: Space) -> None:
    """Of the last stage, which no later one vouches for."""
    lock = space.root / "dvc.lock"
    text = lock.read_text()
    at = text.index("path: data/store")
    at = text.index("md5: ", text.index("outs:", text.index("\n  store:"))) + 5
    lock.write_text(f"{text[:at]}{'0' if text[at] != '0' else '1'}{text[at + 1 :]}")
    assert verify(space)["dvc.lock"]["remedy"] == "`git checkout dvc.lock`"


def test_the_list_of_raw_comes_back_through_the_catalog(space: Space) -> None:
    """No remote, the list gone from the cache, a file gone and one rotten: the catalog knows which objects they are."""
    before = space.hashes("raw", *OUTPUTS)
    oid = next(line for line in (space.root / "data/raw.dvc").read_text().split() if line.endswith(".dir"))
    (space.root / CACHE / oid[:2] / oid[2:]).unlink()
    images(space, 0)[0].unlink()
    flip(images(space, 1)[0])
    space.call("cmrpipe", "rebuild")
    assert space.hashes("raw", *OUTPUTS) == before
    space.call("cmrpipe", "verify")


def test_raw_that_is_lost_with_its_list_is_told_by_the_catalog(space: Space) -> None:
    """File by file, with what was made from it; nothing that would make the catalog again from what is left."""
    patient = images(space, 0)[0].parent.name
    shutil.rmtree(space.root / "data/raw/dicoms" / patient)
    flip(images(space, 0)[1])
    (space.root / "data/raw/link.csv").unlink()
    contour = sorted((space.root / "data/raw/contourfiles").glob("*/i-contours/*"))[0]
    contour.unlink()
    altered = images(space, 0)[1].relative_to(space.root).as_posix()
    shutil.rmtree(space.root / ".dvc/cache")
    bad = {path: found for path, found in verify(space).items() if path.startswith("data/")}
    assert {found["remedy"] for found in bad.values()} == {"nothing: lost"}
    assert {Path(path).parent.name: found["state"] for path, found in bad.items() if patient in path} == {
        patient: "missing"
    }
    assert bad[altered]["state"] == "altered"
    space.call("cmrpipe", "rebuild", "--json", "said.json", code=1)
    said = json.loads((space.root / "said.json").read_bytes())
    lost = {entry["path"]: entry["used_by"] for entry in said["lost"]}
    gone = f"data/raw/dicoms/{patient}/1.dcm"
    assert [line.split(":")[0] for line in lost[gone]] == ["data/catalog", "data/overlays", "data/store"]
    assert all(patient in line for line in lost[gone])
    assert len(lost[contour.relative_to(space.root).as_posix()]) == 3, "whose contour it was, the catalog knows"
    assert not said["left"]


def test_a_folder_or_a_link_in_the_place_of_files_makes_way(space: Space) -> None:
    """In the workspace and in the cache; nothing is deleted."""
    before = space.hashes("raw", *OUTPUTS)
    image, stored = images(space, 0)[0], sorted((space.root / "data/store/patients").iterdir())[0]
    held = space.root / in_folder(CACHE, images(space, 1)[0])
    for path in (image, stored, held, space.root / "data/store/manifest.json"):
        path.unlink()
        path.mkdir()
        (path / "note.txt").write_text("somebody's")
    catalog, elsewhere = space.root / "data/catalog/images", space.root.parent / "elsewhere"
    shutil.move(catalog, elsewhere)
    catalog.symlink_to(elsewhere)
    assert verify(space)[image.relative_to(space.root).as_posix()]["detail"] == "is a folder where a file belongs"
    space.call("cmrpipe", "rebuild")
    space.call("cmrpipe", "verify")
    assert space.hashes("raw", *OUTPUTS) == before
    assert not catalog.is_symlink()
    assert len(list(space.root.rglob("note.txt"))) == 4
    assert len(list(elsewhere.iterdir())) == 3


def test_a_patient_is_not_whole_without_what_all_share(space: Space) -> None:
    """The manifest is looked at with every patient; one that is not there is refused."""
    patient = sorted(path.stem for path in (space.root / "data/store/patients").iterdir())[0]
    space.call("cmrpipe", "verify", patient)
    flip(space.root / "data/store/manifest.json")
    assert set(verify(space, patient)) == {"data/store/manifest.json"}
    space.call("cmrpipe", "rebuild", patient)
    space.call("cmrpipe", "verify", "--store", "data/store", patient)
    assert "NOBODY" in space.call("cmrpipe", "verify", "--store", "data/store", "NOBODY", code=2)


def test_what_cannot_be_read_is_named(space: Space) -> None:
    """A pipe does not keep verify waiting; where a file belongs, it makes way."""
    stored = sorted((space.root / "data/store/patients").iterdir())[0]
    stored.unlink()
    os.mkfifo(stored)
    os.mkfifo(space.root / "data/store/pipe")
    image, piece = images(space, 0)[0], sorted((space.root / "data/store/manifest").iterdir())[0]
    piece.unlink()
    os.mkfifo(piece)
    image.unlink()
    image.symlink_to("nowhere")
    bad = verify(space)
    assert bad[image.relative_to(space.root).as_posix()]["detail"] == "is a link that leads nowhere"
    assert bad[stored.relative_to(space.root).as_posix()]["detail"] == "cannot be read"
    assert bad["data/store/pipe"]["state"] == "extra"
    space.call("cmrpipe", "rebuild")
    space.call("cmrpipe", "verify")


def test_an_empty_file_is_truncated_also_where_another_one_is_empty(space: Space) -> None:
    """Not swapped with it."""
    (space.root / "data/raw/contourfiles/empty").mkdir()
    (space.root / "data/raw/contourfiles/empty/nothing.txt").touch()
    space.call("dvc", "add", "-q", "data/raw")
    image = images(space, 0)[0]
    image.write_bytes(b"")
    assert verify(space)[image.relative_to(space.root).as_posix()]["state"] == "truncated"


@pytest.mark.parametrize("key", ["schema_version", "schema"])
def test_a_newer_store_is_not_written_over(space: Space, key: str) -> None:
    """Neither one of a newer schema nor one of a newer layout; a flipped digit is damage, as ever."""
    folder = space.root / "data/store"
    whole, root = space.hashes("store"), read_root(folder)
    (folder / "manifest.json").write_bytes(root_bytes({**root, key: root[key] + 1}))
    before = space.hashes("store")
    for command in (("store",), ("migrate", "--store", "data/store"), ("verify", "--store", "data/store")):
        if command[0] != "verify" or key == "schema":
            assert "Update cmrpipe" in space.call("cmrpipe", *command, code=2)
    assert space.hashes("store") == before
    (folder / "manifest.json").write_text(json.dumps({**root, key: root[key] + 1}))
    space.call("cmrpipe", "store")
    assert space.hashes("store") == whole
