"""Where a model and the expert differ, and whether another network differs there, too.

Reads a cross-validation (`cmrpipe crossvalidate`) and its store: the tables of docs/evaluation.md on sizes, places and
shapes. With `--first`, of models that were trained twice, the first network looks at the same images as well: how far
two networks agree with each other where both differ from the expert says how much of that lies in the labels.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import print_table
from scipy.ndimage import affine_transform, center_of_mass

from cmrpipe.learn.borders import predicted_labels
from cmrpipe.learn.evaluation import score_patient
from cmrpipe.learn.metrics import dice
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.saved import read_model
from cmrpipe.learn.scoretables import OURS
from cmrpipe.learn.selftraining import FIRST
from cmrpipe.model import Label, Mask
from cmrpipe.stages.crossvalidate import METRICS
from cmrpipe.store import Store, open_store

SIZES = (0, 100, 300, 600, 1000, np.inf)
"""Bounds of the expert's cavity area, pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The cavity of one image by expert and model; masks (rows, cols) bool."""

    patient_id: str
    expert: Mask
    model: Mask


def metrics_of(crossvalidation: Path) -> Mapping[str, Any]:
    """All figures over all patients; `folds` has the patients that each fold judges."""
    found: Mapping[str, Any] = json.loads((crossvalidation / METRICS).read_text())
    return found


def cases(crossvalidation: Path, store: Store) -> Iterator[Case]:
    """All images, as they were judged."""
    for fold, patients in metrics_of(crossvalidation)["folds"].items():
        for patient in patients:
            predicted = np.load(crossvalidation / "folds" / fold / "predictions" / f"{patient}.npy")
            for label, ours in zip(store.load(patient).label, predicted, strict=True):
                yield Case(patient, label == Label.CAVITY, ours == Label.CAVITY)


def moved(mask: Mask, scale: float, to: npt.NDArray[np.float64]) -> Mask:
    """A mask `scale` times as wide about its middle, and that middle put at (row, column)."""
    middle = np.array(center_of_mass(mask))
    found = affine_transform(mask.astype(float), np.eye(2) / scale, middle - to / scale, order=1)
    return np.asarray(found > 0.5)


def by_size(found: list[Case]) -> None:
    """Print Dice by the expert's area."""
    rows = [["expert's cavity, pixels", "images", "Dice", "model's area over expert's"]]
    for low, high in pairwise(SIZES):
        part = [case for case in found if low <= case.expert.sum() < high]
        if part:
            area = sum(case.model.sum() for case in part) / sum(case.expert.sum() for case in part)
            value = fmean(dice(case.model, case.expert) or 0.0 for case in part)
            rows.append([f"{low:.0f} to {high:.0f}", str(len(part)), f"{value:.3f}", f"{area:.2f}"])
    print_table(rows)


def by_cause(found: list[Case]) -> None:
    """Print what Dice would be with the expert's areas, middles and both, and with one right size a patient."""
    areas: dict[str, list[tuple[int, int]]] = {}
    for case in found:
        areas.setdefault(case.patient_id, []).append((int(case.expert.sum()), int(case.model.sum())))
    constant = {key: np.sqrt(np.divide(*np.sum(pairs, axis=0))) for key, pairs in areas.items()}
    values: dict[str, list[float]] = {}
    for case in found:
        own, theirs = (
            np.array(center_of_mass(mask)) if mask.any() else np.zeros(2) for mask in (case.model, case.expert)
        )
        right = np.sqrt(case.expert.sum() / max(1, case.model.sum()))
        for name, scale, to in (
            ("as predicted", 1.0, own),
            ("one size a patient", constant[case.patient_id], own),
            ("the expert's areas", right, own),
            ("the expert's middles", 1.0, theirs),
            ("both", right, theirs),
        ):
            mask = moved(case.model, scale, to) if case.model.any() else case.model
            values.setdefault(name, []).append(dice(mask, case.expert) or 0.0)
    print_table([["cavities with", "Dice"], *([name, f"{fmean(dices):.3f}"] for name, dices in values.items())])


def by_place(metrics: Mapping[str, Any]) -> None:
    """Print the cross-validation's own Dice by place and by phase, the baselines' beside."""
    ways, names = {OURS: metrics, **metrics["baselines"]}, ("dice_cavity", "dice_myocardium")
    rows = [["", "images", *(f"{way}: {name}" for way in ways for name in names)]]
    for kind, groups in metrics["by"].items():
        for group, ours in groups.items():
            told = [way["by"][kind].get(group, {}).get(name) for way in ways.values() for name in names]
            rows.append([group, str(ours[names[0]]["images"]), *(f"{row['mean']:.3f}" if row else "" for row in told)])
    print_table(rows)


def by_network(crossvalidation: Path, store: Store) -> None:
    """Print how far the first and the last network of each fold agree, with each other and with the expert."""
    rows = [["patient", "images", "last and expert", "first and expert", "last and first"]]
    every: list[tuple[float, float, float]] = []
    for fold, patients in metrics_of(crossvalidation)["folds"].items():
        predictor = Predictor(read_model(crossvalidation / "models" / fold / FIRST), 16, "cpu")
        for patient in patients:
            data = store.load(patient)
            last = np.load(crossvalidation / "folds" / fold / "predictions" / f"{patient}.npy")
            first = predicted_labels(predictor, data.image, data.pixel_spacing_mm, data.heart_px)
            judged = [
                [s.figures["dice_cavity"] or 0.0 for s in score_patient(data, labels)] for labels in (last, first)
            ]
            both = [dice(a == Label.CAVITY, b == Label.CAVITY) or 0.0 for a, b in zip(last, first, strict=True)]
            found = list(zip(*judged, both, strict=True))
            every += found
            rows.append([patient, str(len(found)), *(f"{value:.3f}" for value in np.mean(found, axis=0))])
    rows.append(["all", str(len(every)), *(f"{value:.3f}" for value in np.mean(every, axis=0))])
    print_table(rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crossvalidation", type=Path, nargs="?", default=Path("data/crossvalidation"))
    parser.add_argument("--store", type=Path, default=Path("data/store"))
    parser.add_argument("--first", action="store_true", help="let the first of two networks look, too")
    args = parser.parse_args()
    with open_store(args.store) as store:
        found = list(cases(args.crossvalidation, store))
        by_size(found)
        by_cause(found)
        by_place(metrics_of(args.crossvalidation))
        if args.first:
            by_network(args.crossvalidation, store)


if __name__ == "__main__":
    main()
