"""A phantom patient's folder, and opinions that know the truth: what a perfect network would say of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cmrpipe.learn.voting import SURE, Opinion
from cmrpipe.model import ContourKind, Points
from cmrpipe.phantom.truth import PatientTruth, read_truth
from cmrpipe.predict.judge import Judged, judge
from cmrpipe.predict.patient import Images, Prediction, interpret
from cmrpipe.predict.source import PatientFolder, find_patients
from cmrpipe.raster import area_coverage
from cmrpipe.readers.contours import read_contour
from cmrpipe.readers.pixels import decode_pixels

PATIENT = "PHA0000101"
FRAMES = 10


def drawn(source: Path, truth: PatientTruth) -> dict[tuple[int, ContourKind], Points]:
    """All true contours by number and kind."""
    found = {}
    for item in truth.contours:
        record = read_contour((source / item.path).read_bytes(), item.path, 1.0)
        if record.points is not None:
            found[item.number, item.kind] = record.points
    return found


def opinions_of(source: Path, truth: PatientTruth, judged: Judged, images: Images) -> Iterator[Opinion]:
    """True borders where they are drawn; between ED and ES the cavity of ED, a little smaller, in the same slices."""
    known = drawn(source, truth)
    ed = {c.slice_index: c.number for c in truth.contours if c.phase.value == "ED"}
    for record in judged.stack:
        endo = known.get((record.file_number or 0, ContourKind.ENDO))
        epi = known.get((record.file_number or 0, ContourKind.EPI))
        if endo is None and record.slice_index in ed:
            at_ed = known[ed[record.slice_index], ContourKind.ENDO]
            endo = at_ed.mean(axis=0) + (at_ed - at_ed.mean(axis=0)) * 0.97
        if endo is not None and epi is None:
            at_ed = known[ed[record.slice_index or 0], ContourKind.EPI]
            epi = at_ed
        shape = (images.shape[1], images.shape[2])
        nothing = np.zeros(shape, np.uint8)
        layers = [
            nothing if points is None else np.rint(SURE * area_coverage(points, shape)).astype(np.uint8)
            for points in (endo, epi)
        ]
        yield Opinion(layers[0], layers[1], 0.99)


def folder_of(source: Path, patient_id: str) -> PatientFolder:
    """One patient of a phantom."""
    return next(patient for patient in find_patients(source) if patient.patient_id == patient_id)


def perfect(source: Path, patient_id: str) -> Prediction:
    """What a perfect network would lead to."""
    folder, truth = folder_of(source, patient_id), read_truth(source).patient(patient_id)
    judged = judge(folder.records(), FRAMES)
    paths = [folder.root / record.path for record in judged.stack]
    images = np.stack([decode_pixels(path.read_bytes(), path) for path in paths])
    return interpret(patient_id, judged, images, opinions_of(source, truth, judged, images))
