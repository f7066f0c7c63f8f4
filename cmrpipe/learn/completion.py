"""Outer borders that no expert drew, as a first network sees them, for a second one to learn from whole images.

Where only the endocardium was drawn, background and myocardium are one class to the loss (see `loss`). A network that
was trained so says all the same where the wall ends. That is put around the expert's cavity, which stays as drawn, and
a network is trained anew (self-training; Xie et al., CVPR 2020). The store is not changed, nobody is judged by such a
border, and a patient that a model is judged on has no part in it.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from cmrpipe.errors import InputError
from cmrpipe.files import atomic
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.source import Source
from cmrpipe.model import Label
from cmrpipe.progress import Listener, Progress
from cmrpipe.regions import joined
from cmrpipe.store import PatientData
from cmrpipe.store.schema import StoredSample

THINNEST = 0.3
"""Wall over cavity, in area, below which an image is left as it was drawn."""
MOST_HELD = 64
"""Patients whose walls are kept in memory (about 9 kB an image)."""

Walls = npt.NDArray[np.bool_]
"""(n, rows, cols): the wall of each of a patient's images; all False where nothing was completed."""


def half_drawn(source: Source, patients: Sequence[str]) -> bool:
    """Whether some of these patients' images lack only the epicardium, and others have both borders."""
    whole = half = False
    for patient in patients:
        endo, epi = np.asarray(source.load(patient).contours).T
        whole, half = whole or bool((endo & epi).any()), half or bool((endo & ~epi).any())
        if whole and half:
            return True
    return False


def complete(source: Source, patients: Sequence[str], predictor: Predictor, folder: Path, *, listen: Listener) -> None:
    """Write the walls of these patients' images that have no epicardium; what is there already is kept.

    Parameters
    ----------
    source : whose samples the predictor's network was trained on
    folder : gets `<patient_id>.npz`: `wall`, (n, rows, cols / 8) uint8, a bit a pixel, and `shape`, in pixels
    """
    folder.mkdir(parents=True, exist_ok=True)
    for done, patient in enumerate(patients, start=1):
        path = folder / f"{patient}.npz"
        if not path.exists():
            walls = _walls(source.load(patient), predictor)
            with atomic(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, wall=np.packbits(walls, axis=-1), shape=np.array(walls.shape))
        listen(Progress("train", patient, done, len(patients)))


def _walls(data: PatientData, predictor: Predictor) -> Walls:
    walls = np.zeros(data.label.shape, np.bool_)
    found = predictor.probabilities(data.image, data.pixel_spacing_mm, data.heart_px)
    for i, (probability, _) in enumerate(found):
        endo, epi = data.contours[i]
        if epi or not endo:
            continue
        cavity = data.label[i] == Label.CAVITY
        heart = (probability[Label.BACKGROUND] < 0.5).numpy() | cavity
        wall = joined(heart, cavity) & ~cavity
        if wall.sum() >= THINNEST * cavity.sum():
            walls[i] = wall
    return walls


class Completed:
    """A source whose samples have the walls that `complete` has found beside what the expert drew.

    Parameters
    ----------
    source : the samples as drawn
    folder : what `complete` wrote

    Raises
    ------
    InputError : when a sample is asked for and its patient's file is missing, damaged or another patient's
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._held: OrderedDict[str, tuple[npt.NDArray[np.uint8], tuple[int, ...]]] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        """A worker reads for itself."""
        return {**self.__dict__, "_held": OrderedDict()}

    @property
    def patients(self) -> tuple[str, ...]:
        """Ids, sorted."""
        return self._source.patients

    @property
    def fingerprint(self) -> str:
        """That of the samples as drawn."""
        return self._source.fingerprint

    def count(self, patient_id: str) -> int:
        """How many samples a patient has."""
        return self._source.count(patient_id)

    def sample(self, patient_id: str, i: int) -> StoredSample:
        """Sample i of a patient, with its wall."""
        found = self._source.sample(patient_id, i)
        bits, shape = self._read(patient_id)
        if shape != (self.count(patient_id), *found.label.shape):
            raise InputError(self._folder / f"{patient_id}.npz", "is another store's", f"Remove {self._folder}")
        wall = np.unpackbits(bits[i], axis=-1, count=shape[2]).astype(np.bool_)
        label, contours = _with_wall(found.label, found.contours, wall)
        return replace(found, label=label, contours=contours)

    def load(self, patient_id: str) -> PatientData:
        """All samples of a patient, with their walls."""
        data = self._source.load(patient_id)
        parts = [self.sample(patient_id, i) for i in range(len(data))]
        return replace(data, label=np.stack([p.label for p in parts]), contours=np.stack([p.contours for p in parts]))

    def completed(self, patients: Sequence[str]) -> int:
        """How many images of these patients have a wall that no expert drew."""
        return sum(int(self._read(patient)[0].any(axis=(1, 2)).sum()) for patient in patients)

    def _read(self, patient_id: str) -> tuple[npt.NDArray[np.uint8], tuple[int, ...]]:
        held = self._held.get(patient_id)
        if held is None:
            path = self._folder / f"{patient_id}.npz"
            try:
                with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                    held = file["wall"], tuple(int(n) for n in file["shape"])
            except (OSError, EOFError, LookupError, ValueError, BadZipFile, zlib.error) as error:
                raise InputError(path, f"cannot be read ({error})", "Remove it; it is made again") from error
            while len(self._held) >= MOST_HELD:
                self._held.popitem(last=False)
            self._held[patient_id] = held
        return held


def _with_wall(
    label: npt.NDArray[np.uint8], contours: npt.NDArray[np.bool_], wall: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Label (rows, cols) and which borders are known, (2,), with a wall, if there is one."""
    if not wall.any():
        return label, contours
    whole = np.where(label == Label.CAVITY, label, np.where(wall, np.uint8(Label.MYOCARDIUM), np.uint8(0)))
    return whole.astype(np.uint8), np.array([True, True])
