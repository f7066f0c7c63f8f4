"""What surrounds the heart: chest wall, lungs, liver, stomach, aorta, and the receive coils' bias field.

Painted back to front with soft edges, in millimetres about the long axis (x to the image's right, y down).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float64]

AIR, LUNG, MUSCLE, MYOCARDIUM, LIVER, STOMACH, FAT, BLOOD = 0.0, 0.035, 0.27, 0.30, 0.36, 0.50, 0.95, 1.0
"""Signal of tissues in balanced SSFP, blood = 1; by eye from the Sunnybrook images."""


@dataclass(frozen=True, slots=True)
class Thorax:
    """One patient's surroundings.

    Attributes
    ----------
    lean : rotation of the chest, radians
    chest_mm : distance of the chest wall from the heart, to the left and upwards
    dome : height, slope and curvature of the diaphragm
    vessels : (n, 5) lung vessels: x, y, place along the long axis, radius (mm), brightness
    spots : (n, 5) liver vessels, the same
    texture : (n, 4) waves of tissue texture: direction and frequency (1/mm, x and y), phase, amplitude
    bias : coefficients of the log bias field: x, y, xx, xy, yy, per 100 mm
    """

    lean: float
    chest_mm: tuple[float, float]
    dome: tuple[float, float, float]
    vessels: FloatImage
    spots: FloatImage
    texture: FloatImage
    bias: tuple[float, float, float, float, float]


def _blobs(rng: np.random.Generator, count: int, low: tuple[float, ...], high: tuple[float, ...]) -> FloatImage:
    return np.asarray(rng.uniform(low, high, (count, 5)))


def draw_thorax(rng: np.random.Generator) -> Thorax:
    """Draw a patient's surroundings."""
    return Thorax(
        lean=rng.uniform(-0.45, -0.15),
        chest_mm=(rng.uniform(104.0, 118.0), rng.uniform(80.0, 94.0)),
        dome=(rng.uniform(44.0, 52.0), rng.uniform(-0.08, 0.12), rng.uniform(0.0008, 0.0022)),
        vessels=_blobs(rng, 110, (-60.0, -90.0, -0.3, 1.2, 0.08), (130.0, 60.0, 1.3, 2.6, 0.45)),
        spots=_blobs(rng, 24, (-110.0, 45.0, -0.3, 1.5, 0.1), (60.0, 120.0, 1.3, 3.5, 0.4)),
        texture=np.asarray(
            rng.uniform((-0.06, -0.06, 0.0, 0.01), (0.06, 0.06, 2.0 * np.pi, 0.03), (8, 4))  # waves of 12 mm and longer
        ),
        bias=(
            rng.uniform(-0.25, 0.0),
            rng.uniform(-0.35, -0.1),
            rng.uniform(-0.1, 0.1),
            rng.uniform(-0.1, 0.1),
            rng.uniform(0.0, 0.15),
        ),
    )


def cover(distance: FloatImage, width: float) -> FloatImage:
    """How much of each pixel lies inside: 1 deep inside, 0.5 on the border, 0 outside, over a ramp of `width`."""
    c = np.clip(0.5 - distance / width, 0.0, 1.0)
    return np.asarray(c * c * (3.0 - 2.0 * c))


def paint(image: FloatImage, mask: FloatImage, signal: float | FloatImage) -> None:
    """Cover `image` (changed in place) with `signal` where `mask` is."""
    image += mask * (signal - image)


def ellipse(x: FloatImage, y: FloatImage, centre: tuple[float, float], half: tuple[float, float]) -> FloatImage:
    """Signed distance to an ellipse, first order, in the coordinates' unit."""
    u, v = (x - centre[0]) / half[0], (y - centre[1]) / half[1]
    level = np.hypot(u, v)
    slope = np.hypot(u / half[0], v / half[1]) / np.maximum(level, 1e-6)
    return np.asarray((level - 1.0) / np.maximum(slope, 1e-6))


def _add_blobs(image: FloatImage, x: FloatImage, y: FloatImage, depth: float, blobs: FloatImage) -> None:
    for bx, by, place, radius, brightness in blobs.tolist():
        strength = brightness * np.exp(-(((depth - place) / 0.12) ** 2))
        if strength < 0.01 * brightness:
            continue
        # a Gaussian in x times one in y: one exponential a row and a column instead of one a pixel
        ex = np.exp(-(((x - bx) / radius) ** 2))
        ey = np.exp(-(((y - by) / radius) ** 2))
        image += strength * ey * ex


def texture(thorax: Thorax, x: FloatImage, y: FloatImage, depth: float) -> FloatImage:
    """Multiplicative tissue texture about 1, (rows, columns)."""
    total = np.ones(np.broadcast_shapes(x.shape, y.shape))
    for fx, fy, phase, amplitude in thorax.texture.tolist():
        total += amplitude * np.cos(2.0 * np.pi * (fx * x + fy * y) + phase + 6.0 * depth)
    return total


def bias_field(thorax: Thorax, x: FloatImage, y: FloatImage) -> FloatImage:
    """Smooth, positive sensitivity of the coils, (rows, columns), 1 at the heart."""
    u, v = x / 100.0, y / 100.0
    bx, by, bxx, bxy, byy = thorax.bias
    return np.asarray(np.exp(np.clip(bx * u + by * v + bxx * u * u + bxy * u * v + byy * v * v, -0.9, 0.9)))


def surroundings(thorax: Thorax, x: FloatImage, y: FloatImage, depth: float, pixel_mm: float) -> FloatImage:
    """Signal of everything but the heart, (rows, columns), blood = 1.

    Parameters
    ----------
    x : (1, columns) and y : (rows, 1), millimetres from the ventricle's long axis
    depth : place of the slice along the long axis, 0 base, 1 apex
    pixel_mm : pixel size; edges are as soft as 1.4 pixels
    """
    soft = 1.4 * pixel_mm
    shape = np.broadcast_shapes(x.shape, y.shape)
    image = np.full(shape, AIR)
    cos, sin = np.cos(thorax.lean), np.sin(thorax.lean)
    u, v = cos * x + sin * y, cos * y - sin * x

    half = (165.0, 125.0)
    middle = (half[0] - thorax.chest_mm[0] - 8.0 * depth, half[1] - thorax.chest_mm[1] + 6.0 * depth)
    skin = ellipse(u, v, middle, half)
    ribs = skin + 15.0 + 5.0 * np.sin(u / 31.0) + 2.0 * depth
    paint(image, cover(skin, soft), FAT)
    paint(image, cover(ribs, soft), MUSCLE)
    paint(image, cover(ribs + 12.0 + 3.0 * np.cos(u / 23.0 + 3.0 * depth), soft), LUNG)
    inside = cover(ribs + 15.0, 6.0)
    vessels = np.zeros(shape)
    _add_blobs(vessels, x, y, depth, thorax.vessels)
    image += inside * vessels

    height, slope, curvature = thorax.dome
    dome = height - 7.0 * depth + slope * x + curvature * (x + 25.0) ** 2 - y
    below = inside * cover(dome, soft)
    liver = np.full(shape, LIVER)
    _add_blobs(liver, x, y, depth, thorax.spots)
    paint(image, inside * cover(dome - 2.5, soft), 0.5 * FAT)
    paint(image, below * cover(dome + 1.5, soft), liver)
    stomach = ellipse(x, y, (34.0 + 12.0 * depth, height + 34.0 - 5.0 * depth), (34.0, 20.0 + 5.0 * depth))
    paint(image, below * cover(stomach - 3.0, soft), FAT * 0.8)
    paint(image, below * cover(stomach, soft), STOMACH)

    aorta = ellipse(x, y, (64.0 - 10.0 * depth, 38.0 + 6.0 * depth), (11.5, 11.5))
    paint(image, cover(aorta - 2.0, soft), MUSCLE)
    paint(image, cover(aorta, soft), 0.9 * BLOOD)
    return image
