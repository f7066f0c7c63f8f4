"""docs/sources.md: every command in it works as written, with folders and a server of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from flows.server import embedded_server
from tests.connect.conftest import Orthanc, server
from tests.flows.conftest import REPOSITORY, Space, environment

__all__ = ["server"]
pytestmark = pytest.mark.slow


def blocks(page: str) -> list[str]:
    """Fenced shell blocks of a page, in order."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def shell(space: Space, script: str, bin_folder: Path) -> str:
    """Run a block in a workspace; where `cmrpipe sources` is in it, exit code 1 (something to land) is right."""
    env = environment(space.home)
    env["PATH"] = f"{bin_folder}:{env['PATH']}"
    env["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    best = 1 if "cmrpipe sources" in script else 0
    trapped = f"trap 'c=$?; [ $c -le {best} ] || exit 99' ERR\n{script}\nexit 0\n"
    done = subprocess.run(
        ["bash", "-u", "-c", trapped], cwd=space.root, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """`cmrpipe` and `python` as commands, of this very interpreter and the workspace's code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "cmrpipe").write_text(f'#!/bin/sh\nexec {sys.executable} -m cmrpipe "$@"\n')
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder


def test_every_command_of_the_page_on_sources(
    space: Space, server: Orthanc, small_phantom: Path, shared_data: Path, tmp_path: Path, bin_folder: Path
) -> None:
    """Folder, heap and server, one after the other, in the page's order; each lands what is expected."""
    server.clear()
    real = shared_data / "more_patients"
    two = [p for n in ("SCD0000601", "SCD0000701") for p in sorted((real / "dicoms" / n).iterdir())]
    server.stow(*two)
    heap = tmp_path / "heap"
    heap.mkdir()
    for i, path in enumerate(sorted((real / "dicoms" / "SCD0001201").iterdir())):
        shutil.copy2(path, heap / f"I{i}")
    folder = tmp_path / "folder"
    shutil.copytree(small_phantom, folder)
    (folder / "phantom.json").unlink()
    contours = tmp_path / "contours"
    shutil.copytree(real / "contourfiles", contours / "contourfiles")
    shutil.copy2(real / "link.csv", contours / "link.csv")
    values = {
        "/path/to/folder": str(folder),
        "/path/to/heap": str(heap),
        "/path/to/contours": str(contours),
        "https://pacs.example.org/dicom-web": server.address,
        "python -m pip install": "python -m pip install --dry-run --quiet --no-deps --no-index",
    }
    said, exports = "", ""
    *landing, saving = blocks("sources.md")
    for block in landing:
        for name, value in values.items():
            block = block.replace(name, value)  # noqa: PLW2901
        said += shell(space, exports + block, bin_folder)
        exports += "".join(f"{line}\n" for line in block.splitlines() if line.startswith("export "))
    here = {path.name for path in (space.root / "data/raw/dicoms").iterdir()}
    assert {"SCD0000601", "SCD0000701", "SCD0001201", "PHA0000101"} <= here
    load = "from flows.credentials import pacs_credentials as p; c = p('cmrpipe-pacs'); print(c, c.password[::-1])"
    with mock.patch.dict(os.environ), embedded_server(space.root, print) as wait:
        wait()
        api = f"export PREFECT_API_URL={os.environ['PREFECT_API_URL']}\n"
        said += shell(space, api + exports + saving, bin_folder)
        read = shell(space, f'{api}python -c "{load}"', bin_folder)
    assert "not-a-secret" not in said
    assert "Credentials(user='connect')" in read
    assert "3917-terces-a-ton" in read
