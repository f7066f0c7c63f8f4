"""Masks that are one piece."""

import numpy as np
from scipy import ndimage

from cmrpipe.model import Mask


def is_solid(mask: Mask) -> bool:
    """Whether a mask is one region without holes; pixels that share an edge are connected."""
    background = np.pad(~mask, 1, constant_values=True)
    return all(ndimage.label(part)[1] == 1 for part in (mask, background))
