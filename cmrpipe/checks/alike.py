"""One person under two ids whose images were exported again: other pixels, the same pictures.

A window, 8 bits in place of 16, compression, another matrix: equal pixels (see `twopatients`) no longer tell, and the
person would be learnt from and tested on. Of every contoured image it is kept where it is brighter than its
surroundings, on a coarse grid; patients are held against each other by these. Images that were cut, padded, turned or
mirrored are other pictures to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.layouts import DICOMS
from cmrpipe.model import Finding, Sample

GRID = 32
"""Cells of the coarse grid, along rows and along columns."""
PLAIN = 0.02
"""Difference from the surroundings, in standard deviations of the cells, below which a cell says nothing."""
FEWEST = 150
"""Cells that must say something in both images."""
ASKED = 2
"""Images of each patient that are held against all images of all others."""
_FIRST = (0, 4, 8, 12)
"""Words that are compared first: every fourth column of cells."""
_MARGIN = 0.35
"""How much less they may agree than all of them must."""

Look: TypeAlias = tuple[str, str]
"""Path of an image, and its cells as hexadecimal digits: which say something, which of them are the brighter ones."""
Words: TypeAlias = npt.NDArray[np.uint64]


def picture(image: npt.NDArray[np.generic]) -> str:
    """Cells of an image (rows, cols) that say something, and those brighter than the eight around them; two bits each.

    Means of whole cells, so that size and noise count for little. Empty where fewer than `FEWEST` cells say something.
    """
    if min(image.shape) < GRID:
        return ""
    cells = _means(_means(image.astype(np.float64)).T).T
    padded = np.pad(cells, 1, mode="edge")
    around = sum(padded[i : i + GRID, j : j + GRID] for i in range(3) for j in range(3)) / 9
    above = cells - around
    says = np.abs(above) > PLAIN * cells.std()
    if says.sum() < FEWEST:
        return ""
    # a word is two columns of cells, so that a few words are a look at the whole image
    bits = [np.packbits(part.reshape(-1, GRID // 2).T) for part in (says, (above > 0) & says)]
    return np.concatenate(bits).tobytes().hex()


def _means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means of values (n, m) over `GRID` equal parts of the first axis, whose ends need not lie between two rows."""
    n = len(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    whole, part = np.divmod(np.arange(GRID + 1) * n, GRID)
    upto = sums[whole] + part[:, None] / GRID * (sums[np.minimum(whole + 1, n)] - sums[whole])
    return np.asarray(np.diff(upto, axis=0) * GRID / n)


def looks(samples: Sequence[Sample]) -> list[Look]:
    """What is kept of a patient's contoured images, in their order; not of those that cannot be read or say nothing."""
    found = ((s.record.path, picture(np.asarray(s.image))) for s in samples if s.image is not None)
    return [look for look in found if look[1]]


@dataclass(frozen=True, slots=True, eq=False)
class _Pictures:
    """Images, a row each.

    Attributes
    ----------
    says, brighter : (n, 16) uint64
    """

    says: Words
    brighter: Words

    def __getitem__(self, rows: slice | int) -> _Pictures:
        some = slice(rows, rows + 1) if isinstance(rows, int) else rows
        return _Pictures(self.says[some], self.brighter[some])

    def agreement(self, others: _Pictures, words: Sequence[int] | slice = slice(None)) -> npt.NDArray[np.float64]:
        """Of one picture with each of others, -1 to 1: cells that agree less those that do not, of those that say both.

        0 where too few cells say something in both.
        """
        both = self.says[:, words] & others.says[:, words]
        differ = (self.brighter[:, words] ^ others.brighter[:, words]) & both
        cells, other = (np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for bits in (both, differ))
        fewest = FEWEST * both.shape[1] / self.says.shape[1] / 2 if words != slice(None) else FEWEST
        return np.where(cells >= fewest, 1 - 2 * other / np.maximum(cells, 1), 0.0)


def _read(texts: Sequence[str]) -> _Pictures:
    data = np.frombuffer(bytes.fromhex("".join(texts)), np.uint64).reshape(len(texts), 2, -1)
    return _Pictures(np.ascontiguousarray(data[:, 0]), np.ascontiguousarray(data[:, 1]))


def _asked(count: int) -> list[int]:
    """Which of a patient's images are held against others': spread over them."""
    return sorted({round((k + 1) * (count - 1) / (ASKED + 1)) for k in range(ASKED)})


def check_alike(
    looks_of: Mapping[str, Sequence[Look]], known: Collection[tuple[str, str]], alike: float
) -> Iterator[Finding]:
    """Patients that look like another one: a finding for each of them, with the one that is most like it.

    Parameters
    ----------
    looks_of : by patient (see `looks`)
    known : patients, in twos, of whom it is told already that they have images in common
    alike : agreement from which two images are one picture
    """
    names = sorted(name for name, own in looks_of.items() if own)
    if len(names) < 2:
        return
    flat = [(name, path) for name in names for path, _ in looks_of[name]]
    pictures = _read([text for name in names for _, text in looks_of[name]])
    first = np.cumsum([0, *(len(looks_of[name]) for name in names)])
    told = {two for one, other in known for two in ((one, other), (other, one))}
    others: dict[str, dict[str, tuple[float, str, str]]] = {}
    for name, start, stop in zip(names, first, first[1:], strict=False):
        for row in _asked(int(stop - start)):
            at = int(start) + row
            for place, value in _same(pictures, at, alike):
                other, path = flat[place]
                if other != name and (name, other) not in told:
                    for a, b, best in (
                        (name, other, (value, flat[at][1], path)),
                        (other, name, (value, path, flat[at][1])),
                    ):
                        known_best = others.setdefault(a, {}).get(b)
                        others[a][b] = best if known_best is None else max(known_best, best)
    for name, by_other in sorted(others.items()):
        yield _told(name, by_other, len(looks_of[name]))


def _same(pictures: _Pictures, at: int, alike: float) -> Iterator[tuple[int, float]]:
    """Rows of the pictures that are the same as that of row `at`, and how far they agree."""
    one = pictures[at]
    some = np.flatnonzero(one.agreement(pictures, _FIRST) >= alike - _MARGIN)
    values = one.agreement(_Pictures(pictures.says[some], pictures.brighter[some]))
    return ((int(row), float(value)) for row, value in zip(some, values, strict=True) if value >= alike)


def _told(patient: str, others: Mapping[str, tuple[float, str, str]], images: int) -> Finding:
    other, (value, image, twin) = max(others.items(), key=lambda item: (item[1][0], item[0]))
    further = len(others) - 1
    more = f" and {further} further patient{'' if further == 1 else 's'}" if further else ""
    return finding(
        Code.PATIENTS_ALIKE,
        f"{patient} and {other}{more} seem to be one person: {image} and {twin} are one picture but for brightness, "
        f"size or noise (agreement {value:.2f} of 1). Keep one; where they are two people, overrule with `keep`.",
        patient_id=patient,
        path=f"{DICOMS}/{patient}",
        other_patient=other,
        patients=len(others),
        image=image,
        same_as=twin,
        agreement=round(value, 4),
        contoured_images=images,
    )
