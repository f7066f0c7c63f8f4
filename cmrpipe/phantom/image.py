"""Images: the heart in its surroundings as a cine SSFP short-axis scan shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.phantom.curve import Curve
from cmrpipe.phantom.scene import Anatomy, Grid, Section, section
from cmrpipe.phantom.thorax import (
    BLOOD,
    FAT,
    LUNG,
    MUSCLE,
    MYOCARDIUM,
    FloatImage,
    Thorax,
    bias_field,
    cover,
    ellipse,
    paint,
    surroundings,
    texture,
)

EDGE_PX = 1.4
"""Width of a border's ramp: a pixel's own width plus the blur of the scan."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Receiver of one patient: stored value of blood, standard deviation of the noise in it."""

    gain: float
    noise: float


def draw_contrast(rng: np.random.Generator) -> Contrast:
    """Draw a patient's gain and noise; blood is 20 to 40 standard deviations bright."""
    gain = rng.uniform(320.0, 620.0)
    return Contrast(gain, gain / rng.uniform(20.0, 40.0))


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """What does not move in one slice: see `backdrop`."""

    x: FloatImage
    y: FloatImage
    signal: FloatImage
    bias: FloatImage
    texture: FloatImage


def backdrop(anatomy: Anatomy, thorax: Thorax, grid: Grid, position: int) -> Backdrop:
    """Everything of a slice that all its frames share.

    Returns
    -------
    x (1, columns) and y (rows, 1) in pixels; signal, bias, texture (rows, columns), blood = 1
    """
    x = np.arange(grid.columns, dtype=np.float64)[None, :]
    y = np.arange(grid.rows, dtype=np.float64)[:, None]
    cut = section(anatomy, grid, position, grid.ed_frame)
    mm = anatomy.spacing_mm
    xm, ym = (x - anatomy.centre[0]) * mm, (y - anatomy.centre[1]) * mm
    return Backdrop(
        x,
        y,
        surroundings(thorax, xm, ym, cut.depth, mm),
        bias_field(thorax, xm, ym),
        texture(thorax, xm, ym, cut.depth),
    )


def _along(cut: Section, angle: float, pixels: float) -> tuple[float, float]:
    """Centre of something `pixels` away from the long axis."""
    return cut.middle[0] + pixels * float(np.cos(angle)), cut.middle[1] + pixels * float(np.sin(angle))


def _right_ventricle(anatomy: Anatomy, cut: Section) -> Curve:
    """A disc beside the left ventricle, which will cover part of it and leave a crescent."""
    mm = anatomy.spacing_mm
    depth = min(max(cut.depth, 0.0), 1.0)
    size = (anatomy.radius_mm + anatomy.wall_mm) * (1.0 - 0.55 * depth**1.5) * (0.88 + 0.12 * cut.full)
    x, y = _along(cut, anatomy.turn, (0.62 * size + 8.0 * (1.0 - depth)) / mm)
    # longer across the line between the ventricles than along it
    return Curve(x, y, size / mm, (complex(-0.16 * np.exp(2j * anatomy.turn)),))


def _paint_ventricles(
    image: FloatImage, anatomy: Anatomy, cut: Section, endo: Curve, epi: Curve, x: FloatImage, y: FloatImage
) -> None:
    mm = anatomy.spacing_mm
    left = epi.distance(x, y)
    right = _right_ventricle(anatomy, cut).distance(x, y)
    hull = np.minimum(left, right - 3.0 / mm)
    groove = np.abs(left - right) * mm
    paint(image, cover(hull - 1.5 / mm, EDGE_PX), LUNG + 0.55 * FAT * np.exp(-((groove / 9.0) ** 2)))
    paint(image, cover(right - 2.5 / mm, EDGE_PX), MUSCLE)
    trabeculae = 1.0 - 0.25 * np.exp(-(((right * mm + 4.0) / 4.0) ** 2))
    paint(image, cover(right, EDGE_PX), 0.9 * BLOOD * trabeculae)
    paint(image, cover(left, EDGE_PX), MYOCARDIUM)
    cavity = endo.distance(x, y)
    flow = 1.0 - 0.06 * (1.0 - cut.full) * np.cos(cavity * mm / 4.0)
    paint(image, cover(cavity, EDGE_PX), BLOOD * flow)
    # papillary muscles, mid-ventricular, counted as cavity by the contours; thicker when the heart contracts
    presence = float(np.clip(1.0 - abs(cut.depth - 0.5) / 0.35, 0.0, 1.0))
    if presence > 0.0:
        radius = endo.radius * (0.13 + 0.05 * (1.0 - cut.full)) * (0.5 + 0.5 * presence)
        for angle in (anatomy.turn + 2.2, anatomy.turn - 2.4):
            centre = _along(cut, angle, 0.60 * endo.radius)
            muscle = cover(ellipse(x, y, centre, (radius, radius)), EDGE_PX)
            paint(image, min(1.0, 2.0 * presence) * muscle, MYOCARDIUM)


def _paint_atria(image: FloatImage, anatomy: Anatomy, cut: Section, x: FloatImage, y: FloatImage) -> None:
    """Above the base: both atria and the aortic root, blood without a thick wall, larger in systole."""
    size = 0.75 * (anatomy.radius_mm + anatomy.wall_mm) * (1.0 + 0.12 * (1.0 - cut.full)) / anatomy.spacing_mm
    chambers = (
        (anatomy.turn - 2.3, 0.55, 1.0, 0.85),
        (anatomy.turn + 0.5, 1.15, 0.9, 0.8),
        (anatomy.turn + 1.7, 0.75, 0.55, 1.0),
    )
    for grown, scale in ((2.5, 0.0), (0.0, 1.0)):
        for angle, away, part, signal in chambers:
            edge = Curve(*_along(cut, angle, away * size), part * size, (0.06 + 0.03j,)).distance(x, y)
            level = MUSCLE if scale == 0.0 else signal * BLOOD
            paint(image, cover(edge - grown / anatomy.spacing_mm, EDGE_PX), level)


def _paint_tip(image: FloatImage, anatomy: Anatomy, cut: Section, x: FloatImage, y: FloatImage) -> None:
    """Below the apex: fat, and in it the end of the muscle without a cavity."""
    shrink = 1.0 / (1.0 + 3.0 * max(0.0, cut.depth - 1.0))
    for radius, level in ((17.0, 0.45 * FAT), (9.0, MYOCARDIUM)):
        edge = Curve(*cut.middle, radius * shrink / anatomy.spacing_mm, (0.1 + 0.05j,)).distance(x, y)
        paint(image, cover(edge, EDGE_PX), level)


def _near(anatomy: Anatomy, cut: Section, grid: Grid) -> tuple[slice, slice]:
    """Rows and columns that hold the whole heart, so that no time goes into the rest."""
    size = (anatomy.radius_mm + anatomy.wall_mm) / anatomy.spacing_mm
    across, down = float(np.cos(anatomy.turn)), float(np.sin(anatomy.turn))
    spans = []
    for middle, lean, stop in ((cut.middle[1], down, grid.rows), (cut.middle[0], across, grid.columns)):
        low = middle + size * (min(lean, 0.0) - 1.6)
        high = middle + size * (max(lean, 0.0) + 1.6)
        spans.append(slice(max(0, int(low)), min(stop, int(high) + 2)))
    return spans[0], spans[1]


def render(
    anatomy: Anatomy,
    contrast: Contrast,
    grid: Grid,
    back: Backdrop,
    position: int,
    frame: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int16]:
    """One image, (rows, columns) int16, 0 or more.

    Parameters
    ----------
    back : the slice's own, from `backdrop`
    position, frame : slice in acquisition order from 0, frame from 1
    rng : the image's own stream, for noise
    """
    cut = section(anatomy, grid, position, frame)
    image = back.signal.copy()
    near_rows, near_columns = _near(anatomy, cut, grid)
    heart, x, y = image[near_rows, near_columns], back.x[:, near_columns], back.y[near_rows]
    if cut.endo is not None and cut.epi is not None:
        _paint_ventricles(heart, anatomy, cut, cut.endo, cut.epi, x, y)
    elif cut.depth < 0.0:
        _paint_atria(heart, anatomy, cut, x, y)
    else:
        _paint_tip(heart, anatomy, cut, x, y)
    image *= back.bias * back.texture * contrast.gain
    noise = rng.standard_normal((2, grid.rows, grid.columns))
    noise *= contrast.noise
    # magnitude of a complex signal with Gaussian noise in both parts: Rician (Gudbjartsson 1995)
    image = np.hypot(image + noise[0], noise[1])
    return np.asarray(np.minimum(np.rint(image), np.iinfo(np.int16).max), dtype=np.int16)
