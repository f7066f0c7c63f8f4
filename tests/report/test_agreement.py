"""The plot of Bland and Altman, and the tables of the model's section."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cmrpipe.report.agreement import agreement_plot
from cmrpipe.report.facts import ModelFacts
from cmrpipe.report.model_section import model_section

POINTS = [("A", 50.0, 52.0, "patients/A.html"), ("B", 60.0, 61.0, ""), ("C", 70.0, 68.0, "")]
FIGURE = {"mean": 0.9, "low": 0.85, "high": 0.94, "median": 0.92, "mean_patients": 0.89, "images": 40, "patients": 3}
AGREEMENT = {
    "patients": 4,
    "without_expert": 1,
    "n": 3,
    "bias": 0.3333,
    "low": -3.7,
    "high": 4.4,
    "mean_absolute": 1.6667,
}


def told() -> ModelFacts:
    """A model with one figure, one group, and one quantity."""
    beside = {
        "all_slices": {"dice_cavity": {"mean": 0.6}, "dice_epicardium": {"mean": 1.0}},
        "clinical": {"ef_pct": {"mean_absolute": 9.0}},
        "good_contours_apd_below_5mm": {"cavity": {"images": 40, "good": 7}},
        "by": {"region": {"apex": {"dice_cavity": {"mean": 0.4}}}},
    }
    metrics = {
        "all_slices": {"dice_cavity": FIGURE, "dice_epicardium": FIGURE},
        "good_contours_apd_below_5mm": {"cavity": {"images": 40, "good": 38, "share": 0.95, "dice": 0.91, "apd_mm": 2}},
        "by": {"region": {"apex": {"dice_cavity": FIGURE}, "base": {"dice_cavity": FIGURE}}},
        "clinical": {"ef_pct": AGREEMENT},
        "baselines": {"otsu": beside, "mean_shape": beside},
    }
    rows = tuple(
        {"patient_id": name, "ef_pct_expert": str(expert), "ef_pct_model": str(model)}
        for name, expert, model, _ in POINTS
    )
    return ModelFacts({}, (), (), {}, (), {}, metrics, rows)


def test_dots_and_lines_stand_where_their_values_are() -> None:
    """A dot a patient, linked where there is a page; heights follow the differences, lines among them."""
    plot = str(agreement_plot(POINTS, (0.3333, -3.7, 4.4), "Ejection fraction", "points"))
    dots = [tuple(map(float, at)) for at in re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)"', plot)]
    lines = [float(y) for y in re.findall(r'b-line[^"]*" d="M[0-9.]+ ([0-9.]+)H', plot)]
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    assert dots[0][1] < dots[1][1] < lines[0] < dots[2][1]
    assert lines[2] < min(y for _, y in dots) < max(y for _, y in dots) < lines[1]
    scale = (dots[2][1] - dots[0][1]) / 4
    assert lines[1] - lines[2] == pytest.approx(8.1 * scale, abs=0.3)
    assert plot.count("<a href=") == 1
    assert "A: +2.0 points at 51.0" in plot
    assert "n = 3" in plot


def test_one_patient_has_a_bias_and_no_limits() -> None:
    """And the plot is drawn all the same."""
    plot = str(agreement_plot(POINTS[:1], (2.0, None, None), "EDV", "mL"))
    assert plot.count("b-line") == 1
    assert plot.count("d-dot") == 1


def test_tables_tell_the_evaluations_figures() -> None:
    """Mean with interval, baselines beside; base before apex; what Otsu was given is not its merit."""
    section = model_section(told(), {"A": "patients/A.html"})
    assert section.figures[1] == (
        "Dice, cavity", "0.900", "0.850 to 0.940", "0.920", "0.890", "40", "0.600", "0.600",
    )  # fmt: skip
    assert section.figures[2][-2:] == ("given", "1.000")
    assert section.good[1] == ("Endocardium", "38 of 40", "0.910", "2.00", "7 of 40", "7 of 40")
    assert [row[0] for row in section.strata[1:]] == ["base", "apex"]
    assert section.strata[0][2:5] == ("Dice, cavity", "Otsu", "Mean shape")
    assert [row[3:5] for row in section.strata[1:]] == [("", ""), ("0.400", "0.400")]
    assert section.agreement[1] == (
        "Ejection fraction, percentage points", "3 of 4", "0.3", "-3.7 to 4.4", "1.7", "9.0", "9.0",
    )  # fmt: skip
    assert len(section.plots) == 1


def test_a_baseline_that_is_withheld_has_the_reason_in_place_of_figures() -> None:
    """A word in its cells, and a note; the other one's figures stay."""
    model = told()
    beside = {**model.evaluation["baselines"], "mean_shape": {"all_slices": {}, "withheld": "nobody is there"}}
    section = model_section(replace(model, evaluation={**model.evaluation, "baselines": beside}), {})
    assert [row[-2:] for row in section.figures[1:]] == [("0.600", "withheld"), ("given", "withheld")]
    assert section.good[1][-2:] == ("7 of 40", "withheld")
    assert section.agreement[1][-2:] == ("9.0", "withheld")
    assert section.notes == ("No figures of mean shape are told: nobody is there.",)


def test_patients_without_an_ejection_fraction_are_told() -> None:
    """One that the model missed, with how it counts; one whose contours were left out, with the reason."""
    model = told()
    row = {"patients": 4, "without_expert": 1, "without_model": 1, "n": 2, "mean_absolute": 34.0}
    ef = {**row, "bias": None, "low": None, "high": None}
    lost = {"patient_id": "D", "ef_pct_expert": "", "ef_pct_model": "", "reason": "no EDV"}
    section = model_section(
        replace(model, evaluation={**model.evaluation, "clinical": {"ef_pct": ef}}, volumes=(*model.volumes, lost)), {}
    )
    assert section.agreement[1][1:5] == ("2 of 4", "", "", "34.0")
    assert "Of 1 of 4 patients the model has no EF" in section.notes[0]
    assert section.notes[1:] == ("D has no EF, by expert or model: no EDV.",)
    assert str(section.plots[0]).count("b-line") == 0


def test_without_evaluation_there_is_nothing_to_tell() -> None:
    """No model, or one that was not judged."""
    assert model_section(None, {}).figures == ()
    assert model_section(ModelFacts({}, (), (), {}, (), {}, {}, ()), {}).plots == ()
