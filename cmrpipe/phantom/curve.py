"""Closed borders in polar form, whose area is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmrpipe.model import Points

FloatImage = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """r(θ) = radius · (1 + Σ Re(conj(c_k) · exp(ikθ))) around a centre; k counts from 2.

    Attributes
    ----------
    x, y : centre in pixels, pixel centres at integers from 0
    radius : in pixels
    waves : complex coefficients c_2, c_3, ...; small enough that r stays positive
    """

    x: float
    y: float
    radius: float
    waves: tuple[complex, ...] = ()

    @property
    def area(self) -> float:
        """Area in px²: ½ ∫ r² dθ = π · radius² · (1 + ½ Σ |c_k|²), for a trigonometric polynomial r."""
        return float(np.pi * self.radius**2 * (1.0 + 0.5 * sum(abs(c) ** 2 for c in self.waves)))

    def points(self, count: int, start: float) -> Points:
        """`count` points at equal angles from the angle `start`, (count, 2), x and y in pixels."""
        angle = start + 2.0 * np.pi * np.arange(count) / count
        unit = np.cos(angle) + 1j * np.sin(angle)
        r, _ = self._reach(unit)
        return np.column_stack([self.x + r * unit.real, self.y + r * unit.imag])

    def distance(self, x: FloatImage, y: FloatImage) -> FloatImage:
        """Signed distance in pixels, negative inside, exact to first order near the border.

        Parameters
        ----------
        x, y : coordinates in pixels, any one shape
        """
        dx, dy = x - self.x, y - self.y
        rho = np.maximum(np.hypot(dx, dy), 1e-9)
        reach, slope = self._reach(np.asarray((dx + 1j * dy) / rho))
        # the level set ρ - r(θ) = 0 has gradient length sqrt(1 + (r'/ρ)²)
        return np.asarray((rho - reach) / np.hypot(1.0, slope / np.maximum(rho, 0.3 * self.radius)))

    def _reach(self, unit: npt.NDArray[np.complex128]) -> tuple[FloatImage, FloatImage]:
        """Radius r and dr/dθ in the directions `unit` = exp(iθ)."""
        reach, slope = np.ones(unit.shape), np.zeros(unit.shape)
        power = unit
        for k, c in enumerate(self.waves, start=2):
            power = power * unit
            reach += c.real * power.real + c.imag * power.imag
            slope += k * (c.imag * power.real - c.real * power.imag)
        return self.radius * reach, self.radius * slope
