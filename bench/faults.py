"""The table in docs/validation.md: precision and recall of the findings over random mixtures of planted faults.

    python bench/faults.py --mixtures 200

A pool of clean phantom patients is written once. Each mixture draws patients from it and 1 to 12 kinds of faults,
plants them so that none hides another, and validates the set as a user would. Recall: planted faults that a finding
reports with its code, at its patient, at its file. Precision: findings of severity error or warning that a fault
accounts for.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from harness import print_table

from cmrpipe.findings import read_findings
from cmrpipe.params import IngestParams, ValidateParams
from cmrpipe.phantom import FAULTS, Truth, read_truth, write_phantom
from cmrpipe.phantom.faults import allot, needed, plant
from cmrpipe.phantom.generate import PLANTING, stream
from cmrpipe.phantom.judge import judge
from cmrpipe.phantom.scene import Grid
from cmrpipe.progress import silent
from cmrpipe.readers.layouts import CONTOURS, DICOMS
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.validate import validate

GRID = Grid(slices=8, frames=10, rows=96, columns=104)
POOL = 30
MOST = 12


@dataclass(frozen=True, slots=True)
class Result:
    """One mixture: names of the faults told and missed, codes of the findings that are true and false."""

    told: tuple[str, ...]
    missed: tuple[str, ...]
    true: tuple[str, ...]
    false: tuple[str, ...]


def mixture(pool: Path, seed: int, index: int) -> Result:
    """Plant one mixture in copies of patients from the pool, validate it, and judge the findings."""
    rng = stream(seed, index)
    truth = read_truth(pool)
    names = list(FAULTS)
    while True:
        chosen = [names[i] for i in rng.permutation(len(names))[: int(rng.integers(1, MOST + 1))]]
        count = needed(chosen, GRID) + int(rng.integers(0, 3))
        if count <= len(truth.patients):
            break
    patients = tuple(truth.patients[i] for i in sorted(rng.permutation(len(truth.patients))[:count].tolist()))
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for patient in patients:
            for name in (f"{DICOMS}/{patient.patient_id}", f"{CONTOURS}/{patient.original_id}"):
                shutil.copytree(pool / name, base / "set" / name)
        drawn = planted(base / "set", replace(truth, patients=patients), chosen, seed, index)
        ingest(base / "set", base / "catalog", base / "state", IngestParams(), listen=silent)
        validate(
            base / "set", base / "catalog", base / "findings", base / "quarantine.csv", ValidateParams(), listen=silent
        )
        outcome = judge(read_findings(base / "findings"), drawn)
    return Result(
        tuple(p.fault for p in outcome.told),
        tuple(p.fault for p in outcome.missed),
        tuple(f.code.value for f in outcome.true),
        tuple(f"{f.code.value} (with {', '.join(chosen)})" for f in outcome.false),
    )


def planted(root: Path, truth: Truth, names: list[str], seed: int, index: int) -> Truth:
    """Plant faults in a phantom's folder; returns the truth with their account."""
    places = allot(names, len(truth.patients), GRID, stream(seed, index, PLANTING))
    faults = plant(root, truth, GRID, places, lambda key: stream(seed, index, PLANTING, key))
    return replace(truth, faults=faults)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixtures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(options.workers) as executor:
        pool = Path(folder) / "pool"
        write_phantom(
            pool,
            POOL,
            options.seed,
            slices=GRID.slices,
            frames=GRID.frames,
            rows=GRID.rows,
            columns=GRID.columns,
        )
        results = list(executor.map(partial(mixture, pool, options.seed), range(options.mixtures)))
    told, missed, true, false = (
        Counter(name for result in results for name in getattr(result, field))
        for field in ("told", "missed", "true", "false")
    )
    rows = [["", "number", "of", "share"]]
    for what, good, bad in (("recall", told, missed), ("precision", true, false)):
        hits, all_ = good.total(), good.total() + bad.total()
        rows.append([what, f"{hits:,}", f"{all_:,}", f"{hits / max(all_, 1):.4f}"])
    print(f"{options.mixtures} mixtures of {len(FAULTS)} kinds of faults, seed {options.seed}, on {POOL} patients")
    print_table(rows)
    kinds = np.array([told[name] + missed[name] for name in FAULTS])
    print(f"each kind was planted {kinds.min()} to {kinds.max()} times; {time.perf_counter() - start:.0f} s")
    for what, which in (("missed", missed), ("not planted", false)):
        for name, number in which.most_common():
            print(f"{what}: {name}, {number} times")


if __name__ == "__main__":
    main()
