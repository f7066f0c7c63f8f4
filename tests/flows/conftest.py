"""A workspace of its own for each test: what the repository commits, beside a small phantom."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import flows.folders
import flows.rawrecord
from cmrpipe.files import sha256_file
from cmrpipe.incremental.locking import alone
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.stages import UP_TO_STORE
from flows.git import git
from tests.flows.clones import CONTOUR, Clone, run_here

REPOSITORY = Path(__file__).resolve().parents[2]
COMMITTED = (
    "cmrpipe",
    "flows",
    "dvc.yaml",
    "params.yaml",
    "pathology.csv",
    "prefect.yaml",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvcignore",
    ".gitignore",
)
SMALL: dict[str, dict[str, Any]] = {
    "train": {"epochs": 2, "image_size": 32, "channels": [4, 8], "threads": 1},
    "evaluate": {"threads": 1},
    "overlay": {"scale": 1},
    "source": {"settle_s": 0.0},
}
OUTPUTS = ("catalog", "findings", "overlays", "store", "model", "evaluation", "report")


def environment(home: Path) -> dict[str, str]:
    """Environment of a user who has set nothing up, with the environment's commands on the path.

    Python keeps there what it has compiled, whatever is set for the tests: hundreds of processes start there.
    """
    dropped = ("PREFECT_", "DVC_", "CMRPIPE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    bin_folder = str(Path(sys.executable).parent)
    return {
        **kept,
        "HOME": str(home),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc-global"),
        "PYTHONWARNINGS": "default",
    }


class Space:
    """A workspace and the commands one runs in it."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.home = home

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a Python module with arguments, in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=environment(self.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def call(self, *command: str, code: int = 0) -> str:
        """Run a Python module to its end; its output; fails when the exit code is another."""
        process = self.start(*command)
        out, _ = process.communicate(timeout=600)
        assert process.returncode == code, f"{command} left with {process.returncode}:\n{out}"
        return out

    def run(self, *options: str, code: int = 0) -> str:
        """`cmrpipe run` without Prefect."""
        return self.call("cmrpipe", "run", "--no-prefect", *options, code=code)

    def hashes(self, *folders: str) -> dict[str, str]:
        """SHA-256 of all files below folders of `data/`."""
        return {
            path.relative_to(self.root).as_posix(): sha256_file(path)
            for folder in folders
            for path in sorted((self.root / "data" / folder).rglob("*"))
            if path.is_file()
        }

    def set_param(self, section: str, key: str, value: object) -> None:
        """Change a parameter."""
        path = self.root / "params.yaml"
        values = yaml.safe_load(path.read_text())
        values[section][key] = value
        path.write_text(yaml.safe_dump(values, sort_keys=False))

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", "add", "-A"], cwd=self.root, check=True)
        subprocess.run(["git", *who, "commit", "-q", "-m", message], cwd=self.root, check=True)

    def copy(self, target: Path) -> Space:
        """A copy of everything, DVC's cache included."""
        shutil.copytree(self.root, target, symlinks=True)
        return Space(target, self.home)


def new_space(root: Path, home: Path, code: Path = REPOSITORY) -> Space:
    """A workspace as a clone of the checkout `code` has it, with small training."""
    for name in COMMITTED:
        source, target = code / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    (root / "data").mkdir()
    shutil.copy2(code / "data" / ".gitignore", root / "data" / ".gitignore")
    home.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    space = Space(root, home)
    for section, values in SMALL.items():
        for key, value in values.items():
            space.set_param(section, key, value)
    space.commit("Code")
    return space


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose user git does not know, with some records."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    root = tmp_path / "workspace"
    (root / "data").mkdir(parents=True)
    (root / ".dvc").mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "dvc.lock").write_text("one\n")
    (root / "data" / "raw.dvc").write_text("one\n")
    return root


@pytest.fixture
def space(tmp_path: Path) -> Space:
    """A workspace in which nothing has run."""
    return new_space(tmp_path / "space", tmp_path / "home")


@pytest.fixture(scope="session")
def four_patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 phantom patients; read only."""
    folder = tmp_path_factory.mktemp("source") / "four"
    write_phantom(folder, 4, 5, slices=4, frames=10, rows=64, columns=72, listen=silent)
    return folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Space], str]) -> tuple[Space, str]:
    """A workspace that one process of the test run makes while others wait, and what `make` returned; to be copied.

    What it is made in is below the run's folder, which all processes share; each has a home of its own.
    """
    shared = factory.getbasetemp()
    base = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / name
    said = base / "said"
    with alone(base / "lock"):
        if not said.exists():
            shutil.rmtree(base / "space", ignore_errors=True)  # of one that failed
            said.write_text(make(new_space(base / "space", base / "home")))
    return Space(base / "space", factory.mktemp(f"{name}-home")), said.read_text()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Space:
    """A workspace with few files, committed to git; its dvc.yaml is this one as far as the store. To be copied."""

    def make(space: Space) -> str:
        pipeline = yaml.safe_load((space.root / "dvc.yaml").read_bytes())
        stages = {name: pipeline["stages"][name] for name in UP_TO_STORE}
        (space.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
        write_phantom(space.root / "data" / "raw", 3, 5, slices=2, frames=4, rows=48, columns=48, listen=silent)
        space.call("dvc", "add", "-q", "data/raw")
        space.call("dvc", "repro", "-q")
        space.commit("Run the pipeline")
        return ""

    return made_once(tmp_path_factory, "recorded", make)[0]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, small_phantom: Path) -> tuple[Space, str]:
    """A workspace after `cmrpipe run` with Prefect on the small phantom, and what that printed; to be copied."""
    return made_once(
        tmp_path_factory, "finished", lambda space: space.call("cmrpipe", "run", "--source", str(small_phantom))
    )


@pytest.fixture
def bob(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """The source has landed and is recorded."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    for module in (flows.folders, flows.rawrecord):
        monkeypatch.setattr(module, "run_dvc", run_here)
    (tiny / CONTOUR).parent.mkdir(parents=True)
    (tiny / CONTOUR).write_text("1 1\n")
    (tiny / "contourfiles/A/2.txt").write_text("1 1\n")
    (tiny / "link.csv").write_text("patient_id,original_id\nA,A\n")
    root = tmp_path / "bob"
    (root / ".dvc" / "tmp").mkdir(parents=True)
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    (root / "params.yaml").write_text("source:\n  settle_s: 0.0\n")
    clone = Clone(root, tiny)
    clone.land()
    return clone
