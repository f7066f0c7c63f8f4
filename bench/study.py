"""Whole studies by models that have not seen their patients: what `cmrpipe predict` finds of what the expert drew.

Reads a cross-validation (`cmrpipe crossvalidate`), its store and the raw images: the tables of docs/predict.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from errors import metrics_of
from harness import print_table

from cmrpipe.learn.leftout import absent
from cmrpipe.learn.metrics import dice
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.saved import read_model
from cmrpipe.learn.volumes import missing_images, volumes
from cmrpipe.model import Label, Phase
from cmrpipe.params import IngestParams
from cmrpipe.predict.patient import Prediction, predict_patient
from cmrpipe.predict.source import find_patients
from cmrpipe.readers.layouts import DICOMS
from cmrpipe.store import PatientData, open_store

POOR = 0.8
"""Dice below which an image should have been flagged."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the expert drew in: Dice of the cavity, whether predict found one, and whether it is unsure."""

    dice: float
    found: bool
    unsure: bool


def images(data: PatientData, found: Prediction) -> list[Image]:
    """All that the expert drew in; one that predict did not judge is lost."""
    at = {item.number: (item, label) for item, label in zip(found.seen, found.labels(), strict=True)}
    told = []
    for number, expert in zip(data.instance_number.tolist(), data.label, strict=True):
        item, label = at.get(number, (None, np.zeros_like(expert)))
        value = dice(label == Label.CAVITY, expert == Label.CAVITY) or 0.0
        told.append(Image(value, item is not None and item.drawing.endo is not None, item is None or bool(item.unsure)))
    return told


def slices(data: PatientData, found: Prediction) -> tuple[int, int, int]:
    """How many slices the expert drew, how many of these predict keeps, and how many others it keeps.

    Kept is a slice with a cavity at end-diastole or end-systole; without these phases, at any frame.
    """
    place = {item.number: item.place.slice_index for item in found.seen}
    drawn = {place[number] for number in data.instance_number.tolist() if number in place}
    phases = {item.phase for item in found.seen} - {Phase.OTHER}
    kept = {
        item.place.slice_index
        for item in found.seen
        if item.drawing.endo is not None and (item.phase is not Phase.OTHER or not phases)
    }
    return len(set(data.slice_index.tolist())), len(drawn & kept), len(kept - drawn)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crossvalidation", type=Path, nargs="?", default=Path("data/crossvalidation"))
    parser.add_argument("--store", type=Path, default=Path("data/store"))
    parser.add_argument("--raw", type=Path, default=Path("data/raw"))
    args = parser.parse_args()
    rows = [
        ["patient", "EF predicted (expert), %", "slices drawn, and kept", "kept beyond", "images", "Dice", "reason"]
    ]
    every: list[Image] = []
    with open_store(args.store) as store:
        judged = absent(store, store.patients).judged
        for fold, patients in metrics_of(args.crossvalidation)["folds"].items():
            predictor = Predictor(read_model(args.crossvalidation / "models" / fold), 16, "cpu")
            for patient in patients:
                (folder,) = find_patients(args.raw / DICOMS / patient, args.raw / "nowhere")
                found = predict_patient(folder, predictor, IngestParams().frames_per_slice)
                data = store.load(patient)
                told, (drawn, kept, beyond) = images(data, found), slices(data, found)
                expert = volumes(data, data.label, missing_images(judged[patient])).ef_pct
                ef = f"{_number(found.values.ef_pct)} ({_number(expert)})"
                value = fmean(image.dice for image in told)
                reason = "; ".join(filter(None, (found.values.reason, *found.notes)))
                rows.append([patient, ef, f"{kept} of {drawn}", str(beyond), str(len(told)), f"{value:.3f}", reason])
                every += told
    print_table(rows)
    flagged, fine = ([image.dice for image in every if image.unsure is unsure] for unsure in (True, False))
    poor = [image for image in every if image.dice < POOR]
    print(
        f"\n{len(every)} images, Dice {fmean(image.dice for image in every):.3f}; "
        f"lost: {sum(not image.found for image in every)}\n"
        f"flagged {len(flagged)} ({len(flagged) / len(every):.0%}), mean Dice {fmean(flagged or [0]):.2f}, "
        f"of the others {fmean(fine or [0]):.2f}; of {len(poor)} below {POOR}: {sum(i.unsure for i in poor)} flagged"
    )


if __name__ == "__main__":
    main()
