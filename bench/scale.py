"""What one more patient costs in stores of 10, 100 and 1,000 phantom patients: time, cache bytes, bytes pushed.

    python bench/scale.py [--sizes 10 100 1000] [--images SIDE SLICES FRAMES] [--folders] [--phantom DIR]

Every step is the command that a user runs: `cmrpipe land`, `dvc repro --single-item ...`, `dvc push`, to a remote in a
folder. Images are small (64 by 64, 3 slices, 8 frames, unless `--images` says otherwise), so that what is measured is
the number of patients. These land packed (`source.pack`), an archive of images and one of contours each; as folders of
single files with `--folders`.
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
from drill.yard import STAGES, new_space


class Space:
    """A workspace with a remote beside it."""

    def __init__(self, root: Path, *, packed: bool) -> None:
        self.root = root
        self.space, self.remote, self.source = root / "space", root / "remote", root / "source"
        new_space(self.space, source={"settle_s": 0.0, "pack": packed})
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


OUTS = ("raw", "catalog", "findings", "store")


def lists(space: Path) -> dict[str, int]:
    """Bytes of DVC's list of the files of each output, which is written anew whenever one of them changes."""
    outs = yaml.safe_load((space / "data" / "raw.dvc").read_bytes())["outs"]
    for stage in yaml.safe_load((space / "dvc.lock").read_bytes())["stages"].values():
        outs += stage["outs"]
    md5 = {Path(out["path"]).name: out["md5"] for out in outs}
    cache = space / ".dvc" / "cache" / "files" / "md5"
    return {name: (cache / md5[name][:2] / md5[name][2:]).stat().st_size for name in OUTS}


def own_bytes(space: Path, names: Sequence[str]) -> int:
    """Bytes of a patient's own files, raw and made, by what their paths are called."""
    found = 0
    for path, size in sizes(space / "data").items():
        parts = {part.split(".")[0] for part in Path(path).parts}
        found += size if parts & set(names) and path.startswith(tuple(f"{out}/" for out in OUTS)) else 0
    return found


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


def add_one_by_one(
    space: Space, phantom: Path, ids: Sequence[tuple[str, str]]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Add patients, one after the other: seconds of each step, and bytes that were new in cache and remote."""
    took: dict[str, list[float]] = {step: [] for step in ("land", *STAGES, "push", "cpu")}
    grown: dict[str, list[float]] = {name: [] for name in ("own", "shared", *OUTS, "cache", "pushed")}
    cache = space.space / ".dvc" / "cache"
    for extra in ids:
        before, sent = sizes(cache), sizes(space.remote)
        add_patients(phantom, space.source, [extra])
        for step, seconds in space.update().items():
            took[step].append(seconds)
        new = sum(count for path, count in sizes(cache).items() if path not in before)
        own, of_lists = own_bytes(space.space, extra), lists(space.space)
        for out, count in of_lists.items():
            grown[out].append(count)
        grown["own"].append(own)
        grown["shared"].append(new - own - sum(of_lists.values()))
        grown["cache"].append(new)
        grown["pushed"].append(sum(count for path, count in sizes(space.remote).items() if path not in sent))
    return took, grown


def main() -> None:
    """Make each workspace, add patients one by one, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--images", type=int, nargs=3, default=[64, 3, 8], metavar=("SIDE", "SLICES", "FRAMES"))
    parser.add_argument("--folders", action="store_true", help="land folders of single files")
    parser.add_argument("--phantom", type=Path, help="a phantom of enough patients, when one is there")
    parser.add_argument("--keep", type=Path, help="keep the workspaces here, to look at")
    parser.add_argument("--rounds", type=int, default=3, help="patients to add one by one; the median counts")
    options = parser.parse_args()
    steps = ("land", *STAGES, "push")
    rows: list[list[str]] = [["patients", "first s", *(f"+1 {step} s" for step in steps), "+1 all s", "+1 processor s"]]
    listed = tuple(f"list of {out} KB" for out in OUTS)
    data: list[list[str]] = [["patients", "its own KB", "shared KB", *listed, "+1 cache KB", "+1 pushed KB"]]
    with tempfile.TemporaryDirectory() as name:
        phantom = options.phantom or Path(name) / "phantom"
        if not options.phantom:
            side, slices, frames = options.images
            many = max(options.sizes) + options.rounds
            write_phantom(phantom, many, 1, slices=slices, frames=frames, rows=side, columns=side)
        lines = (phantom / "link.csv").read_text().split()[1:]
        ids = [(line.split(",")[0], line.split(",")[1]) for line in lines]
        for size in options.sizes:
            space = Space((options.keep or Path(name)) / str(size), packed=not options.folders)
            add_patients(phantom, space.source, ids[:size])
            first = space.update()
            took, grown = add_one_by_one(space, phantom, ids[size : size + options.rounds])
            all_s = median([sum(values) for values in zip(*(took[step] for step in steps), strict=True)])
            seconds = [*(median(took[step]) for step in steps), all_s, median(took["cpu"])]
            begun = sum(first[step] for step in steps)
            rows.append([f"{size:,}", f"{begun:.0f}", *(f"{value:.1f}" for value in seconds)])
            data.append([f"{size:,}", *(f"{median(values) / 1e3:.0f}" for values in grown.values())])
            print(rows[-1], data[-1], flush=True)
            if not options.keep:
                shutil.rmtree(space.root)
    print_table(rows)
    print()
    print_table(data)


if __name__ == "__main__":
    main()
