"""The heart of one synthetic patient: its shape, its motion over the cardiac cycle, and how the scan lies in space.

Sizes follow adults as cine MR shows them (cavity radius 22 to 33 mm, wall 7 to 12 mm, ejection fraction 25 to 70 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmrpipe.phantom.curve import Curve

FIELD_OF_VIEW_MM = 245.0
SPACING_MM = (0.9, 2.6)
"""Smallest and largest pixel; small matrices see a smaller field of view rather than a coarser heart."""

SMALLEST = 48
"""Fewest rows or columns: below, a large heart does not fit."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Size of the data of one patient: number of slices, frames a slice, rows and columns."""

    slices: int
    frames: int
    rows: int
    columns: int

    @property
    def lv(self) -> range:
        """Slices that cut the left ventricle, by acquisition order; before them lies the base, after them the apex."""
        above = 1 if self.slices >= 5 else 0
        below = 0 if self.slices < 6 else 1 if self.slices < 10 else 2
        return range(above, self.slices - below)

    @property
    def ed_frame(self) -> int:
        """End-diastole: the last frame, just before the next R wave, as in the Sunnybrook layout."""
        return self.frames

    @property
    def es_frame(self) -> int:
        """End-systole, about 40 % into the cycle."""
        return min(max(1, round(0.4 * self.frames)), self.frames - 1)

    def number(self, position: int, frame: int) -> int:
        """File and instance number of a frame (from 1) of the slice at a position in acquisition order (from 0)."""
        return position * self.frames + frame


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What makes one patient: drawn once, from the patient's own random stream.

    Attributes
    ----------
    spacing_mm, gap_mm, thickness_mm : pixel size, distance of slices along the normal, slice thickness
    radius_mm, wall_mm : end-diastolic cavity radius and wall thickness at the base
    ef : ejection fraction, 0 to 1
    taper : how far the ventricle's length reaches towards its tip at the last slice, 0 to 1
    centre : (x, y) in pixels of the ventricle's middle at end-diastole
    tilt_mm, sway_mm : how far the centre moves from base to apex, and from diastole to systole, (x, y)
    turn : angle of the right ventricle seen from the left one, radians, y downwards
    endo_waves, epi_waves : shape coefficients at the base, see `Curve`; both fade towards systole
    heart_rate_bpm, interval_ms : rate and RR interval
    direction : +1 when slices are acquired along the normal, -1 against it
    row_direction, column_direction, origin_mm : orientation and position of the first slice, patient coordinates (LPS)
    weight_kg, height_m : body size
    """

    spacing_mm: float
    gap_mm: float
    thickness_mm: float
    radius_mm: float
    wall_mm: float
    ef: float
    taper: float
    centre: tuple[float, float]
    tilt_mm: tuple[float, float]
    sway_mm: tuple[float, float]
    turn: float
    endo_waves: tuple[complex, ...]
    epi_waves: tuple[complex, ...]
    heart_rate_bpm: int
    interval_ms: int
    direction: int
    row_direction: tuple[float, float, float]
    column_direction: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    weight_kg: float
    height_m: float

    @property
    def normal(self) -> tuple[float, float, float]:
        """Slice normal: row direction × column direction."""
        n = np.cross(self.row_direction, self.column_direction)
        return float(n[0]), float(n[1]), float(n[2])

    def position_mm(self, position: int) -> tuple[float, float, float]:
        """ImagePositionPatient of the slice at a position in acquisition order."""
        step = self.direction * self.gap_mm * position
        x, y, z = (o + step * n for o, n in zip(self.origin_mm, self.normal, strict=True))
        return x, y, z


def _frame_of(rng: np.random.Generator) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Row and column directions of an oblique short-axis plane, rounded as headers hold them.

    The ventricle points to the left, forwards and down, as real ones do.
    """
    yaw, pitch = np.radians(rng.uniform(35.0, 55.0)), np.radians(rng.uniform(15.0, 35.0))
    roll = np.radians(rng.uniform(-12.0, 12.0))
    across = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    down = np.array([-np.sin(yaw) * np.sin(pitch), np.cos(yaw) * np.sin(pitch), -np.cos(pitch)])
    row = np.round(np.cos(roll) * across + np.sin(roll) * down, 6)
    column = np.round(-np.sin(roll) * across + np.cos(roll) * down, 6)
    return (float(row[0]), float(row[1]), float(row[2])), (float(column[0]), float(column[1]), float(column[2]))


def draw_anatomy(rng: np.random.Generator, grid: Grid) -> Anatomy:
    """Draw a patient.

    The ventricle lies beside the image's middle and off both diagonals, so that an exchanged or flipped contour
    really leaves it.
    """
    side = min(grid.rows, grid.columns)
    spacing = round(float(np.clip(FIELD_OF_VIEW_MM / side, *SPACING_MM)) * rng.uniform(0.94, 1.0), 4)
    ef = rng.uniform(0.25, 0.70)
    # a failing ventricle is dilated; a vigorous one is small
    radius = 33.0 - 14.0 * (ef - 0.25) + rng.uniform(-3.0, 3.0)
    gap = float(np.clip(round(80.0 / len(grid.lv)) + rng.integers(-1, 2), 6, 13))
    rate = int(rng.integers(55, 95))
    row, column = _frame_of(rng)
    dx = rng.uniform(0.05, 0.09)
    dy = rng.choice([-1.0, 1.0]) * rng.uniform(0.02, 0.05)
    dy = min(dy, dx - 0.045) if dy > 0 else dy
    away = 1.0 if grid.columns >= grid.rows else -1.0
    waves = [rng.uniform(0.3, 1.0) * np.exp(2j * np.pi * rng.uniform()) for _ in range(6)]
    height = rng.uniform(1.55, 1.92)
    return Anatomy(
        spacing_mm=spacing,
        gap_mm=gap,
        thickness_mm=min(gap, 8.0),
        radius_mm=radius,
        wall_mm=rng.uniform(8.0, 11.5),
        ef=ef,
        taper=rng.uniform(0.80, 0.88),
        centre=((grid.columns - 1) / 2 + away * dx * grid.columns, (grid.rows - 1) / 2 + away * dy * grid.rows),
        tilt_mm=(rng.uniform(-5.0, 5.0), rng.uniform(-5.0, 5.0)),
        sway_mm=(rng.uniform(-1.5, 1.5), rng.uniform(-1.5, 1.5)),
        turn=np.pi + rng.uniform(-0.5, 0.5),
        endo_waves=tuple(complex(s * w) for s, w in zip((0.045, 0.018, 0.008), waves[:3], strict=True)),
        epi_waves=tuple(complex(s * w) for s, w in zip((0.015, 0.010, 0.005), waves[3:], strict=True)),
        heart_rate_bpm=rate,
        interval_ms=round(60000 / rate),
        direction=int(rng.choice([-1, 1])),
        row_direction=row,
        column_direction=column,
        origin_mm=(
            round(rng.uniform(-160.0, -60.0), 4),
            round(rng.uniform(-220.0, -160.0), 4),
            round(rng.uniform(60.0, 180.0), 4),
        ),
        weight_kg=round(rng.uniform(20.0, 31.0) * height**2, 1),
        height_m=round(height, 2),
    )


def filling(grid: Grid, frame: int) -> float:
    """How full the ventricle is at a frame: 1 at end-diastole, 0 at end-systole, fast emptying and early filling."""
    elapsed, emptied = frame % grid.frames, grid.es_frame
    if elapsed <= emptied:
        return float(0.5 * (1.0 + np.cos(np.pi * elapsed / emptied)))
    refill = (elapsed - emptied) / (grid.frames - emptied)
    return float(0.5 * (1.0 - np.cos(np.pi * refill**0.75)))


@dataclass(frozen=True, slots=True)
class Section:
    """The heart in one slice at one frame, in pixels.

    Attributes
    ----------
    depth : place along the long axis: 0 at the base, 1 at the apex; outside of 0 to 1 beyond the ventricle
    full : see `filling`
    endo, epi : borders of the left ventricle, None beyond it
    middle : (x, y) of the long axis in this slice
    """

    depth: float
    full: float
    endo: Curve | None
    epi: Curve | None
    middle: tuple[float, float]


def section(anatomy: Anatomy, grid: Grid, position: int, frame: int) -> Section:
    """Cut the heart at a slice (acquisition order, from 0) and a frame (from 1).

    The cavity's area falls by the ejection fraction in every slice alike, so that the volumes' ejection fraction is
    that of the anatomy; the wall keeps its area (muscle does not compress) and gains 8 % by shortening lengthwise.
    """
    depth = (position - grid.lv.start + 0.5) / len(grid.lv)
    full = filling(grid, frame)
    empty = 1.0 - full
    x, y = (
        c + ((depth - 0.5) * t + empty * s) / anatomy.spacing_mm
        for c, t, s in zip(anatomy.centre, anatomy.tilt_mm, anatomy.sway_mm, strict=True)
    )
    if position not in grid.lv:
        return Section(depth, full, None, None, (x, y))
    profile = np.sqrt(1.0 - (anatomy.taper * depth) ** 2)
    cavity = anatomy.radius_mm * profile
    wall = anatomy.wall_mm * (1.0 - 0.2 * depth)
    ring = ((cavity + wall) ** 2 - cavity**2) * (1.0 + 0.08 * empty)
    inner = np.sqrt(cavity**2 * (1.0 - anatomy.ef * empty))
    outer = np.sqrt(inner**2 + ring)
    endo_waves = tuple(c * np.exp(0.4j * depth) for c in anatomy.endo_waves)
    epi_waves = tuple(0.5 * c + d for c, d in zip(endo_waves, anatomy.epi_waves, strict=True))
    endo = Curve(x, y, float(inner / anatomy.spacing_mm / _swell(endo_waves)), endo_waves)
    epi = Curve(x, y, float(outer / anatomy.spacing_mm / _swell(epi_waves)), epi_waves)
    return Section(depth, full, endo, epi, (x, y))


def _swell(waves: tuple[complex, ...]) -> float:
    """Radius of the circle of equal area, for radius 1."""
    return float(np.sqrt(Curve(0.0, 0.0, 1.0, waves).area / np.pi))
