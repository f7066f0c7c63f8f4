"""cmrpipe.learn.level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmrpipe.learn.level import best_level


def blob(peak: float, radius: float, softness: float) -> np.ndarray:
    """A round region (60, 60) whose probability falls from its peak to nothing around a radius."""
    r, c = np.mgrid[:60, :60] - 29.5
    return (255 * peak / (1 + np.exp((np.hypot(r, c) - radius) / softness))).round().astype(np.uint8)


@given(st.floats(0.12, 1), st.floats(2, 20), st.floats(0.1, 3))
def test_no_other_level_promises_more(peak: float, radius: float, softness: float) -> None:
    """Against every level, one by one."""
    probability = blob(peak, radius, softness)
    p = probability / 255

    def promised(level: float) -> float:
        inside = probability >= level
        return 2 * p[inside].sum() / max(1, inside.sum() + p.sum())

    level = best_level(probability)
    assert 25.5 <= level <= 127.5
    assert promised(level) == pytest.approx(max(promised(k - 0.5) for k in range(26, 129)))


def test_it_is_best_on_average_for_what_comes_true() -> None:
    """Regions drawn at random from the probabilities: the level's mean Dice is that of the best level."""
    probability = blob(0.45, 6, 2)
    rng = np.random.default_rng(0)
    truths = rng.random((400, 60, 60)) < probability / 255

    def mean_dice(level: float) -> float:
        inside = probability >= level
        both = (truths & inside).sum(axis=(1, 2))
        return float((2 * both / (truths.sum(axis=(1, 2)) + inside.sum())).mean())

    found = mean_dice(best_level(probability))
    assert found >= max(mean_dice(k - 0.5) for k in range(26, 129)) - 0.01
    assert found > mean_dice(127.5) + 0.3


def test_where_all_is_sure_it_is_a_half() -> None:
    """And where nothing is likely at all."""
    assert best_level(((blob(1, 10, 0.5) > 127) * 255).astype(np.uint8)) == 127.5
    assert best_level(np.zeros((9, 9), np.uint8)) == 127.5
    assert best_level(np.full((9, 9), 20, np.uint8)) == 127.5


def test_a_doubtful_speck_is_drawn_where_half_would_miss_it() -> None:
    """A cavity of nowhere more than 0.4."""
    probability = blob(0.4, 3, 0.3)
    assert not (probability >= 127.5).any()
    assert (probability >= best_level(probability)).sum() > 12
