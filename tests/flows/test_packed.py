"""A workspace whose patients land as archives: verified, rebuilt, changed and forgotten like any other."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cmrpipe.readers.archives import members
from cmrpipe.readers.layouts import archive_file
from tests.flows.conftest import Space, new_space
from tests.flows.test_rebuild import CACHE, REMOTE, flip, in_folder, verify

pytestmark = pytest.mark.slow

STAGES = ("ingest", "validate", "overlay", "store")
MADE = ("raw", "catalog", "findings", "tables", "overlays", "store")


@pytest.fixture(scope="module")
def base(four_patients: Path, tmp_path_factory: pytest.TempPathFactory) -> Space:
    """Four patients, landed packed, as far as the store, pushed to a remote inside; to be copied."""
    folder = tmp_path_factory.mktemp("packed")
    space = new_space(folder / "space", folder / "home")
    space.set_param("source", "pack", value=True)
    pipeline = yaml.safe_load((space.root / "dvc.yaml").read_bytes())
    stages = {name: pipeline["stages"][name] for name in STAGES}
    (space.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    space.call("cmrpipe", "land", str(four_patients))
    space.call("dvc", "repro", "-q")
    space.call("dvc", "remote", "add", "-q", "-d", "backup", "remote")  # a relative place is copied along
    space.call("dvc", "remote", "modify", "-q", "backup", "verify", "true")
    space.call("dvc", "push", "-q")
    space.commit("Run the pipeline")
    return space


@pytest.fixture
def packed(base: Space, tmp_path: Path) -> Space:
    """A copy that a test may change."""
    return base.copy(tmp_path / "space")


def archives(space: Space) -> list[Path]:
    """The patients' archives."""
    found = sorted((space.root / "data/raw/dicoms").iterdir())
    assert [path.suffix for path in found] == [".zip"] * len(found)
    return found


def test_a_rotten_archive_is_its_patients_and_comes_back(packed: Space) -> None:
    """From the cache, else the remote; without either it is told as lost, with what was made from it."""
    before = packed.hashes(*MADE)
    one, two, three, _ = archives(packed)
    (packed.root / in_folder(CACHE, two)).unlink()
    for path in (one, two, three):
        flip(path)
    bad = verify(packed)
    names = [path.relative_to(packed.root).as_posix() for path in (one, two, three)]
    assert {name: bad[name]["patient"] for name in names} == {
        n: p.stem for n, p in zip(names, (one, two, three), strict=True)
    }
    said = packed.call("cmrpipe", "rebuild")
    assert f"dicoms/{one.name}: from cache" in said
    assert "cache: from remote backup" in said
    assert packed.hashes(*MADE) == before
    for folder in (CACHE, REMOTE):
        (packed.root / in_folder(folder, two)).unlink()
    flip(two)
    packed.call("cmrpipe", "rebuild", "--remote", "--json", "said.json", code=1)
    lost = {entry["path"]: entry["used_by"] for entry in json.loads((packed.root / "said.json").read_bytes())["lost"]}
    assert [line.split(":")[0] for line in lost[names[1]]] == ["data/catalog", "data/overlays", "data/store"]


def test_a_lost_output_is_recomputed_from_archives(packed: Space) -> None:
    """Neither cache nor remote has it: the stage makes the recorded bytes again."""
    before = packed.hashes(*MADE)
    stored = sorted((packed.root / "data/store/patients").iterdir())[1]
    piece = min((packed.root / "data/findings/pieces").iterdir())
    for path in (stored, piece):
        for folder in (CACHE, REMOTE):
            (packed.root / in_folder(folder, path)).unlink(missing_ok=True)
        path.unlink()
    said = packed.call("cmrpipe", "rebuild", "--remote")
    assert "recomputed from raw (cmrpipe store)" in said
    assert "recomputed from raw (cmrpipe validate)" in said
    assert packed.hashes(*MADE) == before


def test_a_changed_patient_goes_all_the_way(packed: Space, four_patients: Path, tmp_path: Path) -> None:
    """DVC keeps the old archive; ingest sees the new one, and what depends on it alone is made anew."""
    source = tmp_path / "source"
    shutil.copytree(four_patients, source)
    who = archives(packed)[2].stem
    image = source / "dicoms" / who / "7.dcm"
    data = bytearray(image.read_bytes())
    data[-1] ^= 1
    image.write_bytes(data)
    before = packed.hashes("store/patients")
    assert "1 changed" in packed.call("cmrpipe", "land", str(source))
    assert not (packed.root / "data/.raw-replaced").exists()
    assert len(members(archive_file(packed.root / "data/raw", f"dicoms/{who}"))) == 40
    said = packed.call("dvc", "repro", "store")
    assert "Running stage 'ingest'" in said
    assert "Running stage 'store'" in said
    after = packed.hashes("store/patients")
    assert {name for name in before if before[name] != after[name]} <= {f"data/store/patients/{who}.h5"}
    packed.call("dvc", "repro", "-q")
    packed.call("cmrpipe", "verify")
    assert "didn't change" in packed.call("dvc", "repro")


def test_whole_tables_come_back(packed: Space) -> None:
    """They are made from the pieces; verification does not miss them, since nothing is lost with them."""
    before = packed.hashes("tables")
    assert {Path(name).name for name in before} == {"findings.csv", "findings.json", "missing.csv", "clinical.csv"}
    shutil.rmtree(packed.root / "data/tables")
    packed.call("cmrpipe", "verify")
    packed.call("cmrpipe", "tables")
    assert packed.hashes("tables") == before


def test_a_forgotten_patient_leaves_no_archive(packed: Space, four_patients: Path) -> None:
    """Nor does cache, remote or a table have anything; the others stay as they were, and it does not land again."""
    for name, value in (("user.name", "t"), ("user.email", "t@example.org")):
        subprocess.run(["git", "config", name, value], cwd=packed.root, check=True)
    who = archives(packed)[0].stem
    others = {name: digest for name, digest in packed.hashes("raw/dicoms", "store/patients").items() if who not in name}
    objects = [in_folder(folder, archives(packed)[0]) for folder in (CACHE, REMOTE)]
    assert all((packed.root / path).exists() for path in objects)
    assert f"data/raw/dicoms/{who}.zip: 1 file," in packed.call("cmrpipe", "forget", who)
    packed.call("cmrpipe", "forget", who, "--yes", "--remote")
    assert not any((packed.root / path).exists() for path in objects)
    left = [path for path in (packed.root / "data").rglob("*") if who in path.name]
    assert left == []
    texts = [path for folder in ("tables", "findings") for path in (packed.root / "data" / folder).rglob("*.*")]
    assert texts
    assert not any(who in path.read_text() for path in texts)
    assert packed.hashes("raw/dicoms", "store/patients") == others
    assert "1 of forgotten patients" in packed.call("cmrpipe", "land", str(four_patients))
