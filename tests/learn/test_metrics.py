"""Overlap of masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import distance

from cmrpipe.learn.metrics import dice, jaccard, mean, over_rate, under_rate
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


@given(MASK, MASK)
def test_what_is_missed_what_is_too_much_and_what_is_right_make_the_union(a: Mask, b: Mask) -> None:
    """Against pixel counts; empty and full masks included."""
    rates = under_rate(a, b), over_rate(a, b), jaccard(a, b)
    union = len(set(np.flatnonzero(a)) | set(np.flatnonzero(b)))
    if not union:
        assert rates == (None, None, None)
        return
    missed, extra = (len(set(np.flatnonzero(x)) - set(np.flatnonzero(y))) for x, y in ((b, a), (a, b)))
    assert rates[:2] == pytest.approx((missed / union, extra / union))
    assert sum(rate for rate in rates if rate is not None) == pytest.approx(1)


def test_missing_everything_is_all_missed() -> None:
    """Which rate is which: nothing marked, all is missed; all marked where nothing is, all is too much."""
    full = ~EMPTY
    assert (under_rate(EMPTY, full), over_rate(EMPTY, full)) == (1, 0)
    assert (under_rate(full, EMPTY), over_rate(full, EMPTY)) == (0, 1)


def test_what_is_not_there_does_not_count() -> None:
    """None changes no mean, and a mean of nothing is None."""
    assert mean([0.5, None, 1.0]) == 0.75
    assert mean([None]) is None
    assert mean([]) is None
