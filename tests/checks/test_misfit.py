"""Contours that do not fit their images, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.checks.misfit import DISPLACED, FEWEST, check_fits, measure_fits
from cmrpipe.checks.neighbours import jumps
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Finding, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle, heart, sample, stack
from tests.checks.test_neighbours import changed

LIMITS = ValidateParams()
NUMBER = 25
"""Of the contour that is moved."""


def findings(samples: list[Sample]) -> list[Finding]:
    """What is said of drawn hearts."""
    paths = {s.record.file_number: f"c/{s.record.file_number}.txt" for s in samples if s.record.file_number}
    labels = PatientLabels("P", tuple(s.record for s in samples), (), ("O",))
    return list(check_fits(labels, samples, measure_fits(samples), jumps(samples), paths, lambda _: None, LIMITS))


def measures(samples: list[Sample]) -> tuple[float, float]:
    """Fit of the moved contour, and how far it lies from its place in relation to the limit."""
    return measure_fits(samples)[NUMBER], jumps(samples)[NUMBER].off_share / LIMITS.centre_jump


def test_contours_that_fit_are_not_told() -> None:
    """Nothing is said."""
    assert findings(stack()) == []


def test_where_most_do_not_fit_the_patient_is_told() -> None:
    """Once, with the cause that explains them all; some contours are no patient, and are told one by one."""
    moved = [replace(s, endo=replace(s.endo, points=s.endo.points + np.array([9, -7]))) for s in stack(4) if s.endo]
    (said,) = findings(moved)
    assert (said.code, said.patient_id, said.instance_number) == (Code.CONTOUR_MISFIT, "P", None)
    assert (said.path, said.evidence["contours"]) == ("contourfiles/O", len(moved))
    assert str(said.evidence["cause"]).startswith("shifted by")
    few = findings(moved[: FEWEST - 1])
    assert [f.path for f in few] == [f"c/{s.record.file_number}.txt" for s in moved[: FEWEST - 1]]


def test_a_poor_fit_and_a_displaced_centre_together_are_told() -> None:
    """Neither is beyond its limit; moving the contour back explains both."""
    samples = changed(stack(), NUMBER, x=-5, y=3)
    fit, off = measures(samples)
    assert LIMITS.fit < fit < LIMITS.fit_suspect
    assert DISPLACED < off < 1
    (said,) = findings(samples)
    assert (said.code, said.path) == (Code.CONTOUR_MISFIT, f"c/{NUMBER}.txt")
    assert str(said.evidence["cause"]).startswith("shifted by")


def test_a_poor_fit_near_its_place_is_not_told() -> None:
    """An edge that is hard to see is no wrong contour."""
    samples = changed(stack(), NUMBER, x=5)
    fit, off = measures(samples)
    assert LIMITS.fit < fit < LIMITS.fit_suspect
    assert off < DISPLACED
    assert findings(samples) == []


@pytest.mark.parametrize("x", [5.8, 8.0])
def test_a_displaced_contour_that_fits_is_not_told(x: float) -> None:
    """The heart lies there."""
    samples = changed(stack(), NUMBER, x=x)
    (i,) = (i for i, s in enumerate(samples) if s.record.file_number == NUMBER)
    moved = samples[i]
    assert moved.endo is not None
    at, radius = (
        moved.endo.points.mean(axis=0),
        float(moved.endo.points[:, 0].max() - moved.endo.points[:, 0].min()) / 2,
    )
    samples[i] = sample(2, moved.phase, circle(at[0], at[1], radius), heart(at[0], at[1], radius))
    fit, off = measures(samples)
    assert fit > 0.95
    assert off == pytest.approx(x / 7.4, abs=0.1)
    assert findings(samples) == []
