"""Why contours do not fit their images: causes that are known to happen are tried, and the likeliest one is named.

Tried are, in this order: x and y exchanged, left and right, up and down, or both exchanged; another frame's or another
slice's image; a shift. A cause explains when the contours fit with it (and, for a single contour, when its centre comes
to lie where its neighbours let expect it). The order decides among causes that fit alike: what needs no number is
likelier than what has one to choose. Nothing is ever applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cmrpipe.checks.fit import Image, Pixels, fit, inside, shifted_fits
from cmrpipe.geometry import centroid
from cmrpipe.model import ImageRecord, Points
from cmrpipe.nouns import counted

EXPLAINS = 0.9
"""Fit from which on a cause explains ..."""
GAINS = 0.2
"""... if it is better than the contours as they stand by this much; a contour that lies beside its place need not."""
ALIKE = 0.05
"""Fits that differ by less are alike."""
NEAR = 0.35
"""Distance from the expected centre, in cavity radii, up to which a contour lies where it should."""
REACH_PX, COARSE_PX = 24, 3
"""Largest shift tried, pixels either way, and the steps of a first look."""
LOOKED_AT = 6
"""Of a whole patient, so many contours are tried on other images."""

Change = Callable[[Points, tuple[int, int]], Points]

EXCHANGES: Mapping[str, Change] = {
    "x and y exchanged": lambda p, _: p[:, ::-1],
    "left and right exchanged": lambda p, shape: np.column_stack([shape[1] - 1 - p[:, 0], p[:, 1]]),
    "up and down exchanged": lambda p, shape: np.column_stack([p[:, 0], shape[0] - 1 - p[:, 1]]),
    "left and right, up and down exchanged": lambda p, shape: np.array([shape[1] - 1, shape[0] - 1]) - p,
}
"""What can be wrong with coordinates, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """A contour that is thought not to fit.

    Attributes
    ----------
    image : (rows, columns) of its own record
    points : (n, 2)
    expected : centre (x, y) and radius of the cavity as the neighbours let expect them; None when they do not tell
    """

    record: ImageRecord
    image: Image
    points: Points
    expected: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """The likeliest cause.

    Attributes
    ----------
    name : for the message; "" when nothing that was tried explains it
    fit : median fit with it, or with the nearest
    nearest : what fits best of all that was tried
    tried : median fit with each cause that was tried, and what was chosen for those with a choice
    """

    name: str
    fit: float
    nearest: str
    tried: dict[str, float | int | str] = field(default_factory=dict)


def _near(suspect: Suspect, points: Points) -> bool:
    if suspect.expected is None:
        return True
    x, y, radius = suspect.expected
    at = centroid(points)
    return bool(np.hypot(at[0] - x, at[1] - y) <= NEAR * max(radius, 1.0))


def _median_fit(suspects: Sequence[Suspect], changed: Sequence[Points]) -> float:
    return float(np.median([fit(s.image, p) for s, p in zip(suspects, changed, strict=True)]))


def _exchanges(suspects: Sequence[Suspect]) -> dict[str, tuple[float, bool]]:
    found = {}
    for name, change in EXCHANGES.items():
        changed = [change(s.points, (s.image.shape[0], s.image.shape[1])) for s in suspects]
        near = all(_near(s, p) for s, p in zip(suspects, changed, strict=True))
        found[name] = (_median_fit(suspects, changed), near)
    return found


def _square(reach: int, step: int) -> npt.NDArray[np.float64]:
    """Shifts (x, y) on a square grid, (m, 2), the shortest first."""
    along = np.arange(-reach, reach + 1, step, dtype=np.float64)
    moves = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    return np.asarray(moves[np.argsort(np.hypot(moves[:, 0], moves[:, 1]), kind="stable")])


def _shift(suspects: Sequence[Suspect]) -> tuple[int, int, float, bool]:
    """The common shift (x, y) with the best mean fit, the median fit there, and whether it leads where expected."""
    at = np.zeros(2)
    for reach, step in ((REACH_PX, COARSE_PX), (COARSE_PX, 1)):
        moves = at + _square(reach, step)
        total = np.sum([shifted_fits(s.image, s.points, moves) for s in suspects], axis=0)
        at = moves[int(total.argmax())]
    moved = [s.points + at for s in suspects]
    near = all(_near(s, p) for s, p in zip(suspects, moved, strict=True))
    return int(at[0]), int(at[1]), _median_fit(suspects, moved), near


def _other_images(
    suspects: Sequence[Suspect], images: Mapping[tuple[int, int], ImageRecord], pixels: Pixels
) -> tuple[str, float] | None:
    """The step to another frame or slice at which the contours fit best, as words, and the median fit there."""
    if not images or any(s.expected is not None for s in suspects):
        return None  # its neighbours fit at their place, so it is not the numbering
    chosen = suspects[:: -(-len(suspects) // LOOKED_AT)]
    last = max(frame for _, frame in images)
    steps = [(0, d) for k in range(1, last // 2 + 1) for d in (k, -k)] + [(d, 0) for d in (1, -1, 2, -2)]
    best: tuple[str, float] | None = None
    for over, on in steps:
        fits = []
        for s in chosen:
            index, frame = s.record.slice_index, s.record.frame
            if index is None or frame is None:
                continue
            record = images.get((index + over, (frame + on - 1) % last + 1))
            image = pixels(record) if record is not None else None
            if image is not None and inside(s.points, image.shape):
                fits.append(fit(image, s.points))
        if 2 * len(fits) > len(chosen):
            value = float(np.median(fits))
            name = f"the image {abs(on)} frames {'later' if on > 0 else 'earlier'}"
            if over:
                name = f"the image {counted(abs(over), 'slice')} {'further' if over > 0 else 'before'}"
            if best is None or value > best[1] + ALIKE:
                best = (name, value)
    return best


def find_cause(
    suspects: Sequence[Suspect], now: float, images: Mapping[tuple[int, int], ImageRecord], pixels: Pixels
) -> Cause:
    """The likeliest cause that these contours, one or all of a patient, do not fit.

    Parameters
    ----------
    suspects : contours that share the cause
    now : their median fit as they stand
    images : the patient's images by slice and frame
    pixels : reads an image
    """
    tried: dict[str, float | int | str] = {}
    options: list[tuple[str, float]] = []
    for name, (value, near) in _exchanges(suspects).items():
        tried[f"fit with {name}"] = round(value, 3)
        if near:
            options.append((name, value))
    other = _other_images(suspects, images, pixels)
    if other is not None:
        tried["best other image"], tried["fit there"] = other[0], round(other[1], 3)
        options.append((f"drawn on {other[0]}", other[1]))
    x, y, value, near = _shift(suspects)
    tried.update({"shift_x_px": x, "shift_y_px": y, "fit with shift": round(value, 3)})
    if near and max(abs(x), abs(y)) < REACH_PX:
        options.append((f"shifted by {-x:+d}, {-y:+d} pixels (x, y)", value))
    best = max((value for _, value in options), default=now)
    name, value = next(((name, value) for name, value in options if value >= best - ALIKE), ("", now))
    beside = all(s.expected is not None and not _near(s, s.points) for s in suspects)
    explains = best >= EXPLAINS and (beside or best >= now + GAINS)
    return Cause(name if explains else "", value, name, tried)
