"""Hashes of stored arrays."""

from __future__ import annotations

import numpy as np

from cmrpipe.store.writer import array_sha256


def test_arrays_of_the_same_bytes_that_are_read_otherwise_have_other_hashes() -> None:
    """Other rows and columns, another axis, another type: the bytes alone do not tell an image."""
    flat = np.arange(12, dtype="<u2")
    others = [
        flat,
        flat.reshape(3, 4),
        flat.reshape(4, 3),
        flat.reshape(1, 3, 4),
        flat.reshape(3, 4).view("<i2"),
        flat.reshape(3, 4).view("u1"),
    ]
    assert len({array_sha256(array) for array in others}) == len(others)


def test_the_same_values_have_the_same_hash_however_they_lie_in_memory() -> None:
    """Column by column, or with the bytes the other way round."""
    array = np.arange(12, dtype="<i2").reshape(3, 4)
    assert array_sha256(np.asfortranarray(array)) == array_sha256(array.astype(">i2")) == array_sha256(array)
