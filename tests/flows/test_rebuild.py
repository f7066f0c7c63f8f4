"""`cmrpipe verify` and `cmrpipe rebuild` in a workspace: what is bad, how it differs, which way it came back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cmrpipe.store.verify import digest_file
from tests.flows.conftest import OUTPUTS, Space, environment
from tests.flows.test_lock import hold

pytestmark = pytest.mark.slow

REMOTE = "remote/files/md5"
CACHE = ".dvc/cache/files/md5"


def overwrite(path: Path, data: bytes) -> None:
    """Other bytes in a file; size and times stay as far as they can."""
    found = path.stat()
    path.chmod(found.st_mode | stat.S_IWUSR)
    path.write_bytes(data)
    path.chmod(stat.S_IMODE(found.st_mode))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def flip(path: Path) -> None:
    """One bit in the middle."""
    data = path.read_bytes()
    overwrite(path, data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 8]) + data[len(data) // 2 + 1 :])


def in_folder(folder: str, path: Path) -> Path:
    """The object of a file, below cache or remote, by what the file holds now."""
    md5 = digest_file(path, md5=True, sha256=False).md5
    return Path(folder) / md5[:2] / md5[2:]


@pytest.fixture(scope="module")
def space(recorded: Space, tmp_path_factory: pytest.TempPathFactory) -> Space:
    """A workspace that was pushed to a remote inside it; every test leaves it whole."""
    space = recorded.copy(tmp_path_factory.mktemp("rebuild") / "space")
    space.call("dvc", "remote", "add", "-q", "-d", "backup", str(space.root / "remote"))
    space.call("dvc", "remote", "modify", "-q", "backup", "verify", "true")
    space.call("dvc", "push", "-q")
    return space


def files(space: Space) -> dict[str, str]:
    """What must be the same after all."""
    return space.hashes("raw", *OUTPUTS)


def verify(space: Space, *options: str) -> dict[str, Mapping[str, str]]:
    """What verify says of each bad file."""
    space.call("cmrpipe", "verify", *options, "--json", "said.json", code=1)
    return {bad["path"]: bad for bad in json.loads((space.root / "said.json").read_bytes())["bad"]}


def patients(space: Space) -> list[Path]:
    """The store's files of patients."""
    return sorted((space.root / "data/store/patients").iterdir())


def test_verify_tells_the_kinds_of_damage_apart_and_whose_they_are(space: Space) -> None:
    """Missing, truncated, altered, extra, swapped between patients, in raw and store: named, with the patient."""
    before = files(space)
    one, two, three = patients(space)
    ids = [path.stem for path in (one, two, three)]
    images = [sorted((space.root / "data/raw/dicoms" / patient).iterdir())[0] for patient in ids]
    mine, theirs = one.read_bytes(), two.read_bytes()
    overwrite(one, theirs)
    overwrite(two, mine)
    overwrite(three, three.read_bytes()[:-5])
    images[0].unlink()
    flip(images[1])
    extra = images[2].with_name("999.dcm")
    extra.write_bytes(b"x")
    bad = {Path(path).relative_to("data").as_posix(): found for path, found in verify(space).items()}
    raw = [path.relative_to(space.root / "data").as_posix() for path in (*images[:2], extra)]
    stored = [path.relative_to(space.root / "data").as_posix() for path in (one, two, three)]
    states = dict.fromkeys(stored[:2], "swapped") | {stored[2]: "truncated"}
    assert {path: found["state"] for path, found in bad.items()} == states | dict(
        zip(raw, ("missing", "altered", "extra"), strict=True)
    )
    assert {path: found["patient"] for path, found in bad.items()} == dict(
        zip((*raw, *stored), (*ids, *ids), strict=True)
    )
    assert bad[stored[0]]["detail"] == f"holds the bytes of data/{stored[1]}, of patient {ids[1]}"
    assert {found["remedy"] for found in bad.values()} == {"cache", "moving it away"}
    said = space.call("cmrpipe", "rebuild", "--remove-extra")
    assert f"{stored[0]}: from cache" in said.replace("data/", "")
    assert files(space) == before
    space.call("cmrpipe", "verify", "--remote")


def from_remote(space: Space, path: Path) -> None:
    """Its object in the cache is gone."""
    (space.root / in_folder(CACHE, path)).unlink()
    flip(path)


def from_nowhere(space: Space, path: Path) -> None:
    """Neither cache nor remote has it."""
    for folder in (CACHE, REMOTE):
        (space.root / in_folder(folder, path)).unlink()
    flip(path)


@pytest.mark.parametrize(
    ("harm", "way"),
    [
        (lambda _, path: flip(path), "from cache"),
        (from_remote, "from remote backup"),
        (from_nowhere, "recomputed from raw (cmrpipe store)"),
    ],
    ids=["cache", "remote", "raw"],
)
def test_rebuild_says_which_way_a_patient_came_back(
    space: Space, harm: Callable[[Space, Path], None], way: str
) -> None:
    """Cache, else remote, else raw; only what was bad is touched; cache and remote are whole again, too."""
    before, path = files(space), patients(space)[1]
    name = path.relative_to(space.root).as_posix()
    times = {file: file.stat().st_mtime_ns for file in patients(space) if file != path}
    harm(space, path)
    space.call("cmrpipe", "rebuild", path.stem, "--remote", "--json", "said.json")
    said = json.loads((space.root / "said.json").read_bytes())
    assert [entry["way"] for entry in said["restored"] if entry["path"] == name] == [way]
    assert said["whole"]
    assert not said["lost"]
    assert files(space) == before
    assert {file: file.stat().st_mtime_ns for file in times} == times
    space.call("cmrpipe", "verify", "--remote")
    assert "up to date" in space.call("dvc", "status")


def test_a_manifest_lost_everywhere_is_made_again(space: Space) -> None:
    """With neither root nor pieces of a manifest left, in no copy, the stage makes all of its output again."""
    before, folder = files(space), space.root / "data/store"
    for path in (folder / "manifest.json", *sorted((folder / "manifest").iterdir())):
        from_nowhere(space, path)
    space.call("cmrpipe", "rebuild", "--remote")
    assert files(space) == before


def test_a_deleted_quarantine_comes_back_from_git(space: Space) -> None:
    """What git keeps, and DVC only records, is brought back from git; an edited one is left to its editor."""
    path = space.root / "quarantine.csv"
    before = path.read_bytes()
    path.unlink()
    assert "quarantine.csv: from git" in space.call("cmrpipe", "rebuild")
    assert path.read_bytes() == before
    path.write_bytes(before + b"contour,x,y,z,,\n")
    assert "left for you to decide" in space.call("cmrpipe", "rebuild", code=1)
    assert path.read_bytes() != before
    path.write_bytes(before)


def test_lost_raw_is_told_with_exactly_what_was_made_from_it(space: Space) -> None:
    """No whole copy anywhere: the catalog's rows, pictures and samples of that patient are listed, nobody else's."""
    before, path = files(space), patients(space)[0]
    image = sorted((space.root / "data/raw/dicoms" / path.stem).iterdir())[2]
    objects = [space.root / in_folder(folder, image) for folder in (CACHE, REMOTE)]
    kept = {place: place.read_bytes() for place in (image, *objects)}
    for place in kept:
        flip(place)
    name = image.relative_to(space.root).as_posix()
    assert verify(space, "--remote")[name]["remedy"] == "nothing: lost"
    space.call("cmrpipe", "rebuild", "--remote", "--json", "said.json", code=1)
    said = json.loads((space.root / "said.json").read_bytes())
    lost = {entry["path"]: entry["used_by"] for entry in said["lost"]}
    assert [line.split(":")[0] for line in lost[name]] == ["data/catalog", "data/overlays", "data/store"]
    assert all(path.stem in line for line in lost[name])
    assert not any(other.stem in line for line in lost[name] for other in patients(space)[1:])
    for place, data in kept.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(data)
    space.call("cmrpipe", "rebuild", "--remote")
    assert files(space) == before
    space.call("cmrpipe", "verify", "--remote")


def test_rebuild_clears_what_a_killed_one_left(space: Space) -> None:
    """Temporary files of processes that are gone leave raw data, outputs and cache; those of a live one stay."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    image = sorted((space.root / "data/raw/dicoms" / patients(space)[0].stem).iterdir())[0]
    places = (image, patients(space)[0], space.root / in_folder(CACHE, image))
    left = [place.with_name(f".tmp-{gone.pid}-{place.name}") for place in places]
    scratch = space.root / "data/.rebuild-store/half"
    live = image.with_name(f".tmp-{os.getpid()}-{image.name}")
    scratch.parent.mkdir()
    for path in (*left, scratch, live):
        path.write_bytes(b"half")
    assert "rebuild: nothing was bad" in space.call("cmrpipe", "rebuild")
    assert [path for path in (*left, scratch.parent) if path.exists()] == []
    assert live.exists()
    live.unlink()


def test_who_waits_in_vain_is_told_for_whom(space: Space) -> None:
    """Both wait for a writer, say so, and end after the timeout with 2 and the process they waited for."""
    impatient = {**environment(space.home), "CMRPIPE_LOCK_TIMEOUT": "0.1"}
    with hold(space.root, 60) as first:
        for command in ("verify", "rebuild"):
            line = [sys.executable, "-m", "cmrpipe", command]
            done = subprocess.run(line, cwd=space.root, env=impatient, capture_output=True, text=True, check=False)
            assert done.returncode == 2
            assert f"waiting for process {first.pid}" in done.stdout
            assert f"process {first.pid}" in done.stderr
        first.kill()


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_help_names_the_options_and_exit_codes(space: Space, command: str) -> None:
    """`--help` says what the command does, its options and its exit codes, and does nothing."""
    said = space.call("cmrpipe", command, "--help")
    wanted = ("--remote", "--json", "--workers", "PATIENT", "Exit codes: 0")
    assert [word for word in wanted if word not in said] == []
