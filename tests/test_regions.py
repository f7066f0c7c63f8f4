"""Connected regions."""

from __future__ import annotations

import numpy as np

from cmrpipe.regions import joined


def test_what_is_joined_with_a_seed() -> None:
    """Whole regions that the seed touches, by edges alone; others not, and nothing outside of the mask."""
    mask = np.array([[1, 1, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 0, 1, 1]], bool)
    seed = np.zeros_like(mask)
    seed[0, 0] = seed[0, 2] = True
    assert joined(mask, seed).tolist() == [
        [True, True, False, False, False],
        [False, True, False, False, False],
        [False] * 5,
    ]
    assert not joined(mask, ~mask).any()
    assert np.array_equal(joined(mask, mask), mask)
