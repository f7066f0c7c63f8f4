"""The model card."""

from dataclasses import replace

import numpy as np

from cmrpipe.drawn import DRAWN
from cmrpipe.learn.baselines import BASELINES, MEAN_SHAPE, WITHHELD
from cmrpipe.learn.card import model_card
from cmrpipe.learn.dvcrecord import DvcRecord
from cmrpipe.learn.evaluation import score_patient
from cmrpipe.learn.leftout import Absent, account
from cmrpipe.learn.limits import Judged
from cmrpipe.learn.totals import headlines, rounded, summarise
from cmrpipe.learn.volumes import Missing, pair
from cmrpipe.store.leftout import LeftOut, Lost
from tests.learn.hearts import make_patient

PATIENTS = ("A", "B", "C", "D", "E")


def card(
    wrong: bool = False,
    spaced: int = 2,
    missing: Missing | None = None,
    judged: Judged = Judged("5ad", PATIENTS, 2),  # noqa: B008 it cannot change
    withheld: str = "",
    taught_by_phantom: bool = False,
    test: str = "AB",
) -> str:
    """Of a model that is perfect, or finds nothing, on two patients."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(test)]
    guesses = [np.zeros_like(data.label) if wrong else data.label for data in patients]
    both = list(zip(patients, guesses, strict=True))
    scores = [score for data, guess in both for score in score_patient(data, guess)]
    pairs = [pair(data, guess, missing or {}) for data, guess in both]
    told = summarise(scores, pairs)
    beside = dict.fromkeys(BASELINES, told)
    if withheld:
        beside[MEAN_SHAPE] = {**summarise([], []), WITHHELD: withheld}
    lost = LeftOut(Lost(missing or {}, {"ED": 1} if missing else {}), Lost({}, {}))
    drawn = account(scores, Absent(dict.fromkeys(test, lost), {}))
    metrics = rounded({**headlines(scores), **told, DRAWN: drawn, "baselines": beside})
    dvc = DvcRecord("570e.dir", "4a3.dir")
    parts = {"train": ("C", "D"), "val": ("E",), "test": tuple(test)}
    origin = {"store": "5ad", "synthetic": taught_by_phantom, "code": "c0de", "completed": 7, "params": {"seed": 3}}
    return model_card(metrics, {"store": "5ad"}, parts, origin, replace(judged, spaced=spaced), dvc)


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
    assert "Of 1 judged patient no spacing is known" in text
    assert "judged on 4 images of 8" in text


def test_one_patient_gives_no_intervals() -> None:
    """The card does not say that they are wide."""
    text = card(test="A", spaced=1)
    assert "Only 1 patient judges it: there are no intervals" in text
    assert "intervals are wide" not in text
    assert "Only 2 patients judge it: the intervals are wide" in card()


def test_synthetic_patients_are_told() -> None:
    """Of those that judged, and of those that it has learnt from; of people nothing of the kind is said."""
    assert "synthetic" not in card()
    assert "Judged on images that an expert drew, between base and apex." in card()
    text = card(judged=Judged("5ad", PATIENTS, 2, synthetic=True))
    assert "Judged on synthetic patients (the phantom)" in text
    assert "learnt from synthetic patients" not in text
    text = card(taught_by_phantom=True)
    assert "It has learnt from synthetic patients (the phantom) alone" in text
    assert "Judged on images that an expert drew" in text


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
    assert "points at most" not in text
    assert "In the mean of sizes an EF counts with 100 points at most." in card()
    assert "No volume can be had" in text
    assert "Of 2 patients no EF is told" in text


def test_drawn_images_that_are_not_judged_are_counted() -> None:
    """By phase, with those that a person took out; the card does not say that no image is left out."""
    text = card(missing={"ED": 1, "ES": 1})
    assert "On 2 patients (8 of 12 drawn images) that it has not seen." in text
    said = "Of 12 drawn images 4 are left out and not judged (2 at ED, 2 at ES), 2 of them by a person's decision."
    assert said in text
    assert "On 2 patients (8 of 8 drawn images) that it has not seen." in card()
    assert "Nothing that was drawn in the judged patients is left out." in card()


def test_labels_that_changed_after_the_training_are_told() -> None:
    """With the patients whose they are; nothing where there are none."""
    assert "Since the model was trained" not in card()
    text = card(judged=Judged("5ad", PATIENTS, 2, ("B",)))
    assert "Since the model was trained, contours of its test patients were changed, added or left out: B." in text


def test_patients_of_the_store_that_neither_taught_nor_judge_are_listed() -> None:
    """Those that came later, or that someone struck off; nothing where there are none."""
    assert "in no part" not in card()
    assert "| in no part, in the store | 2 | F, G |" in card(judged=Judged("5ad", (*PATIENTS, "G", "F"), 2))


def test_a_store_that_the_model_was_not_trained_from_is_told() -> None:
    """By the hashes; with the number of training patients that it has."""
    assert "The store that was judged is not" not in card()
    text = card(judged=Judged("0ther", ("A", "B", "D"), 2))
    assert "The store that was judged is not the one that the model was trained from: their hashes differ." in text
    assert "Of 2 training patients it has 1." in text


def test_a_baseline_that_cannot_be_had_has_no_figures() -> None:
    """Its cells say so, and a sentence has the reason; the other one's stay."""
    text = card(withheld="nobody is there")
    for line in (
        "| Dice, cavity | 1.000 | 1.000 to 1.000 | 1.000 | 8 | 1.000 | withheld |",
        "| cavity | 8 of 8 | 1.000 | 0.00 | 8 of 8 (1.000, 0.00) | withheld |",
        "| EF, percentage points | 2 of 2 | 0.0 | 0.0 to 0.0 | 0.0 | 0.0 | withheld |",
        "No figures of mean shape are told: nobody is there.",
    ):
        assert line in text
    assert "withheld" not in card()
