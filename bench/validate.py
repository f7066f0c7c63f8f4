"""The whole validation against reading every DICOM file once with pydicom."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import pydicom
from harness import DATA, compare

from cmrpipe.params import IngestParams, ValidateParams
from cmrpipe.progress import silent
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.validate import validate


def main() -> None:
    """Time both; validation starts from a catalog and from no findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    raw: Path = options.data
    images = sorted(str(path) for path in raw.glob("dicoms/*/*.dcm"))
    cores = len(os.sched_getaffinity(0))
    warnings.simplefilter("ignore")  # UIDs with leading zeros
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        ingest(raw, base / "catalog", base / "state", IngestParams(), listen=silent)

        def loop() -> None:
            for path in images:
                pydicom.dcmread(path)

        def check(workers: int) -> None:
            validate(
                raw,
                base / "catalog",
                base / "findings",
                base / "quarantine.csv",
                ValidateParams(),
                listen=silent,
                workers=workers,
            )
            shutil.rmtree(base / "findings")

        compare(
            f"validation of {len(images)} images and their contours",
            {
                "pydicom loop": loop,
                "validate, 1 process": lambda: check(1),
                f"validate, {cores} processes": lambda: check(cores),
            },
            reference="pydicom loop",
            rounds=options.rounds,
        )


if __name__ == "__main__":
    main()
