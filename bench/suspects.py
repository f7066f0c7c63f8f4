"""How many planted label errors stand among the first N suspects: out-of-fold models of phantoms with errors planted.

Every fold trains on the other patients, errors included, by the train stage. Planted, in turn: a label moved by half a
radius to a radius, one of another patient's, one with rows and columns exchanged, one made 1.4 times as large.

    python bench/suspects.py --patients 9 --steps 400
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from harness import print_table

from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.learn.borders import predicted_labels
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.saved import read_model
from cmrpipe.learn.suspects import ranked, suspects_of
from cmrpipe.model import Label
from cmrpipe.params import IngestParams, Params, StoreParams, load_params
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.stages.train import train
from cmrpipe.store import PatientData, open_store, write_patient
from cmrpipe.store.schema import StoreFormat, head, patient_file

KINDS = ("moved", "another patient's", "rows and columns exchanged", "1.4 times as large")


def spoil(label: np.ndarray, other: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A label (rows, cols) with an error of a kind."""
    if kind == KINDS[0]:
        radius = np.sqrt((label == Label.CAVITY).sum() / np.pi)
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0) * radius
        return np.roll(label, (round(far * np.sin(angle)), round(far * np.cos(angle))), (0, 1))
    if kind == KINDS[1]:
        return other
    if kind == KINDS[2]:
        return label.T.copy()
    rows, cols = np.indices(label.shape)
    row, col = np.argwhere(label > 0).mean(axis=0)
    near = [np.rint(c + (at - c) / 1.4).astype(int) for at, c in ((rows, row), (cols, col))]
    return np.asarray(label[np.clip(near[0], 0, label.shape[0] - 1), np.clip(near[1], 0, label.shape[1] - 1)])


def plant(patients: list[PatientData], share: float, seed: int) -> dict[tuple[str, int], str]:
    """Spoil a share of all labels in place; returns the kind of error by patient and image number."""
    rng = np.random.default_rng(seed)
    places = [(p, i) for p, data in enumerate(patients) for i in range(len(data))]
    planted = {}
    for n, k in enumerate(rng.permutation(len(places))[: round(share * len(places))]):
        p, i = places[k]
        data, other = patients[p], patients[(p + 1) % len(patients)]
        data.label[i] = spoil(data.label[i], other.label[i], KINDS[n % len(KINDS)], rng)
        planted[data.patient_id, int(data.instance_number[i])] = KINDS[n % len(KINDS)]
    return planted


def write_store(folder: Path, patients: list[PatientData]) -> Path:
    """A store with these patients."""

    def work(data: PatientData, out: Path) -> Written:
        hashes = write_patient(out, data, {})
        return Written([patient_file(data.patient_id)], {"samples": len(data), "sha256": hashes})

    units = [Unit(data.patient_id, data.patient_id, data) for data in patients]
    refresh("store", folder, units, work, listen=silent, extra=head(StoreFormat.HDF5))
    return folder


def main() -> None:
    """Print how many planted errors stand among the first N."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=9)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--share", type=float, default=0.1, help="of all labels that are spoilt")
    args = parser.parse_args()
    params: Params = load_params(None)
    recipe = params.train.model_copy(update={"steps": args.steps})
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        write_phantom(base / "raw", args.patients, 11, listen=silent)
        ingest(base / "raw", base / "catalog", base / "state", IngestParams(), listen=silent)
        write_quarantine(base / "none.csv", [])
        store_stage(
            base / "raw", base / "catalog", base / "none.csv", base / "store", StoreParams(), listen=silent, workers=1
        )
        with open_store(base / "store") as opened:
            patients = [opened.load(patient) for patient in opened.patients]
        planted = plant(patients, args.share, 0)
        found = []
        for fold in range(args.folds):
            others = [data for i, data in enumerate(patients) if i % args.folds != fold]
            train(write_store(base / f"store{fold}", others), base / f"model{fold}", recipe, listen=silent)
            predictor = Predictor(read_model(base / f"model{fold}"), 16, "cpu")
            for data in patients[fold :: args.folds]:
                found += list(
                    suspects_of(data, predicted_labels(predictor, data.image, data.pixel_spacing_mm, data.heart_px))
                )
    order = list(dict.fromkeys((s.patient_id, s.instance_number) for s in ranked(iter(found))))
    total, minutes = len(planted), (time.perf_counter() - start) / 60
    print(f"{len(order)} labels of {args.patients} phantoms, {total} spoilt; {args.folds} folds, {minutes:.0f} minutes")
    rows = [["", "planted", f"among the first {total}", f"among the first {2 * total}"]]
    for kind in (*KINDS, "all"):
        these = [key for key, what in planted.items() if kind in (what, "all")]
        counts = [sum(key in order[:n] for key in these) for n in (total, 2 * total)]
        rows.append([kind, str(len(these)), *map(str, counts)])
    print_table(rows)


if __name__ == "__main__":
    main()
