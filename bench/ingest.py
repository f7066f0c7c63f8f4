"""Ingest against a plain loop of pydicom reads of every file, and a second ingest against `stat` of every file."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import warnings
from itertools import count
from pathlib import Path

import pydicom
from harness import DATA, compare

from cmrpipe.params import IngestParams
from cmrpipe.progress import silent
from cmrpipe.stages.ingest import ingest


def main() -> None:
    """Time both, in one process that may use all cores for ingest's worker processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    raw: Path = options.data
    images = sorted(str(path) for path in raw.glob("dicoms/*/*.dcm"))
    files = images + sorted(str(path) for path in raw.glob("contourfiles/*/*/*.txt"))
    cores = len(os.sched_getaffinity(0))
    params = IngestParams()
    warnings.simplefilter("ignore")  # UIDs with leading zeros
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        numbers = count()

        def loop() -> None:
            for path in images:
                pydicom.dcmread(path)

        def first_ingest(workers: int) -> None:
            folder = base / str(next(numbers))
            ingest(raw, folder / "catalog", folder / "state", params, listen=silent, workers=workers)
            shutil.rmtree(folder)

        def stat() -> None:
            for path in files:
                os.stat(path)  # noqa: PTH116 the cheapest way there is

        compare(
            f"{len(images)} images: header, hash and catalog of every file, against reading every file",
            {
                "pydicom loop": loop,
                "ingest, 1 process": lambda: first_ingest(1),
                f"ingest, {cores} processes": lambda: first_ingest(cores),
            },
            reference="pydicom loop",
            rounds=options.rounds,
        )
        kept = base / "kept"
        ingest(raw, kept / "catalog", kept / "state", params, listen=silent)
        compare(
            f"{len(files)} unchanged files",
            {
                "stat of every file": stat,
                "second ingest": lambda: ingest(raw, kept / "catalog", kept / "state", params, listen=silent),
            },
            reference="stat of every file",
            rounds=options.rounds * 3,
        )


if __name__ == "__main__":
    main()
