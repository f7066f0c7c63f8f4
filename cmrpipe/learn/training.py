"""Training from the first weights to the best ones, under Lightning's loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cmrpipe.learn.augment import Augment, Strength
from cmrpipe.learn.datasets import Batch, PlainSet, Shuffled, TrainingSet
from cmrpipe.learn.module import Segmentation
from cmrpipe.learn.network import Architecture, build
from cmrpipe.learn.quiet import interruptible, quiet, reproducible
from cmrpipe.params import TrainParams
from cmrpipe.progress import Listener, Progress


@dataclass(frozen=True, slots=True)
class Epoch:
    """Figures of one epoch; Dice is None where the validation patients have nothing to compare with.

    Attributes
    ----------
    epoch : from 1
    train_loss, val_loss : means over samples
    val_dice_cavity, val_dice_myocardium : means over validation images, on the network's grid
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_dice_cavity: float | None
    val_dice_myocardium: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The outcome.

    Attributes
    ----------
    weights : the network's state after its best epoch, on the CPU
    best : that epoch, the first with the highest mean validation Dice
    history : all epochs
    """

    weights: dict[str, Tensor]
    best: Epoch
    history: Sequence[Epoch]


class Recorder(Callback):
    """Notes every epoch's figures, keeps the best weights in memory and tells the listener.

    Parameters
    ----------
    network : the one in training
    listen : told once an epoch
    """

    def __init__(self, network: nn.Module, listen: Listener) -> None:
        self.network = network
        self.listen = listen
        self.history: list[Epoch] = []
        self.best = -1
        self.weights: dict[str, Tensor] = {}
        self._score = -math.inf

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this after each epoch's validation."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        epoch = Epoch(
            trainer.current_epoch + 1,
            figures["train_loss"],
            figures["val_loss"],
            figures.get("val_dice_cavity"),
            figures.get("val_dice_myocardium"),
        )
        self.history.append(epoch)
        if figures["val_dice"] > self._score:
            self._score = figures["val_dice"]
            self.best = len(self.history) - 1
            state = self.network.state_dict()
            self.weights = {name: value.detach().cpu().clone() for name, value in state.items()}
        note = f"val Dice {figures['val_dice']:.3f}"
        self.listen(Progress("train", f"epoch {epoch.epoch}", epoch.epoch, trainer.max_epochs or 0, note))


def architecture(params: TrainParams) -> Architecture:
    """Describe the network that the parameters ask for."""
    return Architecture(channels=params.channels)


def strength(params: TrainParams) -> Strength:
    """Describe the augmentation that the parameters ask for."""
    return Strength(math.radians(params.rotation_degrees), params.scaling, params.shift, params.contrast, params.noise)


def fit(train: Batch, val: Batch, params: TrainParams, *, listen: Listener) -> Trained:
    """Train a network; the same samples and parameters give the same weights, bit for bit, on one kind of CPU.

    Parameters
    ----------
    train, val : prepared samples that the weights are fitted to, and that choose the best epoch
    params : the train section
    listen : told once an epoch
    """
    with quiet(), interruptible(), reproducible(params.seed, params.threads):
        network = build(architecture(params))
        recorder = Recorder(network, listen)
        trainer = pl.Trainer(
            accelerator=params.accelerator,
            devices=1,
            max_epochs=params.epochs,
            callbacks=[recorder, EarlyStopping("val_dice", mode="max", patience=params.patience)],
            deterministic=True,
            gradient_clip_val=1.0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        augment = Augment(strength(params), params.image_size)
        order = Shuffled(len(train.image), params.seed)
        trainer.fit(
            Segmentation(network, params.learning_rate, params.weight_decay),
            DataLoader(TrainingSet(train, augment, params.seed), params.batch_size, sampler=order),
            DataLoader(PlainSet(val), params.batch_size),
        )
    return Trained(recorder.weights, recorder.history[recorder.best], recorder.history)
