"""DVC's records come out whole, whatever happens to DVC while it writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.kept import KEPT, put_back, records_kept
from flows.lock import write_lock

GOOD = {"dvc.lock": "schema: '2.0'\n", "data/raw.dvc": "outs: []\n"}


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
    with records_kept(workspace):
        (workspace / "dvc.lock").write_text("new")
    assert records(workspace) == {**GOOD, "dvc.lock": "new"}
    assert not put_back(workspace)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_has_changed_nothing(workspace: Path, error: type[BaseException]) -> None:
    """Ctrl+C included."""

    def fail() -> None:
        with records_kept(workspace):
            half_write(workspace)
            raise error

    with pytest.raises(error):
        fail()
    assert records(workspace) == GOOD


def test_the_next_writer_takes_back_what_a_killed_one_left(workspace: Path) -> None:
    """No exception was there to be caught."""
    block = records_kept(workspace)
    block.__enter__()
    half_write(workspace)
    assert (workspace / KEPT).is_dir()
    with write_lock(workspace):
        assert records(workspace) == GOOD
    assert not (workspace / KEPT).exists()


def test_a_first_record_that_was_cut_short_is_none(tmp_path: Path) -> None:
    """Where there was no record before, there is none after."""
    block = records_kept(tmp_path)
    block.__enter__()
    (tmp_path / "dvc.lock").write_text("sch")
    assert put_back(tmp_path)
    assert records(tmp_path) == {}
