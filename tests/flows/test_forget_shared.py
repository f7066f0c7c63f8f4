"""Forgetting beside others: what is another workspace's stays, what was cut short goes on, git can take the records."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml

from cmrpipe.dvclist import list_bytes
from flows.forget import __main__ as command
from flows.forget.history import commit
from flows.forget.journal import JOURNAL
from flows.forget.owned import named_here, owned
from flows.forget.person import Person, find_person
from flows.forget.telling import tell_history
from flows.forget.vault import Findings, Search
from flows.git import git, identity
from flows.integrity.objects import Cache, Objects

CACHE = Path(".dvc") / "cache" / "files" / "md5"
OLD = {
    "dicoms/P1/1.dcm": b"one",
    "dicoms/P2/1.dcm": b"two",
    "contourfiles/C1/i-contours/1.txt": b"0 0",
    "contourfiles/C2/i-contours/1.txt": b"1 1",
    "link.csv": b"patient_id,original_id\nP1,C1\nP2,C2\n",
}
NOW = {**OLD, "dicoms/P2/2.dcm": b"three"}
WITHOUT = {path: data for path, data in OLD.items() if "P1" not in path and "C1" not in path} | {
    "link.csv": b"patient_id,original_id\nP2,C2\n"
}
NEVER_COMMITTED = {"dicoms/P1/1.dcm": b"one, before it was sent again"}
OUTPUT = {"patients/P1.json": b"P1", "all.csv": b"P1,9"}
ANOTHERS = {
    "dicoms/P1/1.dcm": b"somebody else",
    "dicoms/all/1.dcm": b"0 0",
    "link.csv": b"patient_id,original_id\nP1,C9\n",
}


def oid(content: dict[str, bytes] | bytes) -> str:
    """The name of the object that a file, or the list of a folder, is."""
    if isinstance(content, dict):
        return oid(list_bytes({path: oid(data) for path, data in content.items()})) + ".dir"
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def put(shelf: Path, files: dict[str, bytes]) -> None:
    """Put a folder's list and files where objects are."""
    names = {path: oid(data) for path, data in files.items()}
    for name, data in (*((oid(data), data) for data in files.values()), (oid(files), list_bytes(names))):
        Cache(shelf).path(name).parent.mkdir(parents=True, exist_ok=True)
        Cache(shelf).path(name).write_bytes(data)


def there(shelf: Path, files: dict[str, bytes]) -> set[str]:
    """Those of a folder's files, and its list (""), that are there."""
    objects = set(Cache(shelf).all())
    found = {path for path, data in files.items() if oid(data) in objects}
    return found | {""} if oid(files) in objects else found


def record(root: Path, files: dict[str, bytes], message: str) -> None:
    """Commit that data/raw is this folder."""
    out = {"md5": oid(files), "hash": "md5", "path": "raw"}
    (root / "data" / "raw.dvc").write_text(yaml.safe_dump({"outs": [out]}))
    git(root, "add", "data/raw.dvc", ".gitignore")
    git(root, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A remote that two workspaces share: each has somebody whom it calls P1."""
    for files in (OLD, NOW, NEVER_COMMITTED, OUTPUT, ANOTHERS):
        put(tmp_path / "box" / "files" / "md5", files)
    return tmp_path / "box" / "files" / "md5"


@pytest.fixture
def root(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with two versions of P1 and P2, in which DVC does not run."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "global"))
    monkeypatch.setattr(command, "_record", lambda _root, _person: None)
    (repository / "dvc.lock").unlink()
    (repository / "flows").mkdir()
    (repository / ".gitignore").write_text("/data/raw\n/.dvc\n/.cmrpipe\n")
    (repository / ".dvc" / "config").write_text(
        f"[core]\n remote = box\n['remote \"box\"']\n url = {tmp_path / 'box'}\n"
    )
    for files in (OLD, NOW, NEVER_COMMITTED, OUTPUT):
        put(repository / CACHE, files)
    for files, message in ((OLD, "one"), (NOW, "two")):
        record(repository, files, message)
    for path, data in NOW.items():
        (repository / "data" / "raw" / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / "data" / "raw" / path).write_bytes(data)
    return repository


def forget(root: Path, who: str, *, remote: str | None = None, unshared: bool = False, code: int = 0) -> None:
    """`cmrpipe forget --yes`."""
    if not code:
        command.forget(who, yes=True, remote=remote, unshared=unshared, workspace=root)
        return
    with pytest.raises(typer.Exit) as left:
        command.forget(who, yes=True, remote=remote, unshared=unshared, workspace=root)
    assert left.value.exit_code == code


def test_what_another_workspace_has_on_the_remote_stays(
    root: Path, box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its list, its patient of the same id and bytes that both have; ours go from it, and the other's are told."""
    forget(root, "P1", remote="")
    assert there(box, ANOTHERS) == {"", *ANOTHERS}
    assert there(box, OLD) == {
        "dicoms/P2/1.dcm",
        "contourfiles/C2/i-contours/1.txt",
        "contourfiles/C1/i-contours/1.txt",
    }
    assert there(box, WITHOUT) == {"", *WITHOUT}
    assert not there(box, OUTPUT) | there(box, NEVER_COMMITTED)
    assert there(root / CACHE, WITHOUT) == {"", *WITHOUT}
    assert not there(root / CACHE, OLD) - set(WITHOUT)
    said = capsys.readouterr().out
    assert "  remote box: 1 list of files left" in said
    assert "  remote box: 1 object of theirs left" in said
    assert "DVC's cache: 1 list" not in said

    forget(root, "P1", remote="", code=2)
    assert "remote box: 1 list of files left" in capsys.readouterr().out
    forget(root, "P1", remote="", unshared=True)
    assert there(box, ANOTHERS) == {"dicoms/all/1.dcm"}


def test_a_remote_may_come_later(root: Path, box: Path) -> None:
    """No link tells their contours here any more: the older link tables on the remote do."""
    forget(root, "P1")
    forget(root, "P1", remote="")
    assert there(box, WITHOUT) == {"", *WITHOUT}


def test_contours_of_before_are_theirs_where_nobody_has_them(root: Path) -> None:
    """Not what is linked to others now, nor what stands without a link."""
    (root / "data" / "raw" / "contourfiles" / "C5").mkdir()
    assert find_person(root, "P9", ("C1", "C2", "C5", "C9")).originals == ("C9",)


def test_the_workspaces_own_objects_are_those_of_all_its_history(root: Path, tmp_path: Path) -> None:
    """On branches, in commits that were amended away, in messages, as the records stand, and in its own cache."""
    lists = [{"dicoms/P1/1.dcm": bytes([number])} for number in range(6)]
    record(root, lists[0], "amended away")
    git(root, "reset", "-q", "--hard", "HEAD~1")
    git(root, "switch", "-qc", "side")
    record(root, lists[1], f"data/raw {oid(NOW)} is now {oid(lists[2])}")
    git(root, "switch", "-q", "main")
    git(root, *identity(root), "commit", "-q", "--allow-empty", "-m", f"data/raw {oid(OLD)} is now {oid(lists[5])}")
    (root / "data" / "raw.dvc").write_text(f"outs:\n- md5: {oid(lists[3])}\n  path: raw\n")
    assert oid(lists[5]) in named_here(root)
    assert {oid(OLD), oid(NOW), *map(oid, lists[:4])} <= named_here(root)
    shutil.rmtree(root / ".git" / "logs")
    assert {oid(OLD), oid(NOW), *map(oid, lists[1:4])} <= named_here(root)
    put(root / CACHE, lists[4])
    put(tmp_path / "elsewhere", lists[4])
    assert {oid(lists[4]), oid(bytes([4]))} <= owned(root, Cache(root / CACHE))
    assert oid(lists[4]) not in owned(root, Cache(tmp_path / "elsewhere"))


def test_what_the_stages_made_anew_is_ours(tmp_path: Path) -> None:
    """Nobody knew of these lists when it began: what they have stays, and is not said to be another workspace's."""
    anew = {**WITHOUT, "dicoms/P2/9.dcm": OLD["dicoms/P1/1.dcm"]}
    put(tmp_path, OLD)
    put(tmp_path, anew)
    found = Search(Cache(tmp_path), Person("P1", ("C1",)), [oid(anew)], {oid(OLD)}).run()
    assert not found.shared
    assert oid(OLD["dicoms/P1/1.dcm"]) not in found.remove
    assert oid(OLD["contourfiles/C1/i-contours/1.txt"]) in found.remove


def test_lists_go_last() -> None:
    """A kill in between leaves a list that still names what has not gone."""
    gone: list[str] = []

    class Shelf(Cache):
        def remove(self, oid: str) -> None:
            gone.append(oid)

    shelf = Shelf(Path())
    command._apply(shelf, Findings(remove={"00" + "0" * 30 + ".dir", "ff" + "0" * 30}), shelf)
    assert gone == ["ff" + "0" * 30, "00" + "0" * 30 + ".dir"]


def test_what_was_cut_short_at_its_commit_goes_on(root: Path, box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything was erased: the patient is still known, however the id is written, and so are the renamed lists."""
    lock = root / ".git" / "index.lock"
    lock.touch()
    forget(root, "P1", code=2)
    assert not (root / "data" / "raw" / "dicoms" / "P1").exists()
    assert not there(root / CACHE, OLD) - set(WITHOUT)
    lock.unlink()
    forget(root, "P2", remote="", code=2)
    assert "is not forgotten to the end" in capsys.readouterr().err
    forget(root, "p-01", remote="")  # git knows nobody here: the commit is cmrpipe's
    assert not (root / JOURNAL).exists()
    assert not there(box, NEVER_COMMITTED)
    assert f"data/raw {oid(OLD)} is now {oid(WITHOUT)}" in git(root, "log", "-1", "--format=%an%n%B")


def test_which_list_took_the_place_of_which_is_committed_even_alone(root: Path) -> None:
    """Somebody has committed the records after a kill: git still learns of the lists, and of each once."""
    (root / ".git" / "index.lock").touch()
    forget(root, "P1", code=2)
    (root / ".git" / "index.lock").unlink()
    git(root, "add", "-A")
    git(root, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "by hand")
    forget(root, "P1")
    line = f"data/raw {oid(OLD)} is now {oid(WITHOUT)}"
    assert line in git(root, "log", "-1", "--format=%B")
    assert commit(root, "again", [line]) == ()


def merging(root: Path) -> None:
    """A merge that stopped."""
    (root / ".git" / "MERGE_HEAD").write_text(git(root, "rev-parse", "HEAD") + "\n")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (lambda root: git(root, "checkout", "-q", "--detach"), "no branch is checked out"),
        (lambda root: (root / ".git" / "rebase-merge").mkdir(), "a rebase is under way"),
        (merging, "a merge is under way"),
    ],
)
def test_nothing_goes_where_the_records_cannot_be_committed(
    root: Path, capsys: pytest.CaptureFixture[str], state: Callable[[Path], object], told: str
) -> None:
    """No branch, or something of a person's half done: told before anything is erased."""
    state(root)
    forget(root, "P1", code=2)
    assert told in " ".join(capsys.readouterr().err.split())
    assert (root / "data" / "raw" / "dicoms" / "P1" / "1.dcm").exists()
    assert there(root / CACHE, OLD) == {"", *OLD}
    assert not (root / JOURNAL).exists()


def test_what_dvc_remembers_elsewhere_goes(root: Path, tmp_path: Path) -> None:
    """DVC keeps paths and hashes below its site cache; of other workspaces it keeps them."""
    objects = Objects(root)
    memory = Path(objects._repo.site_cache_dir)
    objects.close()
    assert memory.is_relative_to(tmp_path / "site")
    for folder in (memory, memory.with_name("another")):
        (folder / "hashes" / "local").mkdir(parents=True, exist_ok=True)
        (folder / "hashes" / "local" / "paths").write_bytes(b"dicoms/P1/1.dcm")
    forget(root, "P1")
    assert sorted(os.listdir(memory.parent)) == ["another"]


def test_a_shallow_clone_says_that_it_is_one(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Commits that are not there name nobody."""
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{root}", str(tmp_path / "clone")], check=True)
    for place, shallow in ((root, False), (tmp_path / "clone", True)):
        tell_history(place, Person("P1", ()))
        assert ("this clone is shallow" in capsys.readouterr().out) is shallow
