"""Figures by image, by patient and over all."""

import numpy as np
import pytest

from cmrpipe.learn.evaluation import overall, patient_means, score_patient
from tests.learn.hearts import make_patient


def test_the_expert_against_himself_is_perfect_where_it_is_known() -> None:
    """Dice is 1 where a border was drawn, and there is no figure where it was not."""
    data = make_patient("A", 0)
    scores = score_patient(data, data.label)
    assert [score.dice_cavity for score in scores] == [1.0] * 4
    assert [score.dice_myocardium for score in scores] == [1.0, None, 1.0, None]
    assert [(score.instance_number, score.slice_index, score.frame, score.phase) for score in scores] == [
        (1, 0, 1, "ED"),
        (2, 0, 2, "ES"),
        (3, 1, 1, "ED"),
        (4, 1, 2, "ES"),
    ]


def test_myocardium_guessed_where_it_is_unknown_costs_nothing() -> None:
    """Nor does it earn anything."""
    data = make_patient("A", 0)
    guess = data.label.copy()
    guess[1][guess[1] == 0] = 2
    assert overall(score_patient(data, guess)) == overall(score_patient(data, data.label))


def test_finding_nothing_scores_nothing() -> None:
    """An empty prediction is 0, not left out."""
    data = make_patient("A", 0)
    figures = overall(score_patient(data, np.zeros_like(data.label)))
    assert figures["test_dice_cavity"] == figures["test_dice_myocardium"] == 0
    assert (figures["images_cavity"], figures["images_myocardium"]) == (4, 2)


def test_means_over_images_and_over_patients_are_told_apart() -> None:
    """6 perfect images of one patient and 2 missed ones of another: 0.75 over images, 0.5 over patients."""
    good, bad = make_patient("A", 0, images=6), make_patient("B", 1, images=2)
    scores = score_patient(good, good.label) + score_patient(bad, np.zeros_like(bad.label))
    figures = overall(scores)
    assert figures["test_dice_cavity"] == pytest.approx(0.75)
    assert figures["test_dice_cavity_patients"] == pytest.approx(0.5)
    assert [(row.patient_id, row.images, row.dice_cavity) for row in patient_means(scores)] == [
        ("A", 6, 1),
        ("B", 2, 0),
    ]


def test_what_nobody_drew_has_no_figure() -> None:
    """Without any epicardium, myocardium has None, not 0."""
    data = make_patient("A", 0)
    data.contours[:, 1] = False
    assert overall(score_patient(data, data.label))["test_dice_myocardium"] is None
