"""DVC remotes as docs/remotes.md sets them up: a folder, a machine reached by SSH, an S3 service."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from cmrpipe.files import sha256_file
from tests.flows.conftest import OUTPUTS, REPOSITORY, Space, environment
from tests.flows.servers import KEY_ID, SECRET, s3_remove, s3_server, ssh_server

pytestmark = pytest.mark.slow

PAGE = REPOSITORY / "docs" / "remotes.md"
KINDS = ("A folder", "SSH", "S3")


def blocks() -> dict[str, list[str]]:
    """The page's commands: heading → its blocks."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        found[part.splitlines()[0]] = re.findall(r"^```sh\n(.*?)^```", part, flags=re.MULTILINE | re.DOTALL)
    return found


@dataclass(frozen=True, slots=True)
class Setup:
    """A remote of one kind, with the workspace that was pushed to it.

    Attributes
    ----------
    space : the workspace; its `backup` is the remote
    objects : where the remote's objects lie on this machine
    words : what stands in the page, and what to put there
    said : what the page's commands printed
    remove : removes an object, as somebody with access to the remote would
    """

    kind: str
    space: Space
    objects: Path
    words: Mapping[str, str]
    said: str
    remove: Callable[[Path], None]

    def shell(self, text: str, cwd: Path, home: Path, *, code: int = 0) -> str:
        """Run a block of the page, with this machine's names in place of the page's."""
        return shell(text, self.words, cwd, home, code=code)

    def local(self) -> str:
        """Those lines of the set-up that everybody runs for himself."""
        lines = "".join(blocks()[self.kind]).splitlines()
        return "\n".join(line for line in lines if "--local" in line or line.startswith("ssh-key"))


def shell(text: str, words: Mapping[str, str], cwd: Path, home: Path, *, code: int = 0) -> str:
    """Run commands in a shell; what they printed."""
    for theirs, ours in words.items():
        text = text.replace(theirs, ours)
    who = {f"GIT_{role}_{what}": "test@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=cwd,
        env={**environment(home), **who},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{text}\nleft with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def new_home(path: Path) -> Path:
    """A home folder as ssh wants it."""
    (path / ".ssh").mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="module", params=KINDS)
def setup(request: pytest.FixtureRequest, recorded: Space, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """A workspace that was pushed to a remote of each kind by the page's commands."""
    base, kind, remove = tmp_path_factory.mktemp("remote"), request.param, Path.unlink
    words = {"https://git.example.org/cmr.git": str(base / "space")}
    with ExitStack() as stack:
        if kind == "SSH":
            server = stack.enter_context(ssh_server(base / "server"))
            words |= {"-p 22 ": f"-p {server.port} ", "backup.example.org:22/srv": f"127.0.0.1:{server.port}/srv"}
            words |= {"backup.example.org": "127.0.0.1", "/srv/cmr": f"{server.folder}/cmr"}
            words |= {"user anna": f"user {server.user}", "~/.ssh/id_ed25519": str(server.keyfile)}
            objects = server.folder / "cmr"
        elif kind == "S3":
            server = stack.enter_context(s3_server(base / "server"))
            words |= {"https://s3.example.org": f"http://127.0.0.1:{server.port}"}
            words |= {"YOUR_KEY_ID": KEY_ID, "YOUR_SECRET": SECRET}
            objects, remove = server.folder / "cmr", partial(s3_remove, server)
        else:
            objects = base / "mounted" / "cmr"
            words |= {"/mnt/backup": str(base / "mounted")}
        space = recorded.copy(base / "space")
        home = new_home(base / "home")
        space = Space(space.root, home)
        said = "".join(shell(block, words, space.root, home) for block in blocks()[kind])
        said += "".join(shell(block, words, space.root, home) for block in blocks()["Tell the others"])
        yield Setup(kind, space, objects, words, said, remove)


def stored_objects(setup: Setup) -> dict[str, Path]:
    """Objects in the remote, by name."""
    files = [path for path in (setup.objects / "files" / "md5").rglob("*") if path.is_file()]
    return {path.parent.name + path.name: path for path in files}


def rot(path: Path) -> bytes:
    """Flip a bit in the middle of a file; size and times stay. Returns what was in it."""
    found, data = path.stat(), path.read_bytes()
    path.chmod(found.st_mode | stat.S_IWUSR)
    with path.open("r+b") as stream:
        stream.seek(len(data) // 2)
        stream.write(bytes([data[len(data) // 2] ^ 4]))
    path.chmod(stat.S_IMODE(found.st_mode))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    return data


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of raw data and of all outputs."""
    paths = [path for name in ("raw", *OUTPUTS) for path in sorted((root / "data" / name).rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): sha256_file(path) for path in paths}


@pytest.fixture
def clone(setup: Setup, tmp_path: Path) -> Space:
    """A colleague's clone, with what is a colleague's own set up; nothing fetched yet."""
    home = new_home(tmp_path / "colleague")
    setup.shell(blocks()["A colleague"][0], tmp_path, home)
    setup.shell(setup.local(), tmp_path / "cmr", home)
    return Space(tmp_path / "cmr", home)


def test_every_command_of_the_page_is_one_that_is_run() -> None:
    """The page has these sections and no other; all are run below."""
    assert list(blocks()) == [*KINDS, "Tell the others", "A colleague", "Look, and mend"]
    for kind in KINDS:
        assert "verify true" in blocks()[kind][0]
        assert blocks()[kind][0].endswith("dvc push\n")


def test_push_sends_every_object_once(setup: Setup) -> None:
    """The remote then holds what the cache holds, byte for byte; a second push has nothing to send."""
    assert re.search(r"\d+ files? pushed", setup.said)
    cache = setup.space.root / ".dvc" / "cache" / "files" / "md5"
    mine = {path.parent.name + path.name: sha256_file(path) for path in cache.rglob("*") if path.is_file()}
    assert {name: sha256_file(path) for name, path in stored_objects(setup).items()} == mine
    assert "Everything is up to date" in setup.space.call("dvc", "push")
    assert "in sync" in setup.space.call("dvc", "status", "--cloud")


def test_a_colleague_pulls_and_verifies_clean(setup: Setup, clone: Space) -> None:
    """Clone, pull: the same bytes, verify finds nothing in workspace, cache and remote, and DVC has nothing to run."""
    said = setup.shell(blocks()["A colleague"][1], clone.root, clone.home)
    assert "verify: everything is as it was recorded" in said
    assert hashes(clone.root) == hashes(setup.space.root)
    clone.call("cmrpipe", "verify", "--remote")
    assert "up to date" in clone.call("dvc", "repro")


def test_rotten_objects_of_the_remote_are_named_and_mended(setup: Setup) -> None:
    """A flipped bit, a cut file and a missing one: each named with what differs, all uploaded anew, proven."""
    space, objects = setup.space, stored_objects(setup)
    small, big = sorted(objects, key=lambda name: objects[name].stat().st_size)[-2:]
    gone = next(name for name in sorted(objects) if name not in (small, big) and not name.endswith(".dir"))
    whole = {name: objects[name].read_bytes() for name in (small, big, gone)}
    rot(objects[small])
    objects[big].chmod(0o644)
    objects[big].write_bytes(whole[big][:100])
    setup.remove(objects[gone])
    status, verify, mend = blocks()["Look, and mend"][0].splitlines()
    setup.shell(status, space.root, space.home)
    said = setup.shell(f"{verify} --json found.json", space.root, space.home, code=1)
    assert "verify: 3 bad: " in said
    found = {
        bad["path"].replace("/", "")[-32:]: bad for bad in json.loads((space.root / "found.json").read_bytes())["bad"]
    }
    assert "same size, other bytes" in found[small]["detail"]
    # rclone goes on telling the size it knew, and breaks off: the object is bad, the remote is not dead
    cut = "cannot be read" if setup.kind == "S3" else f"100 of {len(whole[big]):,} bytes"
    assert cut in found[big]["detail"]
    assert found[gone]["state"] == "missing"
    assert {bad["remedy"] for bad in found.values()} == {"cache"}
    said = setup.shell(mend, space.root, space.home)
    assert "3 brought back, each proven by its hash" in said
    assert {name: objects[name].read_bytes() for name in whole} == whole
    setup.shell("cmrpipe verify --remote", space.root, space.home)


def test_pull_refuses_a_rotten_object_and_rebuild_works_round_it(setup: Setup, clone: Space) -> None:
    """`verify true`: DVC does not take the bytes. rebuild makes the store's file again from raw, proves it, mends."""
    store = next((setup.space.root / "data/store/patients").rglob("*.h5"))
    objects = stored_objects(setup)
    name = next(oid for oid, path in objects.items() if path.read_bytes() == store.read_bytes())
    whole = rot(objects[name])
    done = subprocess.run(
        ["dvc", "pull"], cwd=clone.root, env=environment(clone.home), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    copy = clone.root / store.relative_to(setup.space.root)
    assert not copy.exists() or copy.read_bytes() == whole
    clone.call("cmrpipe", "rebuild", "--remote")
    assert hashes(clone.root) == hashes(setup.space.root)
    assert objects[name].read_bytes() == whole
    clone.call("cmrpipe", "verify", "--remote")


def test_repro_checkout_push_and_pull_do_what_their_manuals_say(recorded: Space, tmp_path: Path) -> None:
    """Checkout restores deleted files and older versions, repro runs what changed, push and pull carry the rest."""
    space = recorded.copy(tmp_path / "space")
    words = {"/mnt/backup": str(tmp_path / "mounted")}
    shell(blocks()["A folder"][0], words, space.root, space.home)
    space.commit("Name the remote")
    before = hashes(space.root)
    store = next((space.root / "data/store/patients").rglob("*.h5"))
    store.unlink()
    space.call("dvc", "checkout")
    assert hashes(space.root) == before
    image = next((space.root / "data/raw/dicoms").rglob("*.dcm"))
    image.unlink()
    space.call("dvc", "add", "-q", "data/raw")
    said = space.call("dvc", "repro", "store")
    assert re.findall(r"Running stage '(\w+)'", said) == ["ingest", "validate", "store"]
    changed = hashes(space.root)
    space.commit("Lose an image")
    assert "pushed" in space.call("dvc", "push")
    shell("git checkout -q HEAD~1 && dvc checkout", {}, space.root, space.home)
    assert hashes(space.root) == before
    shell("git checkout -q - && dvc checkout && rm -rf .dvc/cache data/store && dvc pull", {}, space.root, space.home)
    assert hashes(space.root) == changed
    assert "up to date" in space.call("dvc", "repro", "store")
    space.call("cmrpipe", "verify", "--remote")


def test_a_stage_that_never_ran_is_told_by_pull_and_passed_by_when_pulling_by_name(
    recorded: Space, tmp_path: Path
) -> None:
    """Pull brings all there is, names the folder that has no hash, and fails; by the page's names it succeeds."""
    space = recorded.copy(tmp_path / "space")
    shutil.copy2(REPOSITORY / "dvc.yaml", space.root)
    shell(blocks()["A folder"][0], {"/mnt/backup": str(tmp_path / "mounted")}, space.root, space.home)
    space.commit("Name the remote; have stages that never ran")
    words = {"https://git.example.org/cmr.git": str(space.root)}
    shell(blocks()["A colleague"][0], words, tmp_path, space.home)
    clone = Space(tmp_path / "cmr", space.home)
    shell(blocks()["A colleague"][2], {}, clone.root, clone.home)
    everything = hashes(space.root)
    assert hashes(clone.root) == {
        path: found for path, found in everything.items() if path.startswith(("data/raw/", "data/store/"))
    }
    assert "missing" in clone.call("cmrpipe", "verify", code=1)
    said = clone.call("dvc", "pull", code=1)
    assert re.search(r"No file hash info found for '.*data/model'", said)
    assert hashes(clone.root) == everything
    clone.call("cmrpipe", "verify")


def test_a_remote_that_does_not_answer_is_told(recorded: Space, tmp_path: Path) -> None:
    """Exit code 2 and the remote's name, not a list of missing objects."""
    space = recorded.copy(tmp_path / "space")
    space.call("dvc", "remote", "add", "-q", "-d", "backup", "ssh://127.0.0.1:9/nowhere")
    said = space.call("cmrpipe", "verify", "--remote", code=2)
    assert "remote backup" in said
    assert "Traceback" not in said
