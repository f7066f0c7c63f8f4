"""Labels made without learning."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_otsu

from cmrpipe.learn.baselines import MeanShape, otsu_labels, otsu_threshold
from cmrpipe.learn.metrics import dice
from cmrpipe.model import Label
from tests.learn.hearts import make_patient


@given(st.integers(0, 10**6), st.floats(0.05, 0.95), st.floats(0, 300))
def test_the_threshold_is_scikit_images(seed: int, share: float, distance: float) -> None:
    """Of two overlapping classes of any share and distance."""
    rng = np.random.default_rng(seed)
    values = rng.normal(100, 20, 400) + distance * (rng.random(400) < share)
    assert otsu_threshold(values) == pytest.approx(threshold_otsu(values), abs=1e-6)


def test_a_constant_has_nothing_above_it() -> None:
    """No blood is found in a grey area."""
    assert otsu_threshold(np.full(9, 7)) == 7


def test_otsu_finds_the_blood_inside_the_experts_epicardium() -> None:
    """Bright disc in a grey ring, whatever the model says; without the expert's border, inside the model's."""
    data = make_patient("A", 0)
    nothing = otsu_labels(data, np.zeros_like(data.label))
    assert dice(nothing[0] == Label.CAVITY, data.label[0] == Label.CAVITY) == pytest.approx(1, abs=0.02)
    assert ((nothing[0] > 0) == (data.label[0] > 0)).all()
    assert not nothing[1].any()
    ring = np.broadcast_to(make_patient("A", 0, images=1).label, data.label.shape)
    assert ((otsu_labels(data, ring)[1] > 0) == (ring[1] > 0)).all()


def test_the_mean_shape_of_one_heart_is_that_heart() -> None:
    """In its own place; in a larger image, larger."""
    data = make_patient("A", 0, images=1)
    guess = MeanShape([data]).label((40, 52))
    for label in (Label.CAVITY, Label.MYOCARDIUM):
        assert (dice(guess == label, data.label[0] == label) or 0) > 0.93
    double = MeanShape([data]).label((80, 104))
    assert double.astype(bool).sum() == pytest.approx(4 * guess.astype(bool).sum(), rel=0.05)


def test_the_mean_shape_of_many_hearts_lies_among_them() -> None:
    """Mean areas at the mean place; a missing epicardium changes only the wall."""
    patients = [make_patient(str(seed), seed) for seed in range(6)]
    guess = MeanShape(patients).label((40, 52))
    areas = [(label == Label.CAVITY).sum() for data in patients for label in data.label]
    assert (guess == Label.CAVITY).sum() == pytest.approx(np.mean(areas), rel=0.05)
    centres = [np.argwhere(label == Label.CAVITY).mean(axis=0) for data in patients for label in data.label]
    assert np.argwhere(guess == Label.CAVITY).mean(axis=0) == pytest.approx(np.mean(centres, axis=0), abs=0.5)
    bare = [replace(data, contours=data.contours & [True, False], label=data.label % 2) for data in patients]
    assert (MeanShape(bare).label((40, 52)) == (guess == Label.CAVITY)).all()


def test_nobody_to_learn_from_guesses_nothing() -> None:
    """An empty label."""
    assert not MeanShape([]).label((8, 9)).any()
