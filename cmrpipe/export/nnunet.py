"""What nnU-Net wants beside images: `dataset.json`, labels that may be unknown, folds that keep patients together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmrpipe.export.niftifile import ENDING
from cmrpipe.files import write_json
from cmrpipe.model import Label

IGNORE = 3
"""nnU-Net's ignore label is the highest one; its loss and its figures leave these pixels out."""
_FOLDS = 5


def label_with_unknown(label: npt.NDArray[np.uint8], contours: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Labels in which what nobody has drawn is unknown instead of background.

    Where the epicardium is not drawn, all pixels outside the cavity may be myocardium; without endocardium all may be
    anything.

    Parameters
    ----------
    label : (n, rows, columns)
    contours : (n, 2) bool, endocardium and epicardium drawn
    """
    endo, epi = contours[:, 0, None, None], contours[:, 1, None, None]
    unknown = ~endo | (~epi & (label != Label.CAVITY))
    return np.where(unknown, np.uint8(IGNORE), label)


def folds(cases: Mapping[str, Sequence[str]]) -> list[dict[str, list[str]]]:
    """Up to five folds in which a patient's cases stay on one side; empty with fewer than two patients.

    nnU-Net's own folds know cases only: they would train on end-systole of a patient that they are judged on at
    end-diastole.
    """
    patients = sorted(cases)
    count = min(_FOLDS, len(patients))
    found = []
    for fold in range(count if count > 1 else 0):
        parts: dict[str, list[str]] = {"train": [], "val": []}
        for number, patient in enumerate(patients):
            parts["val" if number % count == fold else "train"] += cases[patient]
        found.append(parts)
    return found


def write_description(out: Path, cases: Mapping[str, Sequence[str]], *, unknown: bool) -> None:
    """Write dataset.json, and splits_final.json, which belongs into nnU-Net's folder of preprocessed data."""
    labels = {"background": Label.BACKGROUND, "cavity": Label.CAVITY, "myocardium": Label.MYOCARDIUM}
    description = {
        "channel_names": {"0": "cine MR"},
        "labels": {**{name: int(value) for name, value in labels.items()}, **({"ignore": IGNORE} if unknown else {})},
        "numTraining": sum(len(names) for names in cases.values()),
        "file_ending": ENDING,
        "description": "Short-axis cardiac MR, left ventricle; written by cmrpipe export",
    }
    write_json(out / "dataset.json", description)
    if folds(cases):
        write_json(out / "splits_final.json", folds(cases))
