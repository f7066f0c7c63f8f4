"""How a contour's points follow one another: where some were lost, one juts out, or too few were written.

A program traces an outline with a point every pixel or less, a person clicks it at steps that differ by a factor of two
or three. Steps are held against the third longest one, since one wrong point makes two long steps. The longest is 1.4
times that at most in the 572 contours of the 30 real patients, 2.8 times where the points of straight runs are left out
of them, and 3.2 times with 12 to 40 points at uneven steps (gamma distributed, of shape 4).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmrpipe.checks.finding import of_contour
from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import Floats, polygon_area, signed_area
from cmrpipe.model import ContourRecord, Finding, Points
from cmrpipe.params import ValidateParams

OPEN_SHARE = 0.08
"""A long step counts as a gap when it is also at least this share of the contour's length: the arc that a smaller one
cuts off is less than 0.4 % of the area."""
DETOUR = 2.0
"""A point juts out where the way over it is this many times as long as the way past it; in a right angle 1.4 times."""
TRACED_PX = 1.5
"""Points that lie no farther apart than this (median) were traced, not clicked, whatever their outline's shape; those
of real contours lie 0.5 to 1.4 pixels apart."""

STAIRS_PX = 4.0
"""The same for an outline of a mask's pixels, whose straight runs are steps of a few pixels, or twice as much where it
was drawn on a coarser matrix."""
_ROUNDED = 0.02
"""Pixels by which a step may be off its direction: coordinates are written in hundredths."""


def _cross(a: Points, b: Points) -> Floats:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def rounding_share(points: Points) -> float:
    """Area that a smooth curve through a polygon's points encloses beyond the polygon, as a share of the polygon's.

    The curve is a closed Catmull-Rom spline (Catmull and Rom 1974, uniform): from each point to the next a cubic whose
    tangents are half the way between the points before and after. What such a cubic encloses beyond its chord d, with
    tangents s and t at its ends, is (s x d + d x t) / 10 - s x t / 60, the integral of its Hermite form.

    Parameters
    ----------
    points : (n, 2), n >= 3, no point repeated in a row, some area
    """
    chord = np.roll(points, -1, axis=0) - points
    start = (chord + np.roll(chord, 1, axis=0)) / 2
    end = np.roll(start, -1, axis=0)
    beyond = (_cross(start, chord) + _cross(chord, end)) / 10 - _cross(start, end) / 60
    return float(beyond.sum() / signed_area(points))


def _of_pixels(chord: Points) -> bool:
    """Whether all steps (n, 2) run along rows, columns or diagonals: the outline of a mask."""
    across, along = np.abs(chord).T
    return bool(np.all((np.minimum(across, along) <= _ROUNDED) | (np.abs(across - along) <= _ROUNDED)))


def _turning(chord: Points) -> bool:
    """Whether no step (n, 2) goes on in the direction of the one before: corners alone."""
    before = np.roll(chord, 1, axis=0)
    lengths = np.linalg.norm(chord, axis=1) * np.linalg.norm(before, axis=1)
    return bool(np.all((chord * before).sum(axis=1) < np.cos(np.pi / 8) * lengths))


def check_steps(record: ContourRecord, points: Points, patient_id: str, limits: ValidateParams) -> Iterator[Finding]:
    """What the steps between a contour's points say, one finding at most.

    Parameters
    ----------
    points : (n, 2), an outline that does not cross itself and encloses an area
    """
    points = points[np.any(points != np.roll(points, -1, axis=0), axis=1)]
    chord = np.roll(points, -1, axis=0) - points  # from each point to the next
    steps, of_pixels = np.linalg.norm(chord, axis=1), _of_pixels(chord)
    usual = float(np.sort(steps)[-3])
    at = _jutting(points, steps, limits.open_steps * usual)
    if at is not None:
        x, y = points[at]
        out = float(min(steps[at - 1], steps[at]))
        yield of_contour(
            Code.CONTOUR_SPIKE,
            patient_id,
            record,
            f"{record.path} has a point that juts out by {out:.1f} pixels, at x {x:.1f}, y {y:.1f} counted "
            "from 0. Mend that point, or draw the contour anew.",
            out_px=round(out, 3),
            step_px=round(usual, 3),
        )
        return
    longest = int(np.argmax(steps))
    gap = float(steps[longest])
    straight = of_pixels and _turning(chord)  # and no gap, however long
    if not straight and gap > limits.open_steps * usual and gap > OPEN_SHARE * steps.sum():
        x, y = points[longest]
        place = "its ends are" if longest == len(points) - 1 else f"after x {x:.1f}, y {y:.1f} (from 0) two points are"
        yield of_contour(
            Code.CONTOUR_OPEN,
            patient_id,
            record,
            f"{record.path} is open: {place} {gap:.1f} pixels apart, its other points up to {usual:.2f}. "
            "Fetch the file anew, or close the contour.",
            gap_px=round(gap, 3),
            step_px=round(usual, 3),
        )
        return
    lost, median = rounding_share(points), float(np.median(steps))
    if lost > limits.coarse and median > (STAIRS_PX if of_pixels else TRACED_PX):
        yield of_contour(
            Code.CONTOUR_COARSE,
            patient_id,
            record,
            f"{record.path} has {len(points)} points, {median:.1f} pixels apart; the straight lines between them "
            f"enclose {lost / (1 + lost):.1%} less than a smooth curve through them. "
            "Export the whole outline, not its control points.",
            points=len(points),
            step_px=round(median, 3),
            lost_share=round(lost / (1 + lost), 5),
            area_px=round(polygon_area(points), 2),
        )


def _jutting(points: Points, steps: Floats, limit: float) -> int | None:
    """The point whose steps from and to its neighbours are both beyond a limit, and which lies off the way past it."""
    n = len(points)
    for at in np.flatnonzero((steps > limit) & (np.roll(steps, 1) > limit)).tolist():
        past = float(np.linalg.norm(points[(at + 1) % n] - points[at - 1]))
        if steps[at - 1] + steps[at] > DETOUR * past:
            return int(at)
    return None
