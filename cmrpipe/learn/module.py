"""What Lightning trains: the network, its loss, its optimiser, and the figures of an epoch."""

from __future__ import annotations

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from cmrpipe.learn.datasets import Batch, Drawn
from cmrpipe.learn.loss import masked_loss
from cmrpipe.learn.metrics import dice, mean
from cmrpipe.learn.network import memory_format
from cmrpipe.model import Label

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


def one_cycle(optimizer: torch.optim.Optimizer, highest: float, steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """The schedule of the learning rate over so many steps: up to `highest` and down again."""
    # where the rise ends with the very first step, torch divides by its length
    share = WARM_UP if steps * WARM_UP != 1 else 1.5 / steps
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=highest, total_steps=steps, pct_start=share)


class Segmentation(pl.LightningModule):
    """Trains `network`; logs train_loss, val_loss, val_dice_cavity, val_dice_myocardium and their mean, val_dice.

    Validation Dice is that of each image on the network's grid, averaged over images; what the validation patients do
    not have (no epicardium drawn anywhere) is not logged.

    Parameters
    ----------
    network : maps (n, 1, size, size) to logits (n, 3, size, size)
    learning_rate : the highest; the one-cycle schedule rises to it and falls (Smith and Topin, 2018)
    weight_decay : of AdamW
    compiled : let torch compile the network, which pays off in long trainings on a GPU
    """

    def __init__(
        self, network: nn.Module, learning_rate: float, weight_decay: float, *, compiled: bool = False
    ) -> None:
        super().__init__()
        self.network = network
        self._run = torch.compile(network) if compiled else network
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self._cavity: list[float | None] = []
        self._myocardium: list[float | None] = []

    def setup(self, stage: str) -> None:  # noqa: ARG002
        """Lay the weights out as the device wants them, before optimiser and strategy take hold of them."""
        self.network.to(memory_format=memory_format(self.trainer.strategy.root_device))  # type: ignore[call-overload]

    def forward(self, image: Tensor) -> Tensor:
        """Logits (n, 3, size, size) of images (n, 1, size, size)."""
        logits: Tensor = self._run(image)
        return logits

    def training_step(self, batch: Drawn, _: int) -> Tensor:
        """Loss of one batch."""
        loss = masked_loss(self(batch.image), batch.label, batch.known)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.image), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Note loss and Dice of one batch."""
        logits = self(batch.image)
        loss = masked_loss(logits, batch.label, batch.known)
        self.log("val_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.image), sync_dist=True)
        arrays = (logits.argmax(dim=1), batch.label, batch.known)
        for predicted, expert, (endo, epi) in zip(*(part.cpu().numpy() for part in arrays), strict=True):
            if endo:
                self._cavity.append(dice(predicted == Label.CAVITY, expert == Label.CAVITY))
            if endo and epi:
                self._myocardium.append(dice(predicted == Label.MYOCARDIUM, expert == Label.MYOCARDIUM))

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's mean Dice."""
        figures = {"val_dice_cavity": mean(self._cavity), "val_dice_myocardium": mean(self._myocardium)}
        known = {name: value for name, value in figures.items() if value is not None}
        self.log_dict({**known, "val_dice": mean(known.values()) or 0.0}, sync_dist=True)
        self._cavity, self._myocardium = [], []

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW under a one-cycle schedule over the planned number of steps."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = one_cycle(optimizer, self.learning_rate, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
