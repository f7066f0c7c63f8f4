"""Connected regions and holes of masks."""

from __future__ import annotations

import numpy as np

from cmrpipe.model import Mask


def count_regions(mask: Mask) -> int:
    """Number of connected regions of set pixels; pixels that share an edge are connected (4-neighbourhood).

    Runs of set pixels along the rows are joined with the runs of the row above that they overlap (union-find).
    """
    if mask.size == 0:
        return 0
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    above = np.searchsorted(rows, rows - 1, side="left")
    own = np.searchsorted(rows, rows, side="left")
    for run in range(len(rows)):
        for other in range(above[run], own[run]):
            if starts[other] < ends[run] and starts[run] < ends[other]:
                parent[root(run)] = root(other)
    return sum(parent[run] == run for run in range(len(rows)))


def joined(mask: Mask, seed: Mask) -> Mask:
    """The set pixels of `mask` that are connected (4-neighbourhood, within `mask`) with its set pixels in `seed`."""
    found = mask & seed
    while True:
        grown = found.copy()
        grown[1:] |= found[:-1]
        grown[:-1] |= found[1:]
        grown[:, 1:] |= found[:, :-1]
        grown[:, :-1] |= found[:, 1:]
        grown &= mask
        if np.array_equal(grown, found):
            return found
        found = grown


def is_solid(mask: Mask) -> bool:
    """Whether a mask is one connected region without holes; an empty one is not."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return False
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    background = np.pad(~mask, 1, constant_values=True)
    return count_regions(mask) == 1 and count_regions(background) == 1
