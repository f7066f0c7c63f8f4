"""Several looks at one image, and how far they agree (test-time augmentation).

Every image is shown as it is, and turned and a little larger or smaller; answers are brought back and averaged. Where
the answers differ, the model is unsure: turning an image changes nothing about the heart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from cmrpipe.model import Label


class Look(NamedTuple):
    """How an image is shown: turned by degrees, and so many times as large."""

    degrees: float = 0.0
    zoom: float = 1.0

    def back(self) -> Look:
        """The look that undoes this one."""
        return Look(-self.degrees, 1 / self.zoom)


PLAIN = Look()
_MORE = 1.15
LOOKS = (
    PLAIN,
    Look(15, 1 / _MORE),
    Look(-15, _MORE),
    Look(30, _MORE),
    Look(-30, 1 / _MORE),
    Look(45),
    Look(-45),
)


def shown(images: Tensor, look: Look) -> Tensor:
    """Images (n, k, size, size) turned and zoomed about their centre; what comes in from outside repeats the border."""
    if look == PLAIN:
        return images
    cos, sin = (f(math.radians(look.degrees)) / look.zoom for f in (math.cos, math.sin))
    matrix = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]], dtype=images.dtype, device=images.device)
    grid = functional.affine_grid(matrix.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _dice(a: Tensor, b: Tensor) -> Tensor:
    """Dice coefficients of masks (n, size, size), 1 where both are empty."""
    both, total = (a & b).sum(dim=(1, 2)), a.sum(dim=(1, 2)) + b.sum(dim=(1, 2))
    return torch.where(total > 0, 2 * both / total.clamp(min=1), torch.ones_like(both, dtype=torch.float32))


def agreement(looks: Sequence[Tensor]) -> Tensor:
    """Mean Dice over pairs of looks (n, 3, size, size), of cavity and of heart; (n,)."""
    if len(looks) < 2:
        return torch.ones(len(looks[0]))
    cavities = [look[:, Label.CAVITY] > 0.5 for look in looks]
    hearts = [look[:, Label.BACKGROUND] < 0.5 for look in looks]
    pairs = [(i, j) for i in range(len(looks)) for j in range(i)]
    found = [_dice(masks[i], masks[j]) for masks in (cavities, hearts) for i, j in pairs]
    return torch.stack(found).mean(dim=0)
