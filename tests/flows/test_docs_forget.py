"""docs/forget.md: every command in it works as written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flows.conftest import Space
from tests.flows.test_docs_sources import bin_folder, blocks, shell

__all__ = ["bin_folder"]
pytestmark = pytest.mark.slow


def test_every_command_of_the_page_on_forgetting(
    finished: tuple[Space, str], four_patients: Path, tmp_path: Path, bin_folder: Path
) -> None:
    """Listed, forgotten in cache and remote, and trained anew without the patient."""
    space = finished[0].copy(tmp_path / "space")
    space.run("--source", str(four_patients))
    for arguments in (
        ("config", "user.name", "t"),
        ("config", "user.email", "t@example.org"),
        ("add", "-A"),
        ("commit", "-qm", "one"),
    ):
        subprocess.run(["git", *arguments], cwd=space.root, check=True)
    space.call("dvc", "remote", "add", "-d", "box", str(tmp_path / "box"))
    space.call("dvc", "push", "-q")
    who = sorted(path.name for path in (space.root / "data/raw/dicoms").iterdir())[0]
    for block in blocks("forget.md"):
        said = shell(space, block.replace("SCD0000101", who), bin_folder)
        if "--yes" in block:
            assert not (space.root / "data/raw/dicoms" / who).exists()
            shutil.rmtree(space.root / "data" / "phantom", ignore_errors=True)
    assert "Dice" in said
    assert who not in (space.root / "data/model/splits.json").read_text()
    assert who not in (space.root / "data/report/report.html").read_text()
