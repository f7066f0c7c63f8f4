"""What a model has seen it is not judged on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.errors import StoreError
from cmrpipe.learn.leakage import digests, pixel_digest, refuse_seen
from cmrpipe.store import PatientData, open_store
from tests.learn.hearts import make_patient


def test_other_patients_pass(small_store: Path) -> None:
    """Nothing shared, nothing said; and a digest of every image is there."""
    with open_store(small_store) as store:
        seen = digests(store, ("A", "B"))
        refuse_seen(store, ("C", "D"), ("A", "B"), seen)
    assert seen.shape == (8, 16)


def test_a_training_patient_is_refused(small_store: Path) -> None:
    """By name."""
    with open_store(small_store) as store, pytest.raises(StoreError, match=r"^B: "):
        refuse_seen(store, ("B", "C"), ("A", "B"), np.empty((0, 16), np.uint8))


def test_the_same_pixels_under_another_name_are_refused(store_of: Callable[[Sequence[PatientData]], Path]) -> None:
    """Even when only one image is shared, and its integer type is another."""
    first, second = make_patient("A", 0), make_patient("B", 1)
    image = second.image.astype(np.uint16)
    image[2] = first.image[3] = np.abs(first.image[3])
    with open_store(store_of([first, replace(second, image=image)])) as store:
        seen = digests(store, ("A",))
        with pytest.raises(StoreError, match="B: image 3 has the same pixels"):
            refuse_seen(store, ("B",), ("A",), seen)


def test_shape_belongs_to_the_pixels() -> None:
    """The same values in another shape are another image."""
    assert pixel_digest(np.zeros((4, 6), np.int16)) != pixel_digest(np.zeros((6, 4), np.int16))
