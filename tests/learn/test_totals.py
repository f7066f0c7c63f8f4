"""Figures over all images."""

import numpy as np
import pytest

from cmrpipe.csvfile import DIGITS
from cmrpipe.learn.agreement import agreement
from cmrpipe.learn.bootstrap import RESAMPLES, interval
from cmrpipe.learn.evaluation import score_patient
from cmrpipe.learn.totals import clinical, figure, good_contours, headlines, no_ef, rounded, strata, summarise
from cmrpipe.learn.volumes import Pair, Volumes, pair, volumes
from tests.learn.hearts import make_patient


def test_means_over_images_and_over_patients_are_told_apart() -> None:
    """6 perfect images of one patient and 2 missed ones of another: 0.75 over images, 0.5 over patients."""
    good, bad = make_patient("A", 0, images=6), make_patient("B", 1, images=2)
    scores = score_patient(good, good.label) + score_patient(bad, np.zeros_like(bad.label))
    told = headlines(scores)
    assert told["test_dice_cavity"] == pytest.approx(0.75)
    assert told["test_dice_cavity_patients"] == pytest.approx(0.5)
    assert (told["images"], told["images_cavity"], told["missed_cavity"]) == (8, 8, 2)
    found = figure(scores, "dice_cavity")
    assert found is not None
    assert (found["mean"], found["mean_patients"], found["median"]) == (0.75, 0.5, 1)
    assert (found["images"], found["patients"]) == (8, 2)
    assert (found["low"], found["high"]) == (0, 1)
    bad.contours[:, 1] = False
    found = figure(score_patient(good, good.label) + score_patient(bad, bad.label), "dice_myocardium")
    assert found is not None
    assert (found["images"], found["patients"], found["low"]) == (3, 1, None)


def test_what_nobody_drew_has_no_figure() -> None:
    """Without any epicardium, myocardium has None, not 0."""
    data = make_patient("A", 0)
    data.contours[:, 1] = False
    scores = score_patient(data, data.label)
    assert headlines(scores)["test_dice_myocardium"] is None
    assert figure(scores, "dice_myocardium") is None


def test_good_contours_leave_out_the_bad_and_say_how_many() -> None:
    """Half are missed: all slices 0.5, good contours 1.0, share 0.5."""
    data = make_patient("A", 0)
    guess = data.label.copy()
    guess[:2] = 0
    scores = score_patient(data, guess)
    told = good_contours(scores)["cavity"]
    assert told == {"images": 4, "good": 2, "share": 0.5, "dice": 1, "apd_mm": 0}
    assert good_contours(scores)["epicardium"] == {"images": 2, "good": 1, "share": 0.5, "dice": 1, "apd_mm": 0}
    assert headlines(scores)["test_dice_cavity"] == 0.5


def test_figures_are_rounded_wherever_they_stand() -> None:
    """Counts and what is missing stay as they are."""
    assert rounded({"a": {"b": 1 / 3, "n": 3}, "none": None}) == {
        "a": {"b": round(1 / 3, DIGITS), "n": 3},
        "none": None,
    }


def test_strata_hold_their_own_images() -> None:
    """ED perfect, ES missed."""
    data = make_patient("A", 0)
    guess = data.label.copy()
    guess[1::2] = 0
    by = strata(score_patient(data, guess))["phase"]
    assert {phase: row["dice_cavity"]["mean"] for phase, row in by.items()} == {"ED": 1, "ES": 0}


def test_strata_by_region_hold_their_own_images() -> None:
    """The two images of the widest of three slices missed."""
    data = make_patient("A", 0, images=6)
    data.label[data.slice_index == 0, ::2] = 0  # the narrow end
    guess = data.label.copy()
    guess[data.slice_index == 2] = 0
    by = strata(score_patient(data, guess))["region"]
    told = {region: (row["dice_cavity"]["mean"], row["dice_cavity"]["images"]) for region, row in by.items()}
    assert told == {"base": (0, 2), "mid": (1, 2), "apex": (1, 2)}


def test_an_interval_is_that_of_the_mean_over_patients() -> None:
    """One value a patient, many patients: the normal approximation; fewer than two patients have none."""
    values = np.random.default_rng(0).normal(0.9, 0.05, 200)
    found = interval([[value] for value in values], 0)
    assert found is not None
    reach = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=5e-4)
    assert interval([[value] for value in values], 0) == found
    assert interval([[0.9, 0.8, 0.7]], 0) is None
    assert interval([[0.9], []], 0) is None


def test_an_interval_is_that_of_the_mean_over_images_where_patients_differ_in_number() -> None:
    """Patients of one image and of nineteen, which are worse: of every draw the mean over its images, by a plain loop.

    The mean over images lies within, the mean of patients' means far above.
    """
    few = [[0.9 + i / 1000] for i in range(10)]
    many = [[0.5 + i / 1000 + j / 10000 for j in range(19)] for i in range(10)]
    groups = [*few, *many]
    found = interval(groups, 0)
    draws = np.random.default_rng(0).integers(len(groups), size=(RESAMPLES, len(groups)))
    means = [np.mean([value for i in drawn for value in groups[i]]) for drawn in draws.tolist()]
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))))
    over_images, over_patients = np.mean(np.concatenate(groups)), np.mean([np.mean(group) for group in groups])
    assert found.low < over_images < found.high < over_patients


def test_images_of_one_patient_do_not_narrow_the_interval() -> None:
    """Each value ten times over: the same interval as once."""
    values = np.random.default_rng(1).normal(0.9, 0.05, 12)
    once, ten_times = (interval([[value] * times for value in values], 0) for times in (1, 10))
    assert once is not None
    assert ten_times is not None
    assert (ten_times.low, ten_times.high) == pytest.approx((once.low, once.high))


def test_agreement_after_bland_and_altman() -> None:
    """Bias and limits of a worked example; of one patient there is a bias and no limits."""
    found = agreement([52, 61, 68, 79], [50, 60, 70, 80], 0)
    assert found is not None
    sd = np.std([2, 1, -2, -1], ddof=1)
    assert (found.n, found.bias, found.mean_absolute) == (4, 0, 1.5)
    assert (found.sd, found.low, found.high) == pytest.approx((sd, -1.96 * sd, 1.96 * sd))
    alone = agreement([5], [3], 0)
    assert alone is not None
    assert (alone.bias, alone.sd, alone.low, alone.bias_low) == (2, None, None, None)
    assert agreement([], [], 0) is None


def test_volumes_are_areas_times_gap() -> None:
    """Counted by hand; the same over the expert's own labels gives no difference."""
    data = make_patient("A", 0)
    found = volumes(data, data.label, {})
    ed, es = ((data.label[which] == 1).sum() for which in (slice(0, None, 2), slice(1, None, 2)))
    wall = (data.label[::2] == 2).sum()
    assert (found.edv_ml, found.esv_ml) == pytest.approx((ed * 2.25 * 8 / 1000, es * 2.25 * 8 / 1000))
    assert found.ef_pct == pytest.approx(100 * (ed - es) / ed)
    assert found.mass_g == pytest.approx(1.05 * wall * 2.25 * 8 / 1000)
    told = summarise(score_patient(data, data.label), [Pair("A", found, found)])["clinical"]
    assert {name: (row["n"], row["bias"]) for name, row in told.items()} == {
        "edv_ml": (1, 0),
        "esv_ml": (1, 0),
        "ef_pct": (1, 0),
        "mass_g": (1, 0),
    }


def test_a_patient_whose_ventricle_is_missed_counts_and_cannot_flatter() -> None:
    """No EF by the model: 100 points in the mean of sizes; bias and limits, which have no worst, are withheld."""
    data = [make_patient(name, seed) for seed, name in enumerate("ABC")]
    guesses = [data[0].label, data[1].label, np.zeros_like(data[2].label)]
    pairs = [pair(patient, guess, {}) for patient, guess in zip(data, guesses, strict=True)]
    told = clinical(pairs)
    ef = told["ef_pct"]
    assert (ef["patients"], ef["n"], ef["without_model"], ef["without_expert"]) == (3, 2, 1, 0)
    assert ef["mean_absolute"] == pytest.approx(100 / 3)
    assert (ef["bias"], ef["sd"], ef["low"], ef["high"]) == (None,) * 4
    assert told["edv_ml"]["bias"] == pytest.approx(-(pairs[2].expert.edv_ml or 0) / 3)
    assert no_ef(ef, "the model").startswith("Of 1 of 3 patients the model has no EF ")
    alone = clinical(pairs[2:])["ef_pct"]
    assert (alone["n"], alone["without_model"], alone["mean_absolute"]) == (0, 1, 100)


def test_a_ventricle_that_is_badly_found_counts_no_worse_than_one_that_is_missed() -> None:
    """An EF far below 0: 100 points in the mean of sizes, of EF alone; bias and limits are of what it is."""
    good = Pair("A", Volumes(ef_pct=50.0, edv_ml=100.0), Volumes(ef_pct=52.0, edv_ml=100.0))
    bad = Pair("B", Volumes(ef_pct=60.0, edv_ml=100.0), Volumes(ef_pct=-1400.0, edv_ml=400.0))
    missed = Pair("B", Volumes(ef_pct=60.0, edv_ml=100.0), Volumes(edv_ml=0.0))
    found, lost = clinical([good, bad]), clinical([good, missed])
    assert found["ef_pct"]["mean_absolute"] == lost["ef_pct"]["mean_absolute"] == 51
    assert found["ef_pct"]["bias"] == pytest.approx((2 - 1460) / 2)
    assert found["ef_pct"]["low"] < -1460
    assert found["edv_ml"]["mean_absolute"] == 150


def test_patients_without_the_experts_value_are_counted() -> None:
    """They take part in no difference, whatever the model has."""
    told = clinical([Pair("A", Volumes(), Volumes(ef_pct=40.0)), Pair("B", Volumes(ef_pct=50.0), Volumes(ef_pct=48.0))])
    ef = told["ef_pct"]
    assert (ef["patients"], ef["n"], ef["without_expert"], ef["without_model"]) == (2, 1, 1, 0)
    assert (ef["bias"], ef["mean_absolute"]) == (-2, 2)
    assert (told["mass_g"]["without_expert"], told["mass_g"]["mean_absolute"]) == (2, None)
