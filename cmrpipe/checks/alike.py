"""One person under two ids whose images were exported again: other pixels, the same pictures.

A window, 8 bits in place of 16, compression, another matrix: equal pixels (see `twopatients`) no longer tell, and the
person would be learnt from and tested on. Of every contoured image it is kept where it is brighter than its
surroundings, on a coarse grid; patients are held against each other by these. Images that were cut, padded, turned or
mirrored are other pictures to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from cmrpipe.checks.finding import finding, of_patient
from cmrpipe.checks.twopatients import pixel_mark
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, Sample
from cmrpipe.nouns import counted

GRID = 32
"""Cells of the coarse grid, along rows and along columns."""
PLAIN = 0.02
"""Difference from the surroundings, in standard deviations of the cells, below which a cell says nothing."""
FEWEST = 150
"""Cells that must say something in both images."""
BANDS, BITS = 5, 18
"""Keys of an image, and how many signs each is made of: images are held against those that have one of theirs."""
SHARING = 64
"""Images of one key that each further one is held against, at most."""
CROWD = 8
"""Patients that one is held against image by image, at most: those that are most like it."""
_ROUNDING = 1e-9
"""What is smaller is 0, with whatever rounding."""
_CHUNK = 100_000
"""Pairs of images at a time."""
_WAVES = [(u, v) for u in range(16) for v in range(16) if 4 <= u + v < 14]
"""Half waves down and across an image that keys are made of: neither the coarsest, which hearts share, nor noise."""
_ORDER = (np.arange(BANDS * BITS) * 37 % len(_WAVES)).reshape(BANDS, BITS)
_COSINES = np.cos(np.pi * (np.arange(GRID) + 0.5) * np.arange(16)[:, None] / GRID)


class Look(NamedTuple):
    """What is kept of a contoured image.

    Attributes
    ----------
    path : of the image
    mark : equal where pixels are (see `cmrpipe.checks.twopatients`)
    cells : hexadecimal digits, a bit a cell: which say something, then which of them are brighter than around them
    keys : numbers; images of which one is equal at its place may be one picture
    """

    path: str
    mark: str
    cells: str
    keys: tuple[int, ...]


Words: TypeAlias = npt.NDArray[np.uint64]
Pair: TypeAlias = tuple[float, Look, Look]


def picture(image: npt.NDArray[np.generic]) -> tuple[str, tuple[int, ...]] | None:
    """Cells and keys (see `Look`) of an image (rows, cols); None where fewer than `FEWEST` cells say something.

    Cells are means, so that size and noise count for little. A cell is held against the eight around it, and where
    that difference is large counts for no more than where it is clear: so that brightness counts for little.
    """
    if min(image.shape) < GRID:
        return None
    cells = _means(_means(image.astype(np.float64)).T).T
    padded = np.pad(cells, 1, mode="edge")
    around = sum(padded[i : i + GRID, j : j + GRID] for i in range(3) for j in range(3)) / 9
    above, spread = cells - around, cells.std()
    says = np.abs(above) > PLAIN * spread
    if says.sum() < FEWEST:
        return None
    bits = [np.packbits(part) for part in (says, (above > 0) & says)]
    waves = _COSINES @ (above / (np.abs(above) + 0.1 * spread)) @ _COSINES.T
    signs = np.array([waves[at] > _ROUNDING for at in _WAVES])
    keys = signs[_ORDER] @ (1 << np.arange(BITS))
    return np.concatenate(bits).tobytes().hex(), tuple(int(key) for key in keys)


def _means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means of values (n, m) over `GRID` equal parts of the first axis, whose ends need not lie between two rows."""
    n = len(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    whole, part = np.divmod(np.arange(GRID + 1) * n, GRID)
    upto = sums[whole] + part[:, None] / GRID * (sums[np.minimum(whole + 1, n)] - sums[whole])
    return np.asarray(np.diff(upto, axis=0) * GRID / n)


def looks(samples: Sequence[Sample]) -> list[Look]:
    """What is kept of a patient's contoured images, in their order; not of those that cannot be read or say nothing."""
    found = ((s.record, picture(np.asarray(s.image))) for s in samples if s.image is not None)
    return [Look(record.path, pixel_mark(record), *seen) for record, seen in found if seen is not None]


@dataclass(frozen=True, slots=True, eq=False)
class _Pictures:
    """Images, a row each.

    Attributes
    ----------
    says, brighter : (n, 16) uint64
    """

    says: Words
    brighter: Words

    def __getitem__(self, rows: slice | npt.NDArray[np.intp]) -> _Pictures:
        return _Pictures(self.says[rows], self.brighter[rows])

    def agreement(self, others: _Pictures) -> npt.NDArray[np.float64]:
        """Of each picture with that of others at its place (or of one with each), -1 to 1.

        Cells that agree less those that do not, of those that say something in both; 0 where these are too few.
        """
        both = self.says & others.says
        differ = (self.brighter ^ others.brighter) & both
        cells, other = (np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for bits in (both, differ))
        return np.where(cells >= FEWEST, 1 - 2 * other / np.maximum(cells, 1), 0.0)


def _read(some: Sequence[Look]) -> _Pictures:
    data = np.frombuffer(bytes.fromhex("".join(look.cells for look in some)), np.uint64).reshape(len(some), 2, -1)
    return _Pictures(data[:, 0], data[:, 1])


def check_alike(looks_of: Mapping[str, Sequence[Look]], alike: float) -> Iterator[Finding]:
    """Patients that look like another one, and images that are another patient's picture.

    A patient is told, and filed under the patient, where half of the contoured images (of the one that has fewer) or
    more are pictures of the other's; else each such image is. Images with equal pixels are the business of
    `cmrpipe.checks.twopatients` and do not count.

    Parameters
    ----------
    looks_of : by patient (see `looks`)
    alike : agreement from which two images are one picture
    """
    names = sorted(name for name, own in looks_of.items() if own)
    if len(names) < 2:
        return
    alone: set[str] = set()
    whole: dict[str, list[tuple[int, float, str]]] = defaultdict(list)
    for one, other in _candidates({name: looks_of[name] for name in names}, alike):
        pairs, fewest = _one_by_one(looks_of[one], looks_of[other], alike)
        if not pairs:
            continue
        if 2 * len(pairs) >= fewest:
            best = max(value for value, *_ in pairs)
            whole[one].append((len(pairs), best, other))
            whole[other].append((len(pairs), best, one))
            continue
        for value, image, twin in pairs:
            for name, path, theirs, same in ((one, image.path, other, twin.path), (other, twin.path, one, image.path)):
                if path not in alone:
                    alone.add(path)
                    yield _image_told(name, path, theirs, same, value)
    for name, others in sorted(whole.items()):
        yield _told(name, sorted(others, reverse=True), len(looks_of[name]))


def _candidates(looks_of: Mapping[str, Sequence[Look]], alike: float) -> list[tuple[str, str]]:
    """Patients, in twos, who have an image each with a key in common that are alike."""
    owners = [name for name, own in looks_of.items() for _ in own]
    every = [look for own in looks_of.values() for look in own]
    pictures, rows = _read(every), _sharing(owners, every)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        values = pictures[some[:, 0]].agreement(pictures[some[:, 1]])
        for at in np.flatnonzero(values >= alike):
            one, other = (owners[row] for row in some[at])
            for name, theirs in ((one, other), (other, one)):
                found[name][theirs] = max(float(values[at]), found[name].get(theirs, 0.0))
    near = ((name, _nearest(others)) for name, others in found.items())
    return sorted({(min(name, other), max(name, other)) for name, others in near for other in others})


def _nearest(others: Mapping[str, float]) -> list[str]:
    return sorted(others, key=lambda other: (-others[other], other))[:CROWD]


def _sharing(owners: Sequence[str], every: Sequence[Look]) -> npt.NDArray[np.intp]:
    """Rows of images of two patients with a key in common and other pixels, (n, 2)."""
    found: set[tuple[int, int]] = set()
    for band in range(BANDS):
        groups: dict[int, list[int]] = defaultdict(list)
        for row, look in enumerate(every):
            group = groups[look.keys[band]]
            for one in group[:SHARING]:
                equal = look.mark != "" and look.mark == every[one].mark
                if owners[one] != owners[row] and not equal:
                    found.add((one, row))
            group.append(row)
    return np.array(sorted(found), dtype=np.intp).reshape(-1, 2)


def _one_by_one(one: Sequence[Look], other: Sequence[Look], alike: float) -> tuple[list[Pair], int]:
    """Images of one patient that are pictures of another's, each with the likest; how many there could be.

    Without images whose pixels the other patient has, too.
    """
    both = {look.mark for look in one if look.mark} & {look.mark for look in other}
    mine, theirs = ([look for look in own if look.mark not in both] for own in (one, other))
    if not mine or not theirs:
        return [], 0
    pictures, others = _read(mine), _read(theirs)
    found: list[Pair] = []
    for i, look in enumerate(mine):
        values = pictures[i : i + 1].agreement(others)
        best = int(values.argmax())
        if values[best] >= alike:
            found.append((float(values[best]), look, theirs[best]))
    return found, min(len(mine), len(theirs))


def _told(patient: str, others: Sequence[tuple[int, float, str]], images: int) -> Finding:
    count, value, other = others[0]
    further = len(others) - 1
    more = f" and {counted(further, 'further patient')}" if further else ""
    return of_patient(
        Code.PATIENTS_ALIKE,
        patient,
        f"{patient} and {other}{more} seem to be one person: {count} contoured images are one picture in both but for "
        f"brightness, size or noise (agreement up to {value:.2f} of 1). Keep one of them; where they are two people, "
        "overrule with `keep`.",
        other_patient=other,
        patients=len(others),
        alike=count,
        agreement=round(value, 4),
        contoured_images=images,
    )


def _image_told(patient: str, path: str, other: str, twin: str, value: float) -> Finding:
    return finding(
        Code.PATIENTS_ALIKE,
        f"{path} is the picture of {twin} of {other} but for brightness, size or noise (agreement {value:.2f} of 1). "
        "Find out whose image it is, and fetch the other's; where both are right, overrule with `keep`.",
        patient_id=patient,
        path=path,
        other_patient=other,
        same_as=twin,
        agreement=round(value, 4),
    )
