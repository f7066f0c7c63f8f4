"""cmrpipe.learn.augment: how far samples move."""

import math

import numpy as np
import pytest
import torch

from cmrpipe.learn.augment import Augment, Strength

SIZE, MARGIN, RADIUS = 64, 24, 14.0
STILL = Strength(0, 0, 0, 0, 0, 0)


def moved(strength: Strength, draws: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a disc in the middle, by draw: places (n, 2), areas (n,) and axes (n, 2), long and short, against unmoved."""
    augment, far = Augment(strength, SIZE), SIZE + 2 * MARGIN
    r, c = np.mgrid[:far, :far] - (far - 1) / 2
    label = torch.from_numpy((np.hypot(r, c) < RADIUS).astype(np.uint8))
    places, areas, axes = [], [], []
    for seed in range(draws):
        where = np.argwhere(augment(label[None].float(), label, seed)[1].numpy() == 1)
        places.append(where.mean(axis=0) - (SIZE - 1) / 2)
        areas.append(len(where) / float(label.sum()))
        axes.append(2 * np.sqrt(np.linalg.eigvalsh(np.cov(where.T))[::-1]) / RADIUS)
    return np.array(places), np.array(areas), np.array(axes)


def test_shifts_go_both_ways_along_both_axes() -> None:
    """Up to the share of the window that is asked for, along rows and columns each."""
    places, areas, _ = moved(Strength(0, 0, 0, 0.125, 0, 0))
    for axis in (0, 1):
        assert places[:, axis].min() == pytest.approx(-8, abs=0.5)
        assert places[:, axis].max() == pytest.approx(8, abs=0.5)
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.2
    assert areas == pytest.approx(1, abs=0.06)


def test_sizes_change_along_both_axes_together() -> None:
    """A disc stays a disc and becomes up to 1.5 times as wide or as narrow, as often the one as the other."""
    _, areas, axes = moved(Strength(0, 0.5, 0, 0, 0, 0))
    assert axes[:, 0] / axes[:, 1] == pytest.approx(1, abs=0.06)
    assert axes.max() == pytest.approx(1.5, abs=0.05)
    assert axes.min() == pytest.approx(1 / 1.5, abs=0.05)
    assert 0.4 < np.mean(areas > 1) < 0.6


def test_stretching_keeps_the_area() -> None:
    """One axis grows by what the other shrinks, and each is the longer one at times."""
    _, areas, axes = moved(Strength(0, 0, 0.2, 0, 0, 0))
    assert areas == pytest.approx(1, abs=0.06)
    assert (axes[:, 0] / axes[:, 1]).max() == pytest.approx(1.44, abs=0.05)


def test_rotations_go_either_way() -> None:
    """A dot beside the middle is found within the angle on both sides."""
    augment = Augment(Strength(math.radians(30), 0, 0, 0, 0, 0), SIZE)
    label = torch.zeros(SIZE, SIZE, dtype=torch.uint8)
    label[30:34, 50:54] = 1
    angles = []
    for seed in range(100):
        row, col = np.argwhere(augment(label[None].float(), label, seed)[1].numpy() == 1).mean(axis=0) - (SIZE - 1) / 2
        angles.append(math.degrees(math.atan2(row, col)))
    assert min(angles) == pytest.approx(-30, abs=3)
    assert max(angles) == pytest.approx(30, abs=3)
