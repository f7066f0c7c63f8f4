"""Connected regions of masks."""

from __future__ import annotations

import numpy as np

from cmrpipe.model import Mask


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
