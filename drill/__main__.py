"""`python -m drill`: run the drills, print their tables, leave with 1 when anything went wrong."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drill import corruption, kill
from drill.rebuild_kills import kill_rebuild
from drill.yard import new_yard

FORMATS = ("hdf5", "zarr")
_COLUMNS = ("planted", "detected", "named", "mended", "lost", "read")
console = Console()


def corrupt(faults: int, losses: int, seed: int) -> bool:
    """The corruption drill on a store of each format; whether all went well."""
    well = True
    for number, store_format in enumerate(FORMATS):
        table = Table(title=f"corruption, {store_format}", title_justify="left")
        for name in ("place", "fault", *_COLUMNS):
            table.add_column(name, justify="left" if name in {"place", "fault"} else "right")
        with tempfile.TemporaryDirectory() as folder:
            yard = new_yard(Path(folder), store_format)
            counts = corruption.drill(yard, faults // len(FORMATS), seed + number)
            lost = corruption.lose(yard, losses // len(FORMATS), seed + number)
        rows = {**dict(sorted(counts.items())), ("raw", "every copy"): lost}
        for (place, kind), count in rows.items():
            table.add_row(place, kind, *(str(getattr(count, name)) for name in _COLUMNS))
        sums = corruption.total(rows.values())
        table.add_section()
        table.add_row("all", "", *(str(sums[name]) for name in _COLUMNS))
        console.print(table)
        well &= sums["planted"] == sums["detected"] == sums["named"] == sums["mended"] + sums["lost"]
        well &= not sums["read"]
    return well


def kills(times: int, seed: int, only: str) -> bool:
    """The kill drill on what has `only` in its name; whether all went well."""
    table = Table(title="SIGKILL at random moments; what a reader then got", title_justify="left")
    names = ("old", "new", "wrong", "late", "orphans", "different")
    for name in ("stage", "killed", *names):
        table.add_column(name, justify="left" if name == "stage" else "right")
    well = True
    with tempfile.TemporaryDirectory() as folder:
        subjects = kill.subjects(Path(folder), FORMATS)
        each = -(-times // (len(subjects) + len(FORMATS)))
        for subject in (subject for subject in subjects if only in subject.name):
            counts = kill.drill(subject, each, random.Random(seed))
            table.add_row(subject.name, str(each), *(str(counts.get(name, 0)) for name in names))
            well &= not (counts.get("wrong") or counts.get("orphans") or counts.get("different"))
    for store_format in (name for name in FORMATS if only in f"rebuild ({name})"):
        with tempfile.TemporaryDirectory() as folder:
            counts = kill_rebuild(new_yard(Path(folder), store_format), each, seed)
        table.add_row(f"rebuild ({store_format})", str(each), "", "", *(str(counts.get(name, 0)) for name in names[2:]))
        well &= not (counts.get("wrong") or counts.get("different"))
    console.print(table)
    return well


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m drill", description=__doc__)
    parser.add_argument("--faults", type=int, default=2000, help="faults to plant")
    parser.add_argument("--losses", type=int, default=10, help="raw files of which every copy is harmed")
    parser.add_argument("--kills", type=int, default=100, help="times that a process is killed")
    parser.add_argument("--only", default="", help="kill only what has this in its name: ingest, store, rebuild, zarr")
    parser.add_argument("--seed", type=int, default=1, help="of where and when")
    arguments = parser.parse_args()
    well = [arguments.kills == 0 or kills(arguments.kills, arguments.seed, arguments.only)]
    well.append(arguments.faults == 0 or corrupt(arguments.faults, arguments.losses, arguments.seed))
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
