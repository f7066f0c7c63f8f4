"""Memory of loading an epoch from 10 to 3,000 phantom patients, each in a process of its own.

Ten phantoms are written; the others are these under other names, with noise of their own. Ends with
exit code 1 where memory still grows once all that is kept is full.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from harness import print_table

from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store
from cmrpipe.store import PatientData, open_store, write_patient
from cmrpipe.store.schema import StoreFormat, head, patient_file

LOAD = """
import sys, torch
from pathlib import Path
from torch.utils.data import DataLoader
from cmrpipe.learn.datasets import Shuffled, TrainingSet, stacked
from cmrpipe.learn.training import augmentation, preprocessing
from cmrpipe.params import TrainParams
from cmrpipe.store import open_store
torch.set_num_threads(1)
params, count = TrainParams(), int(sys.argv[2])
def memory():
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) / 1024
with open_store(Path(sys.argv[1])) as source:
    samples = TrainingSet(source, source.patients[:count], preprocessing(params), augmentation(params), 0, params.whole)
    before = memory()
    seen = sum(len(b.image) for b in DataLoader(samples, 8, sampler=Shuffled(len(samples), 0), collate_fn=stacked))
    print(count, seen, round(before), round(memory()))
"""


COUNTS = (10, 100, 1000, 3000)
FLAT = 0.03
"""Growth over the last step above which memory does not stay flat."""


def multiplied(phantoms: list[PatientData], count: int, folder: Path) -> None:
    """A store of `count` patients."""

    def work(number: int, out: Path) -> Written:
        data = phantoms[number % len(phantoms)]
        noise = np.random.default_rng(number).integers(-3, 4, data.image.shape)
        patient = replace(data, patient_id=f"P{number:05d}", image=np.add(data.image, noise).astype(data.image.dtype))
        hashes = write_patient(out, patient, {})
        return Written([patient_file(patient.patient_id)], {"samples": len(patient), "sha256": hashes})

    units = [Unit(f"P{number:05d}", str(number), number) for number in range(count)]
    refresh("store", folder, units, work, listen=silent, extra=head(StoreFormat.HDF5))


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        write_phantom(base / "raw", 10, 5, slices=6, frames=8, rows=64, columns=72, listen=silent)
        ingest(base / "raw", base / "catalog", base / "state", IngestParams(), listen=silent)
        write_quarantine(base / "none.csv", [])
        store(base / "raw", base / "catalog", base / "none.csv", base / "ten", StoreParams(), listen=silent, workers=1)
        with open_store(base / "ten") as opened:
            phantoms = [opened.load(patient) for patient in opened.patients]
        multiplied(phantoms, COUNTS[-1], base / "store")
        rows = [["patients", "samples of an epoch", "MB before", "MB after"]]
        for count in COUNTS:
            done = subprocess.run(
                [sys.executable, "-c", LOAD, str(base / "store"), str(count)],
                check=True,
                capture_output=True,
                text=True,
            )
            rows.append(done.stdout.split())
        print_table(rows)
        grown = float(rows[-1][-1]) / float(rows[-2][-1]) - 1
        print(f"\nfrom {COUNTS[-2]:,} to {COUNTS[-1]:,} patients: {grown:+.1%}")
        sys.exit(grown > FLAT)


if __name__ == "__main__":
    main()
