"""The model card."""

import numpy as np

from cmrpipe.learn.baselines import BASELINES
from cmrpipe.learn.card import model_card
from cmrpipe.learn.dvcrecord import DvcRecord
from cmrpipe.learn.evaluation import score_patient
from cmrpipe.learn.totals import headlines, rounded, summarise
from cmrpipe.learn.volumes import Missing, pair
from tests.learn.hearts import make_patient


def card(wrong: bool = False, spaced: int = 2, missing: Missing | None = None) -> str:
    """Of a model that is perfect, or finds nothing, on two patients."""
    patients = [make_patient("A", 0), make_patient("B", 1)]
    guesses = [np.zeros_like(data.label) if wrong else data.label for data in patients]
    both = list(zip(patients, guesses, strict=True))
    scores = [score for data, guess in both for score in score_patient(data, guess)]
    pairs = [pair(data, guess, missing or {}) for data, guess in both]
    told = summarise(scores, pairs)
    metrics = rounded({**headlines(scores), **told, "baselines": dict.fromkeys(BASELINES, told)})
    dvc = DvcRecord("570e.dir", "4a3.dir")
    parts = {"train": ("C", "D"), "val": ("E",), "test": ("A", "B")}
    return model_card(
        metrics, {"store": "5ad"}, parts, {"code": "c0de", "completed": 7, "params": {"seed": 3}}, spaced, dvc
    )


def test_it_names_data_patients_code_params_and_figures_with_intervals() -> None:
    """What another person needs to know which model this is, and what to expect of it."""
    text = card()
    for line in (
        "| store | `5ad` |",
        "| data/raw (MD5, dvc.lock) | `4a3.dir` |",
        "| data/store (MD5, dvc.lock) | `570e.dir` |",
        "| code that the model was trained with | `c0de` |",
        "| train | 2 | C, D |",
        "| Dice, cavity | 1.000 | 1.000 to 1.000 | 1.000 | 8 | 1.000 | 1.000 |",
        "| cavity | 8 of 8 | 1.000 | 0.00 | 8 of 8 (1.000, 0.00) | 8 of 8 (1.000, 0.00) |",
        "| epicardium | 4 of 4 | 1.000 | 0.00 | given |",
        "| EF, percentage points | 2 of 2 | 0.0 | 0.0 to 0.0 | 0.0 | 0.0 | 0.0 |",
        ' "seed": 3',
        "the second time 7 training images without an epicardial contour had the epicardium that",
    ):
        assert line in text


def test_its_limits_follow_from_what_it_was_judged_on() -> None:
    """Few patients, patients without spacing, images without epicardium."""
    text = card(spaced=1)
    assert "Only 2 patients judge it" in text
    assert "Of 1 judged patients no spacing is known" in text
    assert "judged on 4 images of 8" in text


def test_a_model_that_finds_nothing_cannot_hide_it() -> None:
    """0 over all slices, no good contour."""
    text = card(wrong=True)
    assert "| Dice, cavity | 0.000 |" in text
    assert "| cavity | 0 of 8 |" in text


def test_an_ejection_fraction_that_the_model_does_not_have_is_told_and_counted() -> None:
    """As 100 points; no bias is told of it."""
    text = card(wrong=True)
    assert "| EF, percentage points | 0 of 2 |  |  | 100.0 |" in text
    assert "Of 2 of 2 patients the model has no EF" in text


def test_volumes_that_are_withheld_are_told() -> None:
    """Contours in quarantine: no row, and a sentence."""
    text = card(missing={"ED": 1, "ES": 1})
    assert "| EF, percentage points |" not in text
    assert "No volume can be had" in text
    assert "Of 2 patients no EF is told" in text
