"""Random changes of a training sample, by MONAI, each decided by one seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from monai.data.meta_obj import get_track_meta, set_track_meta
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandAffineGrid,
    RandGaussianNoised,
    RandScaleIntensityd,
)
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Strength:
    """How far augmentation goes; 0 turns a change off.

    Attributes
    ----------
    rotation_rad : largest rotation either way, radians
    scaling : largest relative change of size, either way: 0.25 makes a heart up to 1.25 times as large, or as small
    stretch : largest relative change of shape: one axis grows by it and the other shrinks
    shift : largest shift along either axis, as a share of the window's side
    contrast : largest relative change of gamma, and of brightness
    noise : largest standard deviation of Gaussian noise, the image's range being 0 to 1
    """

    rotation_rad: float
    scaling: float
    stretch: float
    shift: float
    contrast: float
    noise: float


class _Moves(RandAffineGrid):
    """Draws a rotation, a change of size, a change of shape and a shift.

    MONAI's own draws the size of each axis alone, and, told a single number, of the first axis only; hearts differ in
    size more than in shape.
    """

    def __init__(self, strength: Strength, size: int) -> None:
        super().__init__()
        self.strength = strength
        self.size = size

    def randomize(self, data: Any = None) -> None:  # noqa: ARG002
        """MONAI calls this for each sample."""
        s = self.strength
        larger, wider = math.log1p(s.scaling), math.log1p(s.stretch)
        angle, zoom, form, down, right = (
            float(self.R.uniform(-most, most)) for most in (s.rotation_rad, larger, wider, s.shift, s.shift)
        )
        self.rotate_params = [angle]
        self.shear_params = []
        self.scale_params = [math.exp(zoom + form), math.exp(zoom - form)]
        self.translate_params = [down * self.size, right * self.size]


class Augment:
    """Changes image and label alike in geometry, and the image alone in intensity.

    Parameters
    ----------
    strength : how far
    size : rows and columns of what comes out; samples may be larger, so that what turns in from outside is there
    """

    def __init__(self, strength: Strength, size: int) -> None:
        s = strength
        moved = RandAffined(
            keys=("image", "label"),
            prob=1.0,
            mode=("bilinear", "nearest"),
            padding_mode=("border", "zeros"),
            cache_grid=True,
            spatial_size=(size, size),
        )
        moved.rand_affine.rand_affine_grid = _Moves(s, size)
        self._transform = Compose(
            [
                moved,
                RandAdjustContrastd(keys="image", prob=0.5, gamma=(1 - s.contrast, 1 + s.contrast)),
                RandScaleIntensityd(keys="image", prob=0.5, factors=s.contrast),
                RandGaussianNoised(keys="image", prob=0.5, std=s.noise, sample_std=True),
            ]
        )

    def __call__(self, image: Tensor, label: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Augment one sample.

        Parameters
        ----------
        image : (1, size + 2 margin, size + 2 margin) float32
        label : (size + 2 margin, size + 2 margin) uint8
        seed : the same seed changes the same sample in the same way, in any process and at any time

        Returns
        -------
        new image (1, size, size) float32 and label (size, size) uint8
        """
        self._transform.set_random_state(seed)
        tracked = get_track_meta()
        set_track_meta(False)  # nobody reads MONAI's metadata here, and keeping it costs a third of the time
        try:
            changed = self._transform({"image": image, "label": label[None].float()})
        finally:
            set_track_meta(tracked)
        return _plain(changed["image"]), _plain(changed["label"])[0].to(torch.uint8)


def _plain(tensor: Tensor) -> Tensor:
    """Drop MONAI's metadata, which no later step reads."""
    return tensor.as_subclass(Tensor)
