"""Jumps against neighbours, and walls."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.checks.neighbours import check_jumps, jumps
from cmrpipe.checks.walls import check_walls
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Contour, ContourKind, Finding, Phase, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle, sample, stack

LIMITS = ValidateParams()


def changed(samples: list[Sample], number: int, x: float = 0.0, y: float = 0.0, factor: float = 1.0) -> list[Sample]:
    """One contour moved and scaled about its centre."""
    out = []
    for s in samples:
        if s.record.file_number == number and s.endo is not None:
            centre = s.endo.points.mean(axis=0)
            points = centre + (x, y) + factor * (s.endo.points - centre)
            out.append(replace(s, endo=Contour(ContourKind.ENDO, points)))
        else:
            out.append(s)
    return out


def said(samples: list[Sample]) -> list[Finding]:
    """The findings."""
    paths = {s.record.file_number: f"c/{s.record.file_number}.txt" for s in samples if s.record.file_number}
    return list(check_jumps(samples, jumps(samples), paths, "P", LIMITS))


def codes(samples: list[Sample]) -> list[tuple[Code, int | None]]:
    """Their codes and numbers."""
    return [(f.code, f.instance_number) for f in said(samples)]


def test_a_smooth_ventricle_does_not_jump() -> None:
    """Factors near 1 and centres near their expectation; base and apex have no two neighbours."""
    found = jumps(stack())
    assert set(found) == {10 * i + n for i in range(1, 6) for n in (1, 5)}
    assert all(j.factor == pytest.approx(1, abs=0.03) and j.off_px < 0.1 for j in found.values())
    assert codes(stack()) == []


@pytest.mark.parametrize("number", [21, 25, 31, 45])
@pytest.mark.parametrize("factor", [0.65, 1.5])
def test_one_wrong_size_is_told_alone(number: int, factor: float) -> None:
    """A cavity far wider or narrower than expected is told, its neighbours and other phase are not."""
    assert codes(changed(stack(), number, factor=factor)) == [(Code.AREA_JUMP, number)]


@pytest.mark.parametrize("number", [21, 25, 31, 45])
def test_one_wrong_place_is_told_alone(number: int) -> None:
    """A cavity beside its place is told, with where it should be."""
    samples = changed(stack(), number, x=14, y=-6)
    assert codes(samples) == [(Code.CENTROID_JUMP, number)]
    right, jump = jumps(stack())[number], jumps(samples)[number]
    assert jump.expected == pytest.approx(right.expected, abs=0.01)
    assert jump.off_px == pytest.approx((14**2 + 6**2) ** 0.5, abs=0.2)


def test_findings_of_jumps_say_where_and_by_how_much() -> None:
    """Each with what was expected in its place."""
    right = jumps(stack())[25]
    (size,), (place,) = said(changed(stack(), 25, factor=1.5)), said(changed(stack(), 25, x=14, y=-6))
    for found in (size, place):
        assert (found.patient_id, found.instance_number, found.path) == ("P", 25, "c/25.txt")
        assert {"slice_index": 2, "frame": 5, "phase": "ES"}.items() <= found.evidence.items()
    assert size.evidence["factor"] == pytest.approx(1.5, abs=0.03)
    assert size.evidence["expected_radius_px"] == pytest.approx(right.radius_px, abs=0.01)
    assert place.evidence["off_px"] == pytest.approx((14**2 + 6**2) ** 0.5, abs=0.2)
    assert place.evidence["share"] == pytest.approx(jumps(changed(stack(), 25, x=14, y=-6))[25].off_share, abs=0.001)
    expected = (place.evidence["expected_x"], place.evidence["expected_y"])
    assert expected == pytest.approx(right.expected, abs=0.02)


def test_a_contour_without_area_is_no_neighbour() -> None:
    """It has no size: nothing is expected of it, nor by it of those beside it in its phase."""
    flat = [
        replace(s, endo=Contour(ContourKind.ENDO, s.endo.points * (1, 0)))
        if s.endo and s.record.file_number == 31
        else s
        for s in stack()
    ]
    assert set(jumps(flat)) == set(jumps(stack())) - {21, 31, 35, 41}
    assert codes(flat) == []


@pytest.mark.parametrize(("scale", "told"), [(1.0, True), (0.35, True), (0.08, False)])
def test_a_pixel_or_two_are_no_jump(scale: float, told: bool) -> None:
    """However large a share of a small cavity they are: an outline is drawn no finer."""
    small = [replace(s, endo=Contour(ContourKind.ENDO, s.endo.points * scale)) for s in stack() if s.endo]
    assert codes(changed(small, 21, factor=1.5)) == ([(Code.AREA_JUMP, 21)] if told else [])
    assert codes(changed(small, 21, x=14 * scale, y=-6 * scale)) == ([(Code.CENTROID_JUMP, 21)] if told else [])


def test_both_phases_wrong_alike_are_not_told() -> None:
    """A slice that differs in both phases is anatomy or motion between breath-holds, no wrong contour."""
    assert codes(changed(changed(stack(), 31, x=14), 35, x=14)) == []


def test_expectations_that_contradict_each_other_tell_no_size() -> None:
    """Wider than the slices around let expect and narrower than the other phase does: that one is wrong, not this."""
    samples = changed(changed(stack(), 31, factor=1.5), 35, factor=2.2)
    assert jumps(samples)[31].factor == 1
    assert codes(samples) == [(Code.AREA_JUMP, 35)]


@pytest.mark.parametrize(
    ("radius", "spacing", "told"),
    [
        (26.0, (1.0, 1.0), False),
        (21.5, (1.0, 1.0), True),
        (45.0, (1.0, 1.0), True),
        (125.0, (1.0, 1.0), True),
        (45.0, (0.6, 0.6), False),
        (26.0, None, False),
        (20.9, None, True),
        (21.65, None, False),
        (21.0, None, True),
        (19.0, (1.0, 1.0), False),  # no wall at all: another finding
    ],
)
def test_walls(radius: float, spacing: tuple[float, float] | None, told: bool) -> None:
    """A mean wall below 3 or above 20 mm is told; without spacing, below 0.08 cavity radii."""
    drawn = sample(2, Phase.ED, circle(50, 45, 20), epi=circle(50, 45, radius), spacing=spacing)
    findings = list(check_walls([drawn], {21: "c/21.txt"}, "P", LIMITS))
    assert [(f.code, f.path) for f in findings] == ([(Code.WALL_IMPLAUSIBLE, "c/21.txt")] if told else [])
    for found in findings:
        size = spacing[0] if spacing else 1 / 20
        assert found.evidence["mean"] == pytest.approx((radius - 20) * size, rel=0.03)
        assert found.evidence["minimum"] == pytest.approx((radius - 20) * size, rel=0.03)
        unit, limit = ("mm", "wall_mm") if spacing else ("cavity radii", "wall_share")
        assert re.search(rf"is [0-9.]+ {unit} thick", found.message), "in plain digits"
        assert f"set validate.{limit}." in found.message


def test_contours_that_are_told_otherwise_have_no_wall() -> None:
    """An epicardium without a file of its own in order, an endocardium without area."""
    epi = circle(50, 45, 20.5)
    assert list(check_walls([sample(2, Phase.ED, circle(50, 45, 20), epi=epi)], {}, "P", LIMITS)) == []
    line = np.array([[40.0, 40.0], [50.0, 50.0], [60.0, 60.0]])
    assert list(check_walls([sample(2, Phase.ED, line, epi=epi, spacing=None)], {21: "c/21.txt"}, "P", LIMITS)) == []
