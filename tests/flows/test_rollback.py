"""DVC's records come out whole, whatever happens to DVC while it writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.git import git, identity
from flows.integrity.records import RecordError, tracked
from flows.lock import write_lock
from flows.rollback import COPIES, records_kept, recover, written_by
from flows.versions import commit_records

GOOD = {"dvc.lock": "schema: '2.0'\n", "data/raw.dvc": "outs: []\n"}
NAMES = (*GOOD, "data/models.dvc")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two records."""
    (tmp_path / "data").mkdir()
    for name, text in GOOD.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def records(workspace: Path) -> dict[str, str]:
    """What stands in the records."""
    return {
        path.relative_to(workspace).as_posix(): path.read_text()
        for path in (*workspace.glob("*.lock"), *workspace.glob("data/*.dvc"))
    }


def half_write(workspace: Path) -> None:
    """As a killed DVC leaves them: one cut, one gone, one new."""
    (workspace / "dvc.lock").write_text("schema: '2")
    (workspace / "data/raw.dvc").unlink()
    (workspace / "data/models.dvc").write_text("ou")


def test_what_comes_to_its_end_stays(workspace: Path) -> None:
    """And nothing is kept any longer."""
    with records_kept(workspace, NAMES):
        (workspace / "dvc.lock").write_text("new")
    assert records(workspace) == {**GOOD, "dvc.lock": "new"}
    assert not recover(workspace)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_has_changed_nothing(workspace: Path, error: type[BaseException]) -> None:
    """Ctrl+C included."""

    def fail() -> None:
        with records_kept(workspace, NAMES):
            half_write(workspace)
            raise error

    with pytest.raises(error):
        fail()
    assert records(workspace) == GOOD


def test_the_next_writer_takes_back_what_a_killed_one_left(workspace: Path) -> None:
    """No exception was there to be caught."""
    block = records_kept(workspace, NAMES)
    block.__enter__()
    half_write(workspace)
    assert (workspace / COPIES).is_dir()
    with write_lock(workspace):
        assert records(workspace) == GOOD
    assert not (workspace / COPIES).exists()


@pytest.mark.parametrize("left", ["sch", ""])
def test_a_first_record_that_was_cut_short_is_none(tmp_path: Path, left: str) -> None:
    """Where there was no record before, there is none after; DVC opens a record before it writes into it."""
    block = records_kept(tmp_path, NAMES)
    block.__enter__()
    (tmp_path / "data").mkdir()
    for name in NAMES:
        (tmp_path / name).write_text(left)
    assert recover(tmp_path)
    assert records(tmp_path) == {}


def test_an_empty_record_is_told_with_its_mend(tmp_path: Path) -> None:
    """Of a DVC that somebody started by hand: `git checkout` alone brings back nothing that was never committed."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw.dvc").touch()
    with pytest.raises(RecordError, match=r"raw\.dvc: is empty.*remove it where it was never committed"):
        tracked(tmp_path)


def test_a_conflict_in_a_record_is_no_damage(tmp_path: Path) -> None:
    """`git checkout` refuses it; a person settles it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw.dvc").write_text("outs:\n<<<<<<< HEAD\n- md5: 1\n=======\n- md5: 2\n>>>>>>> theirs\n")
    with pytest.raises(RecordError, match=r"raw\.dvc: was changed here and elsewhere, and is not merged\. Settle it"):
        tracked(tmp_path)


def test_what_the_killed_command_does_not_write_is_nobodys_to_take_back(workspace: Path) -> None:
    """A folder that somebody had DVC record after the kill, say."""
    block = records_kept(workspace, written_by(["repro", "--single-item", "store"]))
    block.__enter__()
    half_write(workspace)
    assert recover(workspace)
    assert records(workspace) == {"dvc.lock": GOOD["dvc.lock"], "data/models.dvc": "ou"}
    assert written_by(["add", "data/raw"]) == ("data/raw.dvc",)
    assert written_by(["push"]) == ()


def test_what_was_committed_after_the_kill_stays(repository: Path) -> None:
    """Somebody has made the stage themselves, and a folder; what they did not commit is taken back all the same."""
    commit_records(repository, "first")
    block = records_kept(repository, NAMES)
    block.__enter__()
    half_write(repository)
    (repository / "dvc.lock").write_text("made by hand\n")
    (repository / "data/raw.dvc").write_text("")
    git(repository, "add", "dvc.lock", "data/models.dvc")
    git(repository, *identity(repository), "commit", "--quiet", "-m", "By hand")
    with write_lock(repository):
        assert records(repository) == {"dvc.lock": "made by hand\n", "data/raw.dvc": "one\n", "data/models.dvc": "ou"}


def test_an_earlier_commit_is_no_reason_to_keep_what_nobody_looked_at(repository: Path) -> None:
    """What was recorded since is lost, and the folder is again as that commit has it: this is damage."""
    commit_records(repository, "first")
    (repository / "data" / "raw.dvc").write_text("two\n")
    block = records_kept(repository, NAMES)
    block.__enter__()
    (repository / "data" / "raw.dvc").write_text("one\n")
    assert recover(repository)
    assert (repository / "data" / "raw.dvc").read_text() == "two\n"
