"""Versions: what git and DVC's remote get to know."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flows.versions import GitError, commit_records, git, has_remote, record, update


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose user git does not know, with some records."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    root = tmp_path / "workspace"
    (root / "data").mkdir(parents=True)
    (root / ".dvc").mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "dvc.lock").write_text("one\n")
    (root / "data" / "raw.dvc").write_text("one\n")
    return root


def test_only_records_are_committed_and_only_when_they_changed(repository: Path) -> None:
    """What a person has staged stays staged; a second commit without a change is none."""
    (repository / "notes.txt").write_text("mine\n")
    git(repository, "add", "notes.txt")
    made = commit_records(repository, "Data: 3 patients")
    assert git(repository, "show", "--format=%s", "--name-only", made).split() == [
        *["Data:", "3", "patients"],
        "data/raw.dvc",
        "dvc.lock",
    ]
    assert git(repository, "status", "--porcelain") == "A  notes.txt"
    assert commit_records(repository, "again") == ""


def test_what_dvc_lock_names_is_committed_with_it(repository: Path) -> None:
    """Each small file that stages read or write: a clone with this dvc.lock must not have another of them."""
    small = {"params.yaml", "quarantine.csv", "pathology.csv"}
    for name in small:
        (repository / name).write_text("edited\n")
    made = commit_records(repository, "Data")
    assert set(git(repository, "show", "--format=", "--name-only", made).split()) == {
        "data/raw.dvc",
        "dvc.lock",
        *small,
    }


def test_a_workspace_without_git_or_remote_says_so(tmp_path: Path) -> None:
    """Nothing fails: versions are then DVC's records alone."""
    (tmp_path / ".dvc").mkdir()
    done = record(tmp_path, "x", commit=True, push=True, timeout_s=10)
    assert done.text == "not committed: the workspace is no git repository; not pushed: DVC has no remote here"
    assert not done.pushed


def test_the_remote_of_either_configuration_counts(repository: Path) -> None:
    """Of the shared file, or of this machine alone."""
    assert not has_remote(repository)
    (repository / ".dvc" / "config.local").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = /x\n"
    )
    assert has_remote(repository)


def clone(repository: Path, name: str) -> Path:
    """Another machine's checkout."""
    target = repository.parent / name
    subprocess.run(["git", "clone", "--quiet", str(repository.parent / "shared.git"), str(target)], check=True)
    return target


def test_two_machines_put_their_commits_one_on_the_other(repository: Path) -> None:
    """Records of other stages are merged; the same record changed on both is an error that leaves nothing half done."""
    commit_records(repository, "first")
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", str(repository), str(repository.parent / "shared.git")], check=True
    )
    one, two = clone(repository, "one"), clone(repository, "two")
    (one / "data" / "raw.dvc").write_text("two\n")
    commit_records(one, "raw")
    git(one, "push", "--quiet")
    (two / "dvc.lock").write_text("two\n")
    mine = commit_records(two, "lock")
    update(two, 60)
    assert git(two, "log", "--format=%s").split() == ["lock", "raw", "first"]
    git(two, "push", "--quiet")

    (one / "dvc.lock").write_text("three\n")
    mine = commit_records(one, "lock too")
    with pytest.raises(GitError, match="pull"):
        update(one, 60)
    assert git(one, "rev-parse", "HEAD") == mine
    assert git(one, "status", "--porcelain") == ""
