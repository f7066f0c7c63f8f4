"""The place of the drill: a workspace with a small phantom in DVC, and its remote; and what both are when whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from cmrpipe.errors import CmrpipeError
from cmrpipe.files import sha256_bytes, sha256_file
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.readers.archives import pack
from cmrpipe.readers.layouts import CONTOURS, DICOMS, archive_file
from cmrpipe.store import StoreFormat, open_store
from drill.warm import finished

_REPOSITORY = Path(__file__).resolve().parents[1]
_CODE = ("cmrpipe", "flows", "dvc.yaml", "params.yaml", ".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore")
_PATIENTS = 6
MANIFEST = "manifest"
"""The store's manifest, a place of its own."""
STAGES = ("ingest", "validate", "store")


def new_space(space: Path, **params: dict[str, object]) -> None:
    """A workspace with this project's code, in Git; `params` change those of params.yaml, section by section."""
    for name in _CODE:
        target = space / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (_REPOSITORY / name).is_dir():
            shutil.copytree(_REPOSITORY / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(_REPOSITORY / name, target)
    (space / "data").mkdir()
    told = yaml.safe_load((space / "params.yaml").read_bytes())
    for section, values in params.items():
        told[section] |= values
    (space / "params.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    subprocess.run(["git", "init", "-q"], cwd=space, check=True)  # noqa: S607


@dataclass(slots=True)
class Yard:
    """A workspace with DVC, its remote, SHA-256 of every file when it is whole, and what a reader then gets."""

    root: Path
    store_format: StoreFormat
    whole: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, str] = field(default_factory=dict)

    @property
    def space(self) -> Path:
        """The workspace."""
        return self.root / "space"

    def environment(self) -> dict[str, str]:
        """Environment of a user who has set nothing up."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "DVC_", "CMRPIPE_"))}
        home = self.root / "home"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        sites = {"DVC_SITE_CACHE_DIR": str(home / "site"), "DVC_GLOBAL_CONFIG_DIR": str(home / "global")}
        return {**kept, **sites, "HOME": str(home), "PATH": path}

    def call(self, *command: str, codes: Iterable[int] = (0,)) -> str:
        """Run a Python module in the workspace; its output."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.space,
            env=self.environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode not in set(codes):
            raise RuntimeError(f"{' '.join(command)} left with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def cmrpipe(self, *arguments: str, codes: Iterable[int] = (0,)) -> str:
        """Run a command of cmrpipe in the workspace; its output."""
        output = self.root / "said.txt"
        code, said = finished(arguments, cwd=self.space, environment=self.environment(), output=output)
        if code not in set(codes):
            raise RuntimeError(f"{' '.join(arguments)} left with {code}:\n{said}")
        return said

    def verify(self) -> list[dict[str, str]]:
        """What `cmrpipe verify` finds."""
        report = self.root / "verify.json"
        self.cmrpipe("verify", "--remote", "--json", str(report), codes=(0, 1))
        found: list[dict[str, str]] = json.loads(report.read_bytes())["bad"]
        return found

    def targets(self) -> dict[str, list[str]]:
        """Files that may be harmed, by place, relative to the drill's folder."""
        parts = {
            "store": "space/data/store",
            "raw": "space/data/raw",
            "cache": "space/.dvc/cache/files/md5",
            "remote": "remote/files/md5",
        }
        found = {
            place: sorted(name for name in self.whole if name.startswith(f"{part}/")) for place, part in parts.items()
        }
        found[MANIFEST] = [name for name in found["store"] if "/manifest" in name]
        found["store"] = [name for name in found["store"] if "/manifest" not in name]
        return found

    def look(self) -> dict[str, str]:
        """SHA-256 of everything that must be as it was."""
        folders = ("space/data/store", "space/data/raw", "space/data/catalog", "space/data/findings")
        names = [*folders, "space/.dvc/cache/files/md5", "remote/files/md5"]
        paths = [path for name in names for path in sorted((self.root / name).rglob("*")) if path.is_file()]
        return {path.relative_to(self.root).as_posix(): sha256_file(path) for path in paths}

    def loader(self) -> dict[str, str]:
        """What the training loader gets, by patient; patients that it refuses are missing."""
        seen: dict[str, str] = {}
        try:
            with open_store(self.space / "data" / "store") as store:
                for patient in store.patients:
                    try:
                        arrays = store.load(patient).arrays()
                    except (CmrpipeError, OSError):
                        continue
                    text = "".join(f"{name}{sha256_bytes(a.tobytes())}" for name, a in sorted(arrays.items()))
                    seen[patient] = sha256_bytes(text.encode())
        except (CmrpipeError, OSError):
            return {}
        return seen


def new_yard(root: Path, store_format: str) -> Yard:
    """A workspace with a small phantom, run up to the store, pushed to a remote beside it."""
    yard = Yard(root, StoreFormat(store_format))
    new_space(yard.space, store={"format": store_format})
    (root / "home").mkdir()
    raw = yard.space / "data" / "raw"
    write_phantom(raw, _PATIENTS, 9, slices=3, frames=6, rows=48, columns=48, listen=silent)
    if yard.store_format is StoreFormat.ZARR:  # one of the two yards has archives
        for folder in [path for part in (DICOMS, CONTOURS) for path in sorted((raw / part).iterdir())]:
            pack(folder, archive_file(raw, folder.relative_to(raw).as_posix()))
            shutil.rmtree(folder)
    yard.call("dvc", "add", "-q", "data/raw")
    for stage in STAGES:
        yard.call("dvc", "repro", "-q", "--single-item", stage)
    yard.call("dvc", "remote", "add", "-q", "-d", "origin", str(root / "remote"))
    yard.call("dvc", "remote", "modify", "-q", "origin", "verify", "true")
    yard.call("dvc", "push", "-q")
    yard.whole, yard.arrays = yard.look(), yard.loader()
    if yard.verify():
        raise RuntimeError("a workspace that nobody harmed does not verify")
    return yard
