"""cmrpipe.learn.network."""

import pytest
import torch
from monai.networks.nets import BasicUNet

from cmrpipe.learn.network import VANILLA, Architecture, Kind, build


@pytest.mark.parametrize("kind", ["basic", "vanilla"])
def test_the_plain_network_is_monais(kind: Kind) -> None:
    """The same weights give the same logits and gradients as MONAI's own, bit for bit: what is left out did nothing."""
    channels = VANILLA if kind == "vanilla" else (4, 4, 8, 8, 16)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        ours = build(Architecture(channels, kind))
    theirs = BasicUNet(2, 1, 3, features=(*channels, channels[0]), norm="INSTANCE")
    theirs.load_state_dict(ours.state_dict())
    image = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(2))
    logits = [network(image) for network in (ours, theirs)]
    assert torch.equal(*logits)
    for found in logits:
        found.square().mean().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None
        assert other.grad is not None
        assert torch.equal(mine.grad, other.grad)
