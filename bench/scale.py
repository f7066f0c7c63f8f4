"""What one more patient costs in stores of 10, 100 and 1,000 phantom patients: time, cache bytes, bytes pushed.

    python bench/scale.py [--sizes 10 100 1000] [--folder DIR]

Every step is the command that a user runs: `cmrpipe land`, `dvc repro --single-item ...`, `dvc push`, to a remote in a
folder. Images are small (64 by 64, 3 slices, 8 frames), so that what is measured is the number of patients.
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
from collections.abc import Sequence
from pathlib import Path

import yaml
from harness import print_table

from cmrpipe.phantom import write_phantom
from drill.corruption import CODE, REPOSITORY

STAGES = ("ingest", "validate", "store")
ROUNDS = 3
"""Patients that are added, one after the other; the median counts."""


class Space:
    """A workspace with a remote beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.space, self.remote, self.source = root / "space", root / "remote", root / "source"
        for name in CODE:
            target = self.space / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (REPOSITORY / name).is_dir():
                shutil.copytree(REPOSITORY / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(REPOSITORY / name, target)
        (self.space / "data").mkdir()
        params = yaml.safe_load((self.space / "params.yaml").read_bytes())
        params["source"]["settle_s"] = 0.0
        (self.space / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        subprocess.run(["git", "init", "-q"], cwd=self.space, check=True)  # noqa: S607
        self.call("dvc", "remote", "add", "-q", "-d", "origin", str(self.remote))
        self.call("dvc", "remote", "modify", "-q", "origin", "verify", "true")

    def call(self, *command: str) -> float:
        """Run a Python module in the workspace; seconds."""
        home = self.root / "home"
        sites = {"DVC_SITE_CACHE_DIR": str(home / "site"), "DVC_GLOBAL_CONFIG_DIR": str(home / "global")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.space,
            env={**os.environ, **sites, "PATH": path},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} left with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return time.perf_counter() - start

    def update(self) -> dict[str, float]:
        """Bring everything up to date; seconds of each step, and the processor's ("cpu")."""
        before = processor_seconds()
        took = {"land": self.call("cmrpipe", "land", str(self.source))}
        for stage in STAGES:
            took[stage] = self.call("dvc", "repro", "-q", "--single-item", stage)
        took["push"] = self.call("dvc", "push", "-q", "data/raw.dvc", *STAGES)
        took["cpu"] = processor_seconds() - before
        return took


def processor_seconds() -> float:
    """What all children that have ended took of the processors: unlike the clock, little changed by other work."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def add_patients(phantom: Path, source: Path, ids: Sequence[tuple[str, str]]) -> None:
    """Put patients of the phantom into a source, by hard links; the link table gets their lines."""
    for patient, original in ids:
        for part, name in (("dicoms", patient), ("contourfiles", original)):
            shutil.copytree(phantom / part / name, source / part / name, copy_function=os.link)
    table = source / "link.csv"
    if not table.exists():
        table.write_text("patient_id,original_id\n")
    with table.open("a") as stream:
        stream.writelines(f"{patient},{original}\n" for patient, original in ids)


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Make each workspace, add patients one by one, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--phantom", type=Path, help="a phantom of enough patients, when one is there")
    options = parser.parse_args()
    steps = ("land", *STAGES, "push")
    rows: list[list[str]] = [["patients", "first s", *(f"+1 {step} s" for step in steps), "+1 all s", "+1 processor s"]]
    data: list[list[str]] = [["patients", "its files KB", "+1 cache KB", "of it lists KB", "+1 pushed KB"]]
    with tempfile.TemporaryDirectory() as name:
        phantom = options.phantom or Path(name) / "phantom"
        if not options.phantom:
            write_phantom(phantom, max(options.sizes) + ROUNDS, 1, slices=3, frames=8, rows=64, columns=64)
        lines = (phantom / "link.csv").read_text().split()[1:]
        ids = [(line.split(",")[0], line.split(",")[1]) for line in lines]
        for size in options.sizes:
            space = Space(Path(name) / str(size))
            add_patients(phantom, space.source, ids[:size])
            first = space.update()
            took: dict[str, list[float]] = {step: [] for step in (*steps, "cpu")}
            grown: dict[str, list[float]] = {"files": [], "cache": [], "lists": [], "pushed": []}
            cache = space.space / ".dvc" / "cache"
            for extra in ids[size : size + ROUNDS]:
                before, sent = sizes(cache), sizes(space.remote)
                add_patients(phantom, space.source, [extra])
                for step, seconds in space.update().items():
                    took[step].append(seconds)
                new = {path: count for path, count in sizes(cache).items() if path not in before}
                raw = space.space / "data" / "raw"
                grown["files"].append(
                    sum(sizes(raw / "dicoms" / extra[0]).values())
                    + sum(sizes(raw / "contourfiles" / extra[1]).values())
                )
                grown["cache"].append(sum(new.values()))
                grown["lists"].append(sum(count for path, count in new.items() if path.endswith(".dir")))
                grown["pushed"].append(sum(count for path, count in sizes(space.remote).items() if path not in sent))
            all_s = median([sum(values) for values in zip(*(took[step] for step in steps), strict=True)])
            seconds = [*(median(took[step]) for step in steps), all_s, median(took["cpu"])]
            begun = sum(first[step] for step in steps)
            rows.append([f"{size:,}", f"{begun:.0f}", *(f"{value:.1f}" for value in seconds)])
            data.append([f"{size:,}", *(f"{median(values) / 1e3:.0f}" for values in grown.values())])
            print(rows[-1], data[-1], flush=True)
            shutil.rmtree(space.root)
    print_table(rows)
    print()
    print_table(data)


if __name__ == "__main__":
    main()
