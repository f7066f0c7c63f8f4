"""Training on a machine of its own: code and records travel through git, data and models through DVC's remote."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.flows.conftest import Space, new_space
from tests.flows.deployed.test_deploy_page import blocks
from tests.flows.standing import Standing

pytestmark = pytest.mark.slow

REINGEST = "from flows.reingest import reingest; reingest(train_after=0, fetch=True, push=True)"


class Machine:
    """A checkout and the page's commands in it."""

    def __init__(self, root: Path, standing: Standing, inbox: Path) -> None:
        self.root = root
        self._environment = {**standing.environment(), "CMRPIPE_WORKSPACE": str(root), "PYTHONPATH": str(root)}
        self._environment |= {"CMRPIPE_SOURCE": str(inbox), "BASH_ENV": os.devnull}

    def call(self, *command: str) -> str:
        """Run a command; its output."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def shell(self, script: str) -> str:
        """Run commands in a shell."""
        return self.call("bash", "-euo", "pipefail", "-c", script)

    def reingest(self) -> None:
        """Run the re-ingestion here, as the data host's worker does."""
        self.call("python", "-c", REINGEST)


def test_a_model_that_was_trained_elsewhere_comes_home(standing: Standing, small_phantom: Path, tmp_path: Path) -> None:
    """The GPU host gets the store and nothing else; its model, verdict and figures are then the data host's own."""
    space: Space = new_space(tmp_path / "host", standing.space.home)
    space.call("dvc", "remote", "add", "-d", "box", str(tmp_path / "box"))
    space.commit("Name a remote")
    share, get, by_hand = (code for why, code in blocks(elsewhere=True) if not why)
    names = {"ssh://you@data-host/srv/cmrpipe/workspace.git": str(tmp_path / "shared.git")}
    names |= {
        "/srv/cmrpipe/workspace.git": str(tmp_path / "shared.git"),
        "/srv/cmrpipe/workspace": str(tmp_path / "gpu"),
    }
    for theirs, ours in names.items():
        share, get, by_hand = (text.replace(theirs, ours) for text in (share, get, by_hand))
    host, gpu = (Machine(root, standing, small_phantom) for root in (space.root, tmp_path / "gpu"))
    host.shell(share)
    host.reingest()  # before there is a model anywhere
    host.shell(get)

    standing.stop_worker("gpu")
    standing.start_worker("gpu", gpu.root)
    try:
        run = standing.finish("train/train", fetch=True)
    finally:
        standing.stop_worker("gpu")
        standing.start_worker("gpu")
    for place in ("raw", "catalog", "findings", "overlays", "report"):
        assert not (gpu.root / "data" / place).exists(), place
    model = json.loads((gpu.root / "models" / "current.json").read_text())["model"]
    assert run["name"] == f"train: model {model}, current"

    host.reingest()
    for place in ("model", "evaluation", "models"):
        files = [path for path in sorted((gpu.root / "data" / place).rglob("*")) if path.is_file()]
        assert files
        for path in files:
            assert (host.root / path.relative_to(gpu.root)).read_bytes() == path.read_bytes(), path
    assert json.loads((host.root / "models" / "current.json").read_text())["model"] == model
    assert "Data and pipelines are up to date" in space.call("dvc", "repro")
    counted = "from pathlib import Path; from flows.models import new_slices; print(new_slices(Path()))"
    assert host.call("python", "-c", counted).strip() == "0"
    assert host.shell("git status --porcelain --untracked-files=no && git log --oneline @{u}..") == ""
    gpu.shell(by_hand)
    assert gpu.shell("git rev-parse HEAD") == host.shell("git rev-parse HEAD")
