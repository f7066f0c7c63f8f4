"""Versions: what git and DVC's remote get to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.git import GitError, git, identity
from flows.versions import commit_records, has_remote, record


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


def test_nothing_is_committed_where_no_branch_is_checked_out(repository: Path) -> None:
    """Such a commit would be on no branch, never pushed, and the run green."""
    made = commit_records(repository, "first")
    git(repository, "checkout", "--quiet", "--detach")
    (repository / "dvc.lock").write_text("two\n")
    for commit, push in ((True, False), (False, True)):
        with pytest.raises(GitError, match="no branch is checked out"):
            record(repository, "x", commit=commit, push=push, timeout_s=10)
    assert git(repository, "rev-parse", "HEAD") == made
    assert record(repository, "x", commit=False, push=False, timeout_s=10).text == "not committed: not asked for"


def test_what_is_not_merged_is_not_committed(repository: Path) -> None:
    """Conflict markers are no table: `git add` would say that they are settled."""
    commit_records(repository, "first")
    git(repository, "branch", "other")
    (repository / "dvc.lock").write_text("mine\n")
    made = commit_records(repository, "mine")
    git(repository, "switch", "--quiet", "other")
    (repository / "dvc.lock").write_text("theirs\n")
    commit_records(repository, "theirs")
    git(repository, "switch", "--quiet", "main")
    with pytest.raises(GitError, match="CONFLICT"):
        git(repository, *identity(repository), "merge", "other")
    with pytest.raises(GitError, match=r"dvc\.lock: changed here and elsewhere"):
        record(repository, "x", commit=True, push=False, timeout_s=10)
    assert git(repository, "rev-parse", "HEAD") == made


def test_nothing_is_committed_in_the_middle_of_a_persons_merge(repository: Path) -> None:
    """Git would refuse it, after all stages have run; told before."""
    commit_records(repository, "first")
    git(repository, "switch", "--quiet", "-c", "other")
    git(repository, *identity(repository), "commit", "--quiet", "--allow-empty", "-m", "theirs")
    git(repository, "switch", "--quiet", "main")
    git(repository, *identity(repository), "merge", "--no-ff", "--no-commit", "other")
    (repository / "dvc.lock").write_text("two\n")
    with pytest.raises(GitError, match="a merge is under way"):
        record(repository, "x", commit=True, push=False, timeout_s=10)
