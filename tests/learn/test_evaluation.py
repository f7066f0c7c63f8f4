"""Figures by image and patient."""

from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.learn.evaluation import FIGURES, Part, Region, is_good, patient_means, regions, score_patient
from cmrpipe.learn.metrics import dice
from cmrpipe.learn.surfaces import border_distances, diagonal
from cmrpipe.model import Label
from tests.learn.hearts import COLS, ROWS, make_patient


def test_the_expert_against_himself_is_perfect_where_it_is_known() -> None:
    """Overlap 1, rates and distances 0 where a border was drawn, and no figure where it was not."""
    data = make_patient("A", 0)
    scores = score_patient(data, data.label)
    for score, both in zip(scores, (True, False, True, False), strict=True):
        for name, value in score.figures.items():
            perfect = 1 if name.startswith(("dice", "jaccard")) else 0
            assert value == (perfect if both or "cavity" in name else None)
    assert [(s.instance_number, s.slice_index, s.frame, s.phase) for s in scores] == [
        (1, 0, 1, "ED"),
        (2, 0, 2, "ES"),
        (3, 1, 1, "ED"),
        (4, 1, 2, "ES"),
    ]


def test_each_figure_is_that_of_its_region() -> None:
    """Cavity, myocardium and the whole ventricle, each against its own masks."""
    data = make_patient("A", 0)
    guess = np.roll(data.label, 2, axis=2)
    found = score_patient(data, guess)[0].figures
    wanted = {
        Part.CAVITY: (guess[0] == Label.CAVITY, data.label[0] == Label.CAVITY),
        Part.MYOCARDIUM: (guess[0] == Label.MYOCARDIUM, data.label[0] == Label.MYOCARDIUM),
        Part.EPICARDIUM: (guess[0] > 0, data.label[0] > 0),
    }
    for part, (a, b) in wanted.items():
        apart = border_distances(a, b, (1.5, 1.5))
        assert apart is not None
        assert found[f"dice_{part}"] == dice(a, b)
        assert found[f"hd95_{part}_mm"] == apart.hd95 == pytest.approx(1.5 * (found[f"hd95_{part}_px"] or 0))
        assert found[f"asd_{part}_mm"] == apart.asd


def test_myocardium_guessed_where_it_is_unknown_costs_nothing() -> None:
    """Nor does it earn anything."""
    data = make_patient("A", 0)
    guess = data.label.copy()
    guess[1][guess[1] == 0] = 2
    assert score_patient(data, guess) == score_patient(data, data.label)


def test_finding_nothing_is_the_worst_of_all() -> None:
    """Overlap 0, all of it missed, every distance the image's diagonal: nothing is left out of a mean."""
    data = make_patient("A", 0)
    for score in score_patient(data, np.zeros_like(data.label)):
        assert (score.figures["dice_cavity"], score.figures["under_cavity"], score.figures["over_cavity"]) == (0, 1, 0)
        far = diagonal((ROWS, COLS), (1.5, 1.5))
        assert score.figures["hd95_cavity_mm"] == score.figures["asd_cavity_mm"] == far
        assert score.figures["apd_cavity_mm"] == far
        assert is_good(score, Part.CAVITY) is False


def test_without_spacing_there_are_pixels_and_no_millimetres() -> None:
    """And nobody can say whether a contour is good."""
    data = replace(make_patient("A", 0), pixel_spacing_mm=None)
    score = score_patient(data, np.roll(data.label, 1, axis=1))[0]
    assert all(value is None for name, value in score.figures.items() if name.endswith("_mm"))
    assert score.figures["apd_cavity_px"] is not None
    assert 0 < score.figures["apd_cavity_px"] < 1.5
    assert is_good(score, Part.CAVITY) is None


def test_a_contour_is_good_below_five_millimetres() -> None:
    """A shift by one pixel is, one by seven is not."""
    data = make_patient("A", 0)
    near, far = (score_patient(data, np.roll(data.label, shift, axis=2))[0] for shift in (1, 7))
    assert (is_good(near, Part.CAVITY), is_good(far, Part.CAVITY)) == (True, False)


def test_the_wider_end_is_the_base_whichever_end_comes_first() -> None:
    """Thirds of the drawn slices; both frames of a slice share its third."""
    data = make_patient("A", 0, images=12)
    for i in range(12):
        keep = np.argwhere(data.label[i] == Label.CAVITY)[: 100 - 10 * (i // 2)]
        data.label[i] = 0
        data.label[i][tuple(keep.T)] = Label.CAVITY
    expected = [region for region in (Region.BASE, Region.MID, Region.APEX) for _ in range(4)]
    assert regions(data) == expected
    assert regions(replace(data, slice_index=data.slice_index[::-1].copy())) == expected
    assert regions(replace(data, slice_index=np.full(12, -1, np.int32))) == [Region.UNKNOWN] * 12


def test_a_patients_figure_is_the_mean_of_its_images_that_have_it() -> None:
    """Of four cavities one is missed; of two ventricles none."""
    data = make_patient("A", 0)
    guess = data.label.copy()
    guess[1] = 0
    means = patient_means(score_patient(data, guess))
    assert set(means) == set(FIGURES)
    assert (means["dice_cavity"], means["dice_myocardium"]) == (0.75, 1)
