"""What makes a folder a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.errors import CmrpipeError
from cmrpipe.workspace import HERE, MARKS, Workspace
from flows import place
from flows.forget.__main__ import app as forget
from flows.integrity.__main__ import app as integrity
from flows.run import app as run
from tests.commands import empty_workspace


@pytest.mark.parametrize("mark", MARKS)
def test_a_folder_that_lacks_a_mark_is_refused_by_name(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the folder, what it lacks, and what to do; the folder that one is in is named in full."""
    root = empty_workspace(tmp_path / "space")
    Workspace(root).check()
    (root / mark).rename(tmp_path / mark)
    monkeypatch.chdir(root)
    for space in (Workspace(root), HERE):
        with pytest.raises(CmrpipeError) as refused:
            space.check()
        said = f"{root}: is no cmrpipe workspace (it has no {mark}). Run this in your checkout, or name it with"
        assert str(refused.value) == f"{said} --workspace"
    monkeypatch.setenv(place.VARIABLE, str(root))
    with pytest.raises(CmrpipeError, match=f"Set {place.VARIABLE} to your checkout"):
        place.enter()


def test_a_worker_enters_its_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that its environment names; without a name it is told what to set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(place.VARIABLE, raising=False)
    with pytest.raises(CmrpipeError, match="is not set"):
        place.enter()
    monkeypatch.setenv(place.VARIABLE, str(empty_workspace(tmp_path / "space")))
    assert place.enter() == {"directory": str(tmp_path / "space")}
    assert HERE.raw.resolve() == tmp_path / "space" / "data" / "raw"


@pytest.mark.parametrize("arguments", [("run",), ("verify", "--workspace=x"), ("rebuild",), ("forget", "P")])
def test_what_is_not_installed_is_told_before_anything_is_handed_over(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Whoever has the core alone is told what brings the rest, without a traceback."""
    monkeypatch.setattr("os.execv", lambda *_: pytest.fail("handed over"))
    monkeypatch.setattr("cmrpipe.cli.handover.find_spec", lambda _: None)
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert f"error: {arguments[0]}: dvc: is not installed. Install cmrpipe[flows]" in refused.stderr


COMMANDS = {"run": "flows.run", "verify": "flows.integrity", "rebuild": "flows.integrity", "forget": "flows.forget"}
APPS = {"flows.run": run, "flows.integrity": integrity, "flows.forget": forget}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_workspace_that_is_named_is_the_one_that_counts(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder, spelled either way; one that is none is named, and help needs none."""
    handed: list[str] = []

    def become(_: str, arguments: list[str]) -> None:
        handed.append(" ".join(arguments[2:]))
        raise SystemExit(0)

    monkeypatch.setattr("os.execv", become)
    monkeypatch.chdir(tmp_path)
    space = empty_workspace(tmp_path / "space")
    for words in (
        ["--workspace", str(space)],
        [f"--workspace={space}"],
        *([] if command == "verify" else [["--help"]]),
    ):
        assert CliRunner().invoke(app, [command, *words]).exit_code == 0
        assert handed.pop().startswith(COMMANDS[command])
    subcommand = [command] if command in ("verify", "rebuild") else ["P"] if command == "forget" else []
    for words, said in ((["--workspace", "none"], "none: is no cmrpipe workspace"), (["--workspace="], "is empty")):
        assert CliRunner().invoke(app, [command, *words]).exit_code == 0
        assert handed.pop().endswith(" ".join(words))
        refused = CliRunner().invoke(APPS[COMMANDS[command]], [*subcommand, *words])
        assert refused.exit_code == 2
        assert said in refused.stderr
    monkeypatch.chdir(space)  # and without a name this one is
    assert CliRunner().invoke(app, [command]).exit_code == 0
    assert handed.pop().startswith(COMMANDS[command])
