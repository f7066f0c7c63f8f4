"""Faults of how a contour's points follow one another: out of order, lost, wrong, too few."""

from __future__ import annotations

import numpy as np

from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import equidistant
from cmrpipe.model import Points
from cmrpipe.phantom.faults.kit import MISSHAPEN, Fault, Note, Scope, Site, Spot, reshape


def _bow_tie(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    start = int(rng.integers(10))

    def change(points: Points) -> Points:
        half = len(points) // 2
        turned = points.copy()
        turned[start : start + half] = turned[start : start + half][::-1]
        return turned

    return reshape(site, spot, change, "half of its points were put in reverse order")


def _twice(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    return reshape(site, spot, lambda p: np.tile(p, (2, 1)), "its points were written a second time")


def _open(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    share = rng.uniform(0.25, 0.40)
    return reshape(
        site, spot, lambda p: p[: int((1.0 - share) * len(p))], f"the last {share:.0%} of its points were cut off"
    )


def _lost(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    def change(points: Points) -> Points:
        kept = np.roll(points, int(rng.integers(len(points))), axis=0)[len(points) // 5 :]
        return np.roll(kept, len(kept) // 2, axis=0)

    return reshape(site, spot, change, "a fifth of its points were lost in the middle of the file")


def _spike(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    side = int(rng.choice((-1, 1)))

    def change(points: Points) -> Points:
        wrong = points.copy()
        wrong[np.argmax(side * points[:, 1]), 1] += 10.0 * side
        return wrong

    return reshape(site, spot, change, "y of one point was given a wrong digit, 10 pixels off")


def _coarse(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    start = float(rng.uniform())
    detail = "10 points on its outline were left of it, as of a curve's control points"
    return reshape(site, spot, lambda p: equidistant(p, 10, start), detail)


FAULTS = (
    Fault(
        "contour-bow-tie", "a contour crosses itself", Code.CONTOUR_SELF_INTERSECTING, Scope.SLICE, _bow_tie, MISSHAPEN
    ),
    Fault(
        "contour-twice",
        "a contour file was written twice, the second time onto its end",
        Code.CONTOUR_SELF_INTERSECTING,
        Scope.SLICE,
        _twice,
        MISSHAPEN,
    ),
    Fault("contour-open", "a contour is not closed", Code.CONTOUR_OPEN, Scope.SLICE, _open, MISSHAPEN),
    Fault("contour-points-lost", "a contour file lost points amidst", Code.CONTOUR_OPEN, Scope.SLICE, _lost, MISSHAPEN),
    Fault("contour-spike", "a wrong digit in a contour", Code.CONTOUR_SPIKE, Scope.SLICE, _spike, MISSHAPEN),
    Fault("contour-coarse", "control points in a contour file", Code.CONTOUR_COARSE, Scope.SLICE, _coarse, MISSHAPEN),
)
