"""What a model has seen it is not judged on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.errors import StoreError
from cmrpipe.learn.leakage import among, digests, pixel_digest, refuse_seen
from cmrpipe.store import PatientData, open_store
from tests.learn.hearts import make_patient


def test_other_patients_pass(small_store: Path) -> None:
    """Nothing shared, nothing said; and a digest of every image is there."""
    with open_store(small_store) as store:
        seen = digests(store, ("A", "B"))
        refuse_seen(store, ("C", "D"), ("A", "B"), seen)
    assert seen.shape == (8, 16)


def test_a_training_patient_is_refused(small_store: Path) -> None:
    """By name, in alphabetical order."""
    with open_store(small_store) as store, pytest.raises(StoreError, match=r"^B: "):
        refuse_seen(store, ("B", "C"), ("A", "B"), np.empty((0, 16), np.uint8))
    with open_store(small_store) as store, pytest.raises(StoreError, match=r"^A, B, C, D: "):
        refuse_seen(store, "DCBA", "ABCD", np.empty((0, 16), np.uint8))


def test_the_same_pixels_under_another_name_are_refused(store_of: Callable[[Sequence[PatientData]], Path]) -> None:
    """Even when only one image is shared, and its integer type is another."""
    first, second = make_patient("A", 0), make_patient("B", 1)
    image = second.image.astype(np.int32)
    image[2] = first.image[3]
    second = replace(second, image=image, instance_number=np.array([11, 12, 17, 18], np.int32))
    with open_store(store_of([first, second, make_patient("C", 2)])) as store:
        seen = digests(store, ("A",))
        for judged in (("B",), iter(("C", "B"))):
            with pytest.raises(StoreError, match="B: image 17 has the same pixels"):
                refuse_seen(store, judged, ("A",), seen)


def test_shape_belongs_to_the_pixels() -> None:
    """The same values in another shape are another image."""
    assert pixel_digest(np.zeros((4, 6), np.int16)) != pixel_digest(np.zeros((6, 4), np.int16))


def test_values_make_an_image_whatever_holds_them() -> None:
    """A type that has room for more, floats, the bytes the other way round; one more in one pixel is another image."""
    image = np.arange(4000, 4096, dtype=np.int16).reshape(8, 12)
    for kind in ("<u2", ">i2", "<i4", "<f4", "<f8"):
        assert pixel_digest(image.astype(kind)) == pixel_digest(image)
    other = image.copy()
    other[7, 11] += 1
    assert pixel_digest(other) != pixel_digest(image)


def test_what_was_seen_is_listed_once_and_sorted(store_of: Callable[[Sequence[PatientData]], Path]) -> None:
    """In whatever order it was; and images are counted that are among it, each as often as it comes."""
    first = make_patient("A", 0)
    image = first.image.copy()
    image[1] = image[0]
    with open_store(store_of([replace(first, image=image), make_patient("B", 1)])) as store:
        seen = digests(store, ("A", "B"))
        assert np.array_equal(seen, digests(store, ("B", "A")))
    rows = [bytes(row) for row in seen]
    assert rows == sorted({*rows})
    assert len(rows) == 7
    assert among([image[0], image[0], image[3], image[3] + 1], seen) == 3
    assert among([], seen) == among(image, seen[:0]) == 0
