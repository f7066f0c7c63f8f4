"""What Prefect and DVC cost a whole run, and Dask a stage: phantom patients, each way in a new workspace of its own.

A run without anything to do measures what starting costs; the rest of the difference is what work itself costs more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from harness import print_table

from cmrpipe.landing import land
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.stages import STAGES

ROOT = Path(__file__).parents[1]
CODE = (
    "cmrpipe",
    "flows",
    "dvc.yaml",
    "params.yaml",
    "pathology.csv",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvcignore",
    ".gitignore",
)
SMALL = {
    "train": {"epochs": 2, "image_size": 32, "channels": [4, 8]},
    "source": {"settle_s": 0.0},
}
"""Training is not what is measured: it runs in one process whichever way."""


def environment(home: Path, space: Path) -> dict[str, str]:
    """Nothing of this user's settings, the workspace's own code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DVC_", "CMRPIPE_"))}
    return {
        **kept,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(space),
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc-global"),
    }


class Space:
    """A new workspace, as a clone of the checkout has it."""

    def __init__(self, base: Path, name: str) -> None:
        self.root, self.home = base / name, base / f"{name}-home"
        self.home.mkdir()
        for part in CODE:
            source, target = ROOT / part, self.root / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        (self.root / "data").mkdir()
        shutil.copy2(ROOT / "data" / ".gitignore", self.root / "data" / ".gitignore")
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)  # noqa: S607
        params = yaml.safe_load((self.root / "params.yaml").read_text())
        for section, values in SMALL.items():
            params[section] |= values
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def call(self, *arguments: str) -> float:
        """Run cmrpipe with arguments; its seconds."""
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "cmrpipe", *arguments],
            cwd=self.root,
            env=environment(self.home, self.root),
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - start

    def bare(self, source: Path) -> float:
        """Land, and the stages' own commands one after the other: neither Prefect nor DVC."""
        start = time.perf_counter()
        raw = self.root / "data" / "raw"
        land_from(source, raw)
        for stage in STAGES:
            self.call(stage, *(["--exit-zero"] if stage in ("ingest", "validate") else []))
        return time.perf_counter() - start


def land_from(source: Path, raw: Path) -> None:
    """Land from a folder at once."""
    from cmrpipe.connect.opening import open_source
    from cmrpipe.params import SourceParams

    land(open_source(str(source), SourceParams(settle_s=0.0), raw), raw, settle_s=0.0, listen=silent)


def whole(base: Path, source: Path, rounds: int) -> None:
    """Whole runs three ways, in turns."""
    first: dict[str, list[float]] = {"bare stages": [], "under DVC": [], "under Prefect and DVC": []}
    again: dict[str, list[float]] = {name: [] for name in first}
    for number in range(rounds):
        for name, extra in (("bare stages", None), ("under DVC", ["--no-prefect"]), ("under Prefect and DVC", [])):
            space = Space(base, f"{len(name)}-{number}")
            for times in (first, again):
                took = space.bare(source) if extra is None else space.call("run", "--source", str(source), *extra)
                times[name].append(took)
            shutil.rmtree(space.root)
    middle = {name: sorted(times)[rounds // 2] for name, times in first.items()}
    nothing = {name: sorted(times)[rounds // 2] for name, times in again.items()}
    bare, idle = middle["bare stages"], nothing["bare stages"]
    rows = [["", "first run s", "times bare", "nothing to do s", "beyond start-up"]]
    for name in first:
        start_up = nothing[name] - idle
        beyond = (middle[name] - bare - start_up) / bare
        rows.append(
            [name, f"{middle[name]:.1f}", f"{middle[name] / bare:.2f} x", f"{nothing[name]:.1f}", f"{beyond:+.1%}"]
        )
    print(f"\na whole run ({rounds} rounds, in turns)")
    print_table(rows)


def executors(base: Path, source: Path, rounds: int) -> None:
    """Two per-patient stages, two processes against a Dask cluster of two."""
    space = Space(base, "executors")
    space.bare(source)
    ways = ("processes:2", "dask-local:2")
    stages = (("ingest", "catalog", ("--exit-zero",)), ("overlay", "overlays", ()))
    rows = [["", *ways, "Dask, times processes"]]
    for stage, output, options in stages:
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                shutil.rmtree(space.root / "data" / output)
                shutil.rmtree(space.root / ".cmrpipe", ignore_errors=True)
                times[way].append(space.call(stage, *options, "--executor", way))
        middle = {way: sorted(found)[rounds // 2] for way, found in times.items()}
        ratio = middle["dask-local:2"] / middle["processes:2"]
        rows.append([stage, *(f"{middle[way]:.2f} s" for way in ways), f"{ratio:.2f} x"])
    print(f"\na stage on two workers, the cluster's start included ({rounds} rounds, in turns)")
    print_table(rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        source = base / "source"
        write_phantom(source, options.patients, 5, slices=8, frames=20, rows=96, columns=96, listen=silent)
        images = sum(1 for _ in source.rglob("*.dcm"))
        print(f"{options.patients} phantom patients, {images:,} images, on {os.cpu_count()} cores")
        whole(base, source, options.rounds)
        executors(base, source, options.rounds)


if __name__ == "__main__":
    main()
