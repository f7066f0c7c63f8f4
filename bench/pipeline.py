"""What Prefect and DVC cost a whole run, and Dask a stage: phantom patients, each way in a new workspace of its own.

A run with few patients measures what starting costs (Prefect's database, DVC's commands); what further patients cost
more than that is what work itself costs more. Seconds of the wall clock depend on what else the machine does; seconds
of processor time, of all processes together, less.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
FEW = 4
"""Patients of the run that measures what starting costs."""


class Cost:
    """Seconds that something took, and seconds of processor time that it used, children included."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0


def _cpu() -> float:
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


@contextmanager
def measured() -> Iterator[Cost]:
    """Fills the cost in when the block ends; children that were waited for count."""
    cost, wall, cpu = Cost(), time.perf_counter(), _cpu()
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, _cpu() - cpu


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
        who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
        for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "Code"]):
            subprocess.run(["git", *command], cwd=self.root, check=True)  # noqa: S607
        params = yaml.safe_load((self.root / "params.yaml").read_text())
        for section, values in SMALL.items():
            params[section] |= values
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def call(self, *arguments: str) -> Cost:
        """Run cmrpipe with arguments; its cost."""
        with measured() as cost:
            subprocess.run(
                [sys.executable, "-m", "cmrpipe", *arguments],
                cwd=self.root,
                env=environment(self.home, self.root),
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return cost

    def bare(self, source: Path) -> Cost:
        """Land, and the stages' own commands one after the other: neither Prefect nor DVC."""
        with measured() as cost:
            land_from(source, self.root / "data" / "raw")
            for stage in STAGES:
                self.call(stage, *(["--exit-zero"] if stage in ("ingest", "validate") else []))
        return cost


def land_from(source: Path, raw: Path) -> None:
    """Land from a folder at once."""
    from cmrpipe.connect.opening import open_source
    from cmrpipe.params import SourceParams

    land(open_source(str(source), SourceParams(settle_s=0.0), raw), raw, settle_s=0.0, listen=silent)


def middle(costs: list[Cost], kind: str) -> float:
    """The median of one kind of seconds."""
    seconds: list[float] = sorted(getattr(cost, kind) for cost in costs)
    return seconds[len(costs) // 2]


def whole(base: Path, few: Path, many: Path, rounds: int) -> None:
    """Whole runs three ways, in turns."""
    ways = {"bare stages": None, "under DVC": ["--no-prefect"], "under Prefect and DVC": []}
    costs: dict[tuple[str, Path], list[Cost]] = {(name, source): [] for source in (many, few) for name in ways}
    for number in range(rounds):
        for (name, source), found in costs.items():
            space = Space(base, f"{source.name}-{len(name)}-{number}")
            options = ways[name]
            took = space.bare(source) if options is None else space.call("run", "--source", str(source), *options)
            found.append(took)
            print(f"{name}, {source.name}: {took.wall:.1f} s, processors {took.cpu:.1f} s", flush=True)
            shutil.rmtree(space.root)
    for kind, about in (("wall", "seconds of the wall clock"), ("cpu", "seconds of processor time")):
        bare = [middle(costs["bare stages", source], kind) for source in (few, many)]
        rows = [["", few.name, many.name, "times bare", "further patients, against bare"]]
        for name in ways:
            small, large = (middle(costs[name, source], kind) for source in (few, many))
            beyond = (large - small) / (bare[1] - bare[0]) - 1
            rows.append([name, f"{small:.1f}", f"{large:.1f}", f"{large / bare[1]:.2f} x", f"{beyond:+.1%}"])
        print(f"\na whole run, {about} ({rounds} rounds, in turns)", flush=True)
        print_table(rows)


def executors(base: Path, source: Path, rounds: int) -> None:
    """Two per-patient stages, two processes against a Dask cluster of two."""
    space = Space(base, "executors")
    land_from(source, space.root / "data" / "raw")
    for stage in ("ingest", "validate"):
        space.call(stage, "--exit-zero")
    ways = ("processes:2", "dask-local:2")
    stages = (("ingest", "catalog", ("--exit-zero",)), ("overlay", "overlays", ()))
    rows = [["", *ways, "Dask, times processes", "the same, processor time"]]
    for stage, output, options in stages:
        costs: dict[str, list[Cost]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                shutil.rmtree(space.root / "data" / output, ignore_errors=True)
                shutil.rmtree(space.root / ".cmrpipe", ignore_errors=True)
                costs[way].append(space.call(stage, *options, "--executor", way))
        wall, cpu = ([middle(costs[way], kind) for way in ways] for kind in ("wall", "cpu"))
        rows.append(
            [stage, *(f"{seconds:.2f} s" for seconds in wall), f"{wall[1] / wall[0]:.2f} x", f"{cpu[1] / cpu[0]:.2f} x"]
        )
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
        few, many = (base / f"{number} patients" for number in (FEW, options.patients))
        for source, number in ((few, FEW), (many, options.patients)):
            write_phantom(source, number, 5, slices=4, frames=10, rows=64, columns=72, listen=silent)
        images = sum(1 for _ in many.rglob("*.dcm"))
        print(f"{options.patients} phantom patients, {images:,} images, on {os.cpu_count()} cores", flush=True)
        whole(base, few, many, options.rounds)
        executors(base, many, options.rounds)


if __name__ == "__main__":
    main()
