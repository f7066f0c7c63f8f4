"""Whether a model has seen what it is judged on: the same patient, or the same pixels under another name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from cmrpipe.errors import StoreError
from cmrpipe.learn.source import Source

DIGEST_BYTES = 16

Digests = npt.NDArray[np.uint8]
"""(n, 16) uint8: a hash of each image's shape and pixel values, each once, sorted."""


def pixel_digest(image: npt.NDArray[np.generic]) -> bytes:
    """Hash of an image (rows, cols): its shape and values, whatever integer type or byte order holds them."""
    values = image.astype(np.float64)
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).digest()[:DIGEST_BYTES]


def digests(source: Source, patients: Iterable[str]) -> Digests:
    """Hashes of all images of these patients."""
    found = {pixel_digest(image) for patient in patients for image in source.load(patient).image}
    return np.frombuffer(b"".join(sorted(found)), np.uint8).reshape(-1, DIGEST_BYTES)


def among(images: Iterable[npt.NDArray[np.generic]], seen: Digests) -> int:
    """How many of these images (rows, cols) are pixel for pixel among those that were seen."""
    known = {bytes(row) for row in seen}
    return sum(pixel_digest(image) in known for image in images)


def refuse_seen(source: Source, judged: Iterable[str], seen_patients: Iterable[str], seen: Digests) -> None:
    """Refuse to judge a model on what it has seen.

    Parameters
    ----------
    source : where the judged patients are
    judged : ids of the patients the model is to be judged on
    seen_patients : ids of the patients it was trained on, those that chose its best epoch included
    seen : hashes of their images

    Raises
    ------
    StoreError : a patient, or an image pixel for pixel, is on both sides
    """
    judged = tuple(judged)
    if both := sorted(set(judged) & set(seen_patients)):
        raise StoreError(
            ", ".join(both), "the model was trained on what it is to be judged on", "Run `cmrpipe train` again"
        )
    known = {bytes(row) for row in seen}
    for patient in judged:
        data = source.load(patient)
        for number, image in zip(data.instance_number, data.image, strict=True):
            if pixel_digest(image) in known:
                raise StoreError(
                    patient,
                    f"image {number} has the same pixels as an image of a training patient",
                    "Put one of the two patients into quarantine (quarantine.csv), then run store and train again",
                )
