"""The network: MONAI's UNet with residual units, from one grey image to three class scores a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monai.networks.nets import UNet

from cmrpipe.model import Label


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is needed to build the network again.

    Attributes
    ----------
    channels : feature channels of each level, finest first; each level halves rows and columns
    residual_units : convolutions a level, bridged by a residual connection
    """

    channels: Sequence[int]
    residual_units: int = 2


def build(architecture: Architecture) -> UNet:
    """Make the network; its first weights come from torch's global generator.

    Maps (n, 1, size, size) float32 to logits (n, 3, size, size); `size` is a multiple of 2 ** (levels - 1).
    """
    return UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=len(Label),
        channels=tuple(architecture.channels),
        strides=(2,) * (len(architecture.channels) - 1),
        num_res_units=architecture.residual_units,
        norm="INSTANCE",
    )
