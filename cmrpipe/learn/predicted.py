"""Predicted labels on disk, and which images they are of; this module alone writes and reads them.

Beside the labels lies the hash of the images. Another state of the store may have as many images of a patient, and be
other ones: labels would be held against contours of other images, and nobody would notice.
"""

from __future__ import annotations

import json
from pathlib import Path
from tokenize import TokenError

import numpy as np
import numpy.typing as npt

from cmrpipe.errors import InputError
from cmrpipe.files import atomic, write_json
from cmrpipe.store import PatientData
from cmrpipe.store.writer import array_sha256

PREDICTIONS = "predictions"
_IMAGES = "images_sha256"
_MEND = "Make the predictions again from this store: `cmrpipe crossvalidate`, or `cmrpipe evaluate`"


def prediction_file(patient_id: str) -> str:
    """Name of a patient's predicted labels, relative to the folder of a judgement.

    They are uint8 (n, rows, cols), values of `cmrpipe.model.Label`, in the store's order.
    """
    return f"{PREDICTIONS}/{patient_id}.npy"


def write_predicted(out: Path, data: PatientData, labels: npt.NDArray[np.uint8]) -> list[str]:
    """Write labels of a patient's images; returns the names of the files."""
    name = prediction_file(data.patient_id)
    with atomic(out / name) as temporary, temporary.open("wb") as file:
        np.save(file, labels, allow_pickle=False)
    beside = _beside(Path(name))
    write_json(out / beside, {_IMAGES: array_sha256(data.image)})
    return [name, beside.as_posix()]


def read_predicted(path: Path, data: PatientData) -> npt.NDArray[np.uint8]:
    """Labels that `write_predicted` wrote, of the images of `data`.

    Raises
    ------
    InputError : they cannot be read, or are not of these images
    """
    beside = _beside(path)
    try:
        labels = np.load(path, allow_pickle=False)
        images = json.loads(beside.read_bytes())[_IMAGES]
    except (OSError, EOFError, ValueError, LookupError, TypeError, MemoryError, SyntaxError, TokenError) as error:
        raise InputError(
            path, f"or {beside.name}, which says of which images it is, cannot be read ({error})", _MEND
        ) from error
    if images != array_sha256(data.image) or labels.shape != data.label.shape:
        raise InputError(path, f"is not of the images that the store has of {data.patient_id}", _MEND)
    return np.asarray(labels, np.uint8)


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")
