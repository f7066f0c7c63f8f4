"""A commit shows the old state or the new one, wherever it is cut."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cmrpipe.incremental.manifest import (
    commit_file,
    located,
    pending,
    read_root,
    root_sha256,
    waiting_files,
)
from tests.snapshots import snapshot
from tests.textunits import contents, run


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"from": "FROM", "root": [1]}', '{"from": "other", "root": {"schema": 2}}']
)
def test_a_commit_that_cannot_be_one_is_none(tmp_path: Path, text: str) -> None:
    """Readers and the next run go by what stands; what waits beside it is not read."""
    folder = tmp_path / "out"
    run(folder, ["a:1", "b:1"])
    (waiting_files(folder) / "units").mkdir(parents=True)
    (waiting_files(folder) / "units" / "a").write_text("a:9")
    commit_file(folder).write_text(text.replace("FROM", root_sha256(folder)))
    assert located(folder, "units/a") == folder / "units" / "a"
    assert contents(folder) == {"a": "a:1", "b": "b:1"}
    assert run(folder, ["a:1", "b:1"]).unchanged == ("a", "b")
    assert contents(folder) == {"a": "a:1", "b": "b:1"}
    assert not pending(folder).exists()


def test_while_a_commit_is_under_way_files_are_read_where_they_are(tmp_path: Path) -> None:
    """Those that wait, and those that stay where they were."""
    folder = tmp_path / "out"
    run(folder, ["a:1", "b:1"])
    (waiting_files(folder) / "units").mkdir(parents=True)
    (waiting_files(folder) / "units" / "a").write_text("a:9")
    commit_file(folder).write_text(json.dumps({"from": root_sha256(folder), "root": read_root(folder)}))
    assert located(folder, "units/a") == waiting_files(folder) / "units" / "a"
    assert located(folder, "units/b") == folder / "units" / "b"


class Killed(BaseException):
    """Stands for a kill: nothing that handles exceptions handles it, and what follows does not run."""


def test_a_commit_cut_at_any_step_shows_the_old_or_the_new_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a commit is cut, readers see one of the two states whole, and the next run ends as if nothing was."""
    old, new = ["a:1", "b:1", "c:1", "d:1"], ["a:2", "b:1", "c:2", "e:1"]
    states = [{text[0]: text for text in texts} for texts in (old, new)]
    run(tmp_path / "fresh", new)
    cuts = 0
    for step in range(100):
        folder = tmp_path / f"cut{step}"
        run(folder, old)
        left = step

        def cut(function: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                if left == 0:
                    raise Killed
                left -= 1
                return function(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", cut(Path.replace))
            patch.setattr(Path, "unlink", cut(Path.unlink))
            patch.setattr(shutil, "rmtree", cut(shutil.rmtree))
            try:
                run(folder, new)
            except Killed:
                cuts += 1
            else:
                break
        seen = contents(folder)
        assert seen in states
        assert run(folder, new).done == (() if seen == states[1] else ("a", "c", "e"))  # what was committed stays
        assert snapshot(folder) == snapshot(tmp_path / "fresh")
    assert cuts > 10


def test_commit_of_another_state_is_not_carried_on(tmp_path: Path) -> None:
    """When the folder was put back to another version meanwhile, the commit that was cut is dropped."""
    folder = tmp_path / "out"
    run(folder, ["a:1"])
    first = snapshot(folder)
    run(folder, ["a:2"])
    commit_file(folder).parent.mkdir()
    commit_file(folder).write_text(json.dumps({"from": "0" * 64, "beside": [], "root": {"shards": {}}}))
    for name, data in first.items():
        (folder / name).write_bytes(data)
    assert contents(folder) == {"a": "a:1"}
    assert run(folder, ["a:1"]).unchanged == ("a",)
