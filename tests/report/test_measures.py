"""Figures to compare patients by."""

from __future__ import annotations

import numpy as np
import pytest

from cmrpipe.model import Contour, ContourKind, Phase
from cmrpipe.report.facts import Drawn
from cmrpipe.report.measures import contour_measures, outliers

ANGLE = np.linspace(0, 2 * np.pi, 400, endpoint=False)


def circle(kind: ContourKind, radius: float) -> Contour:
    """A circle around (60, 60)."""
    return Contour(kind, 60 + radius * np.column_stack([np.cos(ANGLE), np.sin(ANGLE)]))


def drawn(phase: Phase, radius: float, *left_out: ContourKind) -> Drawn:
    """An image with a cavity and a wall of 8 pixels."""
    contours = (circle(ContourKind.ENDO, radius), circle(ContourKind.EPI, radius + 8))
    return Drawn(1, 0, 1, phase, contours, left_out)


def test_area_and_wall_are_those_of_circles() -> None:
    """In cm² and mm, at end-diastole only."""
    found = contour_measures([drawn(Phase.ED, 20), drawn(Phase.ED, 16), drawn(Phase.ES, 30)], (1.5, 1.5))
    assert found["area_cm2"] == pytest.approx(np.pi * 30**2 / 100, rel=0.001)
    assert found["wall_mm"] == pytest.approx(12, rel=0.01)


def test_what_is_left_out_is_not_measured() -> None:
    """A contour in quarantine gives no figure, and an unknown pixel size none at all."""
    assert set(contour_measures([drawn(Phase.ED, 20, ContourKind.EPI)], (1.0, 1.0))) == {"area_cm2"}
    assert contour_measures([drawn(Phase.ED, 20, ContourKind.ENDO)], (1.0, 1.0)) == {}
    assert contour_measures([drawn(Phase.ED, 20)], None) == {}


def test_outliers_are_beyond_the_fences() -> None:
    """One far value is one, equal values are none, and too few say nothing."""
    assert outliers([1, 2, 3, 4, 5, 6, 7, 50]) == [False] * 7 + [True]
    assert outliers([3.0] * 9) == [False] * 9
    assert outliers([1, 2, 90]) == [False] * 3
