"""Commits of other machines: brought here whole, or nothing has changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.git import GitError, git, identity
from flows.updating import MARK, recover, update
from flows.versions import commit_records, fetch, record
from tests.flows.standing import processes_in, wait_until

TABLE = "patient_id,pathology\nA,normal\nB,normal\n"
EDITED = TABLE.replace("A,normal", "A,DCM")
UPDATE = "import sys; from pathlib import Path; from flows.updating import update; update(Path(sys.argv[1]), 60)"


@pytest.fixture
def machines(repository: Path) -> tuple[Path, Path]:
    """Two machines' checkouts of one branch, with a table of a person's."""
    for name in ("pathology.csv", "quarantine.csv"):
        (repository / name).write_text(TABLE)
    commit_records(repository, "first")
    shared = repository.parent / "shared.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(repository), str(shared)], check=True)
    found = repository.parent / "one", repository.parent / "two"
    for root in found:
        subprocess.run(["git", "clone", "--quiet", str(shared), str(root)], check=True)
    return found


def publish(root: Path, name: str, text: str) -> str:
    """Change a record on one machine, and push it; the commit."""
    (root / name).write_text(text)
    made = commit_records(root, f"{name} of {root.name}")
    git(root, "push", "--quiet")
    return made


def subjects(root: Path) -> list[str]:
    """What was committed, newest first."""
    return git(root, "log", "--format=%s").splitlines()


def test_two_machines_put_their_commits_one_on_the_other(machines: tuple[Path, Path]) -> None:
    """Records of other stages are merged; the same record changed on both is an error that leaves nothing half done."""
    one, two = machines
    publish(one, "data/raw.dvc", "two\n")
    (two / "dvc.lock").write_text("two\n")
    commit_records(two, "lock")
    update(two, 60)
    assert subjects(two) == ["lock", "data/raw.dvc of one", "first"]
    git(two, "push", "--quiet")

    (one / "dvc.lock").write_text("three\n")
    mine = commit_records(one, "lock too")
    with pytest.raises(GitError, match="pull"):
        update(one, 60)
    assert git(one, "rev-parse", "HEAD") == mine
    assert git(one, "status", "--porcelain", "--untracked-files=no") == ""


def test_a_merge_that_a_person_settled_is_not_done_again(machines: tuple[Path, Path]) -> None:
    """By `git pull --no-rebase`, and not pushed yet: nothing is there to be put under it."""
    one, two = machines
    publish(one, "dvc.lock", "theirs\n")
    (two / "dvc.lock").write_text("mine\n")
    commit_records(two, "lock")
    with pytest.raises(GitError, match="pull"):
        git(two, *identity(two), "pull", "--no-rebase")
    git(two, "checkout", "--theirs", "dvc.lock")
    git(two, "add", "dvc.lock")
    git(two, *identity(two), "commit", "--no-edit")
    fetch(two, (), 60)
    git(two, "push", "--quiet")


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("staged", [False, True])
def test_an_edit_that_no_longer_applies_stops_the_run_as_it_was(
    machines: tuple[Path, Path], committed: bool, staged: bool
) -> None:
    """With commits of this machine to put on top, or none: no marker gets into the file, and the edit stands in it."""
    one, two = machines
    publish(one, "pathology.csv", TABLE.replace("A,normal", "A,HCM"))
    if committed:
        (two / "dvc.lock").write_text("two\n")
        commit_records(two, "lock")
    (two / "pathology.csv").write_text(EDITED)
    if staged:
        git(two, "add", "pathology.csv")
    before = git(two, "rev-parse", "HEAD"), git(two, "status", "--porcelain", "--untracked-files=no")
    for _ in range(2):
        with pytest.raises(GitError, match=r"pathology\.csv: edited here and not committed"):
            fetch(two, (), 60)
        assert (two / "pathology.csv").read_text() == EDITED
        after = git(two, "rev-parse", "HEAD"), git(two, "status", "--porcelain", "--untracked-files=no")
        assert after == before
        assert git(two, "stash", "list") == ""


def test_an_edit_of_other_lines_stays(machines: tuple[Path, Path]) -> None:
    """What git can merge is no reason to stop."""
    one, two = machines
    publish(one, "dvc.lock", "theirs\n")
    (two / "pathology.csv").write_text(f"{TABLE}C,HCM\n")
    fetch(two, (), 60)
    assert (two / "pathology.csv").read_text() == f"{TABLE}C,HCM\n"
    assert (two / "dvc.lock").read_text() == "theirs\n"


@pytest.mark.parametrize("committed", [False, True])
def test_an_update_that_was_killed_is_taken_back(machines: tuple[Path, Path], committed: bool) -> None:
    """SIGKILL in the middle of git's work: the next run is on its branch, has the edit, and can push."""
    one, two = machines
    publish(one, "data/raw.dvc", "theirs\n")
    if committed:
        (two / "dvc.lock").write_text("two\n")
        commit_records(two, "lock")
    (two / "pathology.csv").write_text(f"{TABLE}C,HCM\n")
    hook, began = two / ".git" / "hooks" / "post-checkout", two.parent / "began"
    hook.write_text(f"#!/bin/sh\ntouch {began}\nexec sleep 60\n")
    hook.chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", UPDATE, str(two)], env=dict(os.environ)) as run:
        wait_until(began.exists, 30, "git is at work")
        run.send_signal(signal.SIGKILL)
    wait_until(lambda: not processes_in(two), 30, "git has ended")
    hook.unlink()
    with pytest.raises(GitError):
        git(two, "symbolic-ref", "--quiet", "HEAD")
    (two / "quarantine.csv").write_text("edited since\n")

    recover(two)
    assert git(two, "symbolic-ref", "--short", "HEAD") == "main"
    assert (two / "pathology.csv").read_text() == f"{TABLE}C,HCM\n"
    assert (two / "quarantine.csv").read_text() == "edited since\n"
    assert not (two / MARK).exists()
    assert git(two, "stash", "list") == ""
    fetch(two, (), 60)
    record(two, "Data", commit=True, push=False, timeout_s=60)
    git(two, "push", "--quiet")
    assert subjects(one.parent / "shared.git") == [
        "Data",
        *(["lock"] if committed else []),
        "data/raw.dvc of one",
        "first",
    ]


def killed_at(step: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that is killed just before it runs a git command."""

    def killing(workspace: Path, *arguments: str) -> str:
        if arguments[0] == step:
            raise KeyboardInterrupt
        return git(workspace, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("flows.updating.git", killing)
        with pytest.raises(KeyboardInterrupt):
            update(root, 60)


@pytest.fixture
def contested(machines: tuple[Path, Path]) -> Path:
    """A machine with an edit of a line that another machine's commit has changed, and with somebody's own stash."""
    one, two = machines
    (two / "quarantine.csv").write_text("mine\n")
    git(two, *identity(two), "stash", "--quiet")
    publish(one, "pathology.csv", TABLE.replace("A,normal", "A,HCM"))
    (two / "pathology.csv").write_text(EDITED)
    return two


def test_edits_that_an_update_had_put_aside_come_back_after_a_kill(
    contested: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of git's is under way then; a stash that somebody made before, or makes since, is theirs."""
    killed_at("stash", contested, monkeypatch)
    assert git(contested, "status", "--porcelain", "--untracked-files=no") == ""
    (contested / "dvc.lock").write_text("theirs\n")
    git(contested, *identity(contested), "stash", "--quiet")
    recover(contested)
    assert (contested / "pathology.csv").read_text() == EDITED
    assert not (contested / MARK).exists()
    assert len(git(contested, "stash", "list").splitlines()) == 2
    recover(contested)
    assert len(git(contested, "stash", "list").splitlines()) == 2


@pytest.mark.parametrize(("step", "told"), [("stash", "do not apply"), ("reset", r"pathology\.csv: .* not merged")])
def test_edits_that_cannot_come_back_are_told(
    contested: Path, monkeypatch: pytest.MonkeyPatch, step: str, told: str
) -> None:
    """Somebody has edited the same file since, or it is half merged: until a person has settled it, no run goes on."""
    killed_at(step, contested, monkeypatch)
    if step == "stash":
        (contested / "pathology.csv").write_text("edited since\n")
    before = (contested / "pathology.csv").read_text()
    for _ in range(2):
        with pytest.raises(GitError, match=told):
            fetch(contested, (), 60)
    assert (contested / "pathology.csv").read_text() == before
    git(contested, "checkout", "HEAD", "pathology.csv")
    if step == "reset":
        with pytest.raises(GitError, match="git's stash"):
            fetch(contested, (), 60)
    git(contested, "stash", "drop")
    recover(contested)
    assert not (contested / MARK).exists()


@pytest.mark.parametrize("ours", [False, True])
def test_a_rebase_that_waits_for_a_person_is_left_to_them(machines: tuple[Path, Path], ours: bool) -> None:
    """Whoever began it: it has stopped at a conflict, and what was settled of it would be lost."""
    one, two = machines
    publish(one, "dvc.lock", "theirs\n")
    (two / "dvc.lock").write_text("mine\n")
    commit_records(two, "lock")
    with pytest.raises(GitError, match="could not apply"):
        git(two, *identity(two), "pull", "--rebase")
    (two / "dvc.lock").write_text("settled\n")
    git(two, "add", "dvc.lock")
    if ours:
        (two / MARK).parent.mkdir(exist_ok=True)
        (two / MARK).write_text("")
    for call in (lambda: fetch(two, (), 60), lambda: record(two, "Data", commit=True, push=False, timeout_s=60)):
        with pytest.raises(GitError, match="rebase is under way"):
            call()
    git(two, *identity(two), "rebase", "--continue")
    assert (two / "dvc.lock").read_text() == "settled\n"
    assert git(two, "symbolic-ref", "--short", "HEAD") == "main"
