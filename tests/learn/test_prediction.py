"""From a model to labels: the window goes where the heart is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cmrpipe.learn.borders import predicted_labels
from cmrpipe.learn.network import Architecture, build
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.saved import Model


class Thresholds(nn.Module):
    """Bright is cavity, grey is myocardium, dark is background: a network that needs no training."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        value = image[:, 0]
        return torch.stack([0.3 - value, value - 0.7, 0.2 - (value - 0.5).abs()], dim=1) * 60


def heart(row: float, col: float, shape: tuple[int, int] = (160, 220), count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright disc in a grey ring, and their labels."""
    r, c = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(r - row, c - col)
    label = np.where(distance < 10, 1, np.where(distance < 16, 2, 0)).astype(np.uint8)
    return np.array([0, 1000, 500], np.int16)[np.stack([label] * count)], np.stack([label] * count)


@pytest.fixture
def predictor() -> Predictor:
    """Thresholds in a window of 64 pixels."""
    architecture = Architecture((4, 8))
    state = build(architecture).state_dict()
    preprocess = Preprocess(64, (0.0, 100.0), 1.4)
    made = Predictor(Model(architecture, state, preprocess, (), (), np.zeros((0, 16), np.uint8), {}), 2, "cpu")
    made.network = Thresholds()
    return made


@pytest.mark.parametrize("told", [None, (80.0, 150.0), (70.0, 125.0)], ids=["unknown", "right", "30 pixels off"])
@pytest.mark.parametrize("spacing", [None, (1.4, 1.4), (1.1, 1.1)])
def test_the_window_is_moved_to_the_heart(
    predictor: Predictor, told: tuple[float, float] | None, spacing: tuple[float, float] | None
) -> None:
    """Whether the cine said where it is, nearly so or not at all, the labels are the heart's."""
    images, labels = heart(82, 151)
    found = predicted_labels(predictor, images, spacing, told)
    assert found.shape == labels.shape
    for kind in (1, 2):
        both, total = ((found == kind) & (labels == kind)).sum(), (found == kind).sum() + (labels == kind).sum()
        assert 2 * both / total > 0.9


def test_nothing_is_found_in_dark_images(predictor: Predictor) -> None:
    """And none is invented; no image at all is nothing, too."""
    assert not predicted_labels(predictor, np.zeros((3, 90, 90), np.int16), None, None).any()
    assert predicted_labels(predictor, np.zeros((0, 90, 90), np.int16), None, None).shape == (0, 90, 90)


def test_the_largest_cavity_counts(predictor: Predictor) -> None:
    """A smaller bright disc beside the heart is not labelled."""
    images, labels = heart(80, 110)
    r, c = np.mgrid[:160, :220]
    images[:, np.hypot(r - 80, c - 135) < 5] = 1000
    found = predicted_labels(predictor, images, None, (80.0, 110.0))
    assert not found[:, :, 129:].any()
    assert 0.95 < (found == 1).sum() / (labels == 1).sum() < 1.05
