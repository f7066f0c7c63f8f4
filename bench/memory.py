"""Memory of loading an epoch from stores of 10 to 1,000 phantom patients, each in a process of its own.

python bench/memory.py
python bench/memory.py --phantom DIR    # of a phantom that is already there
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import print_table

from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store

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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantom", type=Path, default=None, help="1,000 patients; else they are written first")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        raw = args.phantom
        if raw is None:
            raw = base / "raw"
            write_phantom(raw, 1000, 5, slices=6, frames=8, rows=64, columns=72, listen=silent)
        ingest(raw, base / "catalog", base / "state", IngestParams(), listen=silent, workers=2)
        store(raw, base / "catalog", base / "none.csv", base / "store", StoreParams(), listen=silent, workers=2)
        rows = [["patients", "samples of an epoch", "MB before", "MB after"]]
        for count in (10, 100, 1000):
            done = subprocess.run(
                [sys.executable, "-c", LOAD, str(base / "store"), str(count)],
                check=True,
                capture_output=True,
                text=True,
            )
            rows.append(done.stdout.split())
        print_table(rows)


if __name__ == "__main__":
    main()
