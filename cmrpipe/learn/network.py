"""The networks: MONAI's UNets, from one grey image to three class scores a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from monai.networks.nets import BasicUNet, UNet
from monai.networks.nets.basic_unet import UpCat
from torch import nn

from cmrpipe.model import Label

Kind = Literal["residual", "basic", "vanilla"]
VANILLA = (64, 128, 256, 512, 1024)
"""Channels of the UNet of Ronneberger et al. (2015)."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is needed to build the network again.

    Attributes
    ----------
    channels : feature channels of each level, finest first; each level halves rows and columns
    kind : `residual` has residual units of two convolutions and strided ones between levels; `basic` has two
        convolutions a level and max-pooling, and five levels; `vanilla` is `basic` with channels 64 to 1024
    """

    channels: Sequence[int]
    kind: Kind = "residual"


def memory_format(device: torch.device) -> torch.memory_format:
    """How weights and features lie in memory where a network runs.

    Channels-last on a GPU, whose bfloat16 convolutions want it. Channel by channel on a CPU, whose instance norm copies
    channels-last features there and back: that took a fifth of a training step.
    """
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def build(architecture: Architecture) -> nn.Module:
    """Make the network; its first weights come from torch's global generator.

    Maps (n, 1, size, size) float32 to logits (n, 3, size, size); `size` is a multiple of 2 ** (levels - 1).
    """
    if architecture.kind == "residual":
        return UNet(
            spatial_dims=2,
            in_channels=1,
            out_channels=len(Label),
            channels=tuple(architecture.channels),
            strides=(2,) * (len(architecture.channels) - 1),
            num_res_units=2,
            norm="INSTANCE",
        )
    channels = VANILLA if architecture.kind == "vanilla" else tuple(architecture.channels)
    network = BasicUNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=len(Label),
        features=(*channels, channels[0]),
        norm="INSTANCE",
    )
    for part in network.modules():
        if isinstance(part, UpCat):
            part.is_pad = False  # pads odd sizes, of which there are none: copies by nothing took a sixth of a step
    return network
