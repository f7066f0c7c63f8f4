"""Overlap of masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import distance

from cmrpipe.learn.metrics import dice, jaccard, mean
from cmrpipe.model import Mask

MASK = arrays(np.bool_, (5, 7), elements=st.booleans())
EMPTY = np.zeros((5, 7), bool)


@given(MASK, MASK)
def test_figures_are_those_of_an_independent_implementation(a: Mask, b: Mask) -> None:
    """SciPy's dissimilarities of the flattened masks, wherever they are defined."""
    if not (a | b).any():
        assert dice(a, b) is None
        assert jaccard(a, b) is None
        return
    assert dice(a, b) == pytest.approx(1 - distance.dice(a.ravel(), b.ravel()))
    assert jaccard(a, b) == pytest.approx(1 - distance.jaccard(a.ravel(), b.ravel()))


def test_one_empty_mask_scores_nothing() -> None:
    """Marking what is not there, and missing what is, both give 0."""
    full = ~EMPTY
    assert dice(full, EMPTY) == dice(EMPTY, full) == jaccard(full, EMPTY) == jaccard(EMPTY, full) == 0


def test_what_is_not_there_does_not_count() -> None:
    """None changes no mean, and a mean of nothing is None."""
    assert mean([0.5, None, 1.0]) == 0.75
    assert mean([None]) is None
    assert mean([]) is None
