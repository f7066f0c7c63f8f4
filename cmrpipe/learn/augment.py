"""Random changes of a training sample, by MONAI, each decided by one seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from monai.data.meta_obj import get_track_meta, set_track_meta
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
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
    scaling : largest relative change of size
    shift : largest shift, as a share of the window's side
    contrast : largest relative change of gamma, and of brightness
    noise : largest standard deviation of Gaussian noise, the image's range being 0 to 1
    """

    rotation_rad: float
    scaling: float
    shift: float
    contrast: float
    noise: float


class Augment:
    """Changes image and label alike in geometry, and the image alone in intensity.

    Parameters
    ----------
    strength : how far
    size : rows and columns of what comes out; samples may be larger, so that what turns in from outside is there
    """

    def __init__(self, strength: Strength, size: int) -> None:
        s = strength
        self._transform = Compose(
            [
                RandAffined(
                    keys=("image", "label"),
                    prob=1.0,
                    rotate_range=s.rotation_rad,
                    scale_range=s.scaling,
                    translate_range=s.shift * size,
                    mode=("bilinear", "nearest"),
                    padding_mode=("border", "zeros"),
                    cache_grid=True,
                    spatial_size=(size, size),
                ),
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
