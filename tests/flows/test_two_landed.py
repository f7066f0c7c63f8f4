"""docs/deploy.md, "Two landed at once": two clones, a conflict in the record, and the page's commands as they stand."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.git import GitError, git, identity, unmerged
from flows.updating import update
from flows.versions import commit_records, record
from tests.flows.clones import CONTOUR, Clone, run_here
from tests.flows.deployed.test_deploy_page import blocks

LOCK = "# {}\nschema: '2.0'\nstages: {{}}\n"
HEAD = "what,name,why,by,when,decision,seen\n"
ROW = "patient,{},seen by eye,{},2026-01-01,leave-out,\n"


@pytest.fixture
def alice(bob: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A colleague's clone and source; both share a branch and a DVC remote."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr("flows.versions.run_dvc", run_here)
    shared, box = tmp_path / "shared.git", tmp_path / "box"
    with (bob.root / ".dvc/config").open("a") as config:
        config.write(f"    remote = box\n['remote \"box\"']\n    url = {box}\n")
    (bob.root / ".gitignore").write_text("/data/raw\n/data/landings.csv\n/.dvc/tmp\n/.dvc/cache\n/.cmrpipe\n")
    (bob.root / "dvc.lock").write_text(LOCK.format("first"))
    (bob.root / "quarantine.csv").write_text(HEAD)
    run_here(["push"], bob.root)
    git(bob.root, "init", "--quiet", "--initial-branch=main")
    git(bob.root, "add", "--all")
    git(bob.root, *identity(bob.root), "commit", "--quiet", "--message", "first")
    git(tmp_path, "clone", "--quiet", "--bare", str(bob.root), str(shared))
    git(bob.root, "remote", "add", "origin", str(shared))
    git(bob.root, "fetch", "--quiet", "origin")
    git(bob.root, "branch", "--quiet", "--set-upstream-to=origin/main")
    git(tmp_path, "clone", "--quiet", str(shared), "alice")
    clone = Clone(tmp_path / "alice", Path(shutil.copytree(bob.source, tmp_path / "colleague" / "tiny")))
    run_here(["pull"], clone.root)
    return clone


def works(clone: Clone, patient: str) -> None:
    """A new patient, a contour that the other draws, too, a row in quarantine.csv; landed and committed."""
    shutil.copytree(clone.source / "dicoms/A", clone.source / "dicoms" / patient)
    clone.draw(f"{patient}\n")
    clone.land()
    (clone.root / "dvc.lock").write_text(LOCK.format(patient))
    with (clone.root / "quarantine.csv").open("a") as rows:
        rows.write(ROW.format(patient, clone.root.name))
    assert commit_records(clone.root, patient)


def shell(root: Path, line: str, code: int = 0) -> None:
    """A line of the page."""
    who = {"GIT_EDITOR": "true", "GIT_AUTHOR_NAME": "B", "GIT_AUTHOR_EMAIL": "b@example.org"}
    who |= {"GIT_COMMITTER_NAME": "B", "GIT_COMMITTER_EMAIL": "b@example.org"}
    done = subprocess.run(["bash", "-c", line], cwd=root, env={**os.environ, **who}, check=False)
    assert done.returncode == code, line


def test_both_sides_patients_and_corrections_are_there_in_the_end(alice: Clone, bob: Clone) -> None:
    """Theirs of what both corrected; each step of the page does what it says, and the next run can push."""
    works(alice, "C")
    record(alice.root, "C", commit=True, push=True, timeout_s=60)
    (bob.source / "dicoms/B/1.dcm").write_text("corrected here alone")
    works(bob, "D")
    with pytest.raises(GitError, match=r"Merge conflict in data/raw\.dvc"):
        update(bob.root, 60)

    (block,) = (code for _, code in blocks() if "git checkout --ours data/raw.dvc" in code)
    pull, take, go_on, run = block.splitlines()
    shell(bob.root, pull, code=1)
    shell(bob.root, take)
    assert unmerged(bob.root) == ["quarantine.csv"]
    table = bob.root / "quarantine.csv"
    table.write_text("".join(line for line in table.read_text().splitlines(True) if line[0] not in "<=>"))
    git(bob.root, "add", "quarantine.csv")
    shell(bob.root, go_on)
    assert run == "cmrpipe run --no-prefect --source /path/to/folder"
    bob.land()

    assert sorted(path.name for path in (bob.raw / "dicoms").iterdir()) == ["A", "B", "C", "D"]
    assert (bob.raw / "dicoms/B/1.dcm").read_text() == "corrected here alone"
    assert (bob.contour, bob.counts["contours_kept"]) == ("C\n", 1)
    assert table.read_text() == HEAD + ROW.format("C", "alice") + ROW.format("D", "bob")
    assert record(bob.root, "Data", commit=True, push=True, timeout_s=60).pushed
    update(alice.root, 60)
    together = bob.record.read_text()
    assert (alice.land(), alice.counts["changed"], alice.counts["contours_changed"]) == (together, 0, 0)
    assert (alice.raw / CONTOUR).read_text() == "C\n"
