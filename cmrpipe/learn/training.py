"""Training from the first weights to the ones that are kept, under Lightning's loop; a killed one goes on where it was.

With validation patients, the weights of the best epoch are kept and training stops when none gets better; without, the
schedule runs to its end and the last weights are kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cmrpipe.errors import ParamsError
from cmrpipe.learn.ahead import AheadLoader
from cmrpipe.learn.augment import Augment, Strength
from cmrpipe.learn.checkpoints import Checkpoints, last_checkpoint
from cmrpipe.learn.datasets import PlainSet, Shuffled, TrainingSet, stacked
from cmrpipe.learn.journal import BatchLog, LiveFigures
from cmrpipe.learn.module import Segmentation
from cmrpipe.learn.network import Architecture, build
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.quiet import interruptible, quiet
from cmrpipe.learn.repeatable import reproducible
from cmrpipe.params import TrainParams
from cmrpipe.progress import Listener, Progress

Precision: TypeAlias = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """Figures of one epoch; None where there are no validation patients, or nothing of theirs to compare with.

    Attributes
    ----------
    epoch : from 1
    train_loss, val_loss : means over samples
    val_dice_cavity, val_dice_myocardium : means over validation images, on the network's grid
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    val_dice_cavity: float | None
    val_dice_myocardium: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The outcome.

    Attributes
    ----------
    weights : the network's state after the epoch that is kept, on the CPU
    best : that epoch: the first with the highest mean validation Dice, or the last one
    history : all epochs
    """

    weights: dict[str, Tensor]
    best: Epoch
    history: Sequence[Epoch]


class Patience(EarlyStopping):
    """Stops when validation gets no better; a training that goes on from where it stopped stops there again.

    It looks when validation ends: what is said at the end of an epoch would come after the checkpoint is written.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__("val_dice", mode="max", patience=epochs, check_on_train_epoch_end=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this once, after a checkpoint was loaded."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class Recorder(Callback):
    """Notes every epoch's figures, keeps the best weights in memory and tells the listener.

    It ends a training that has come to no numbers: no later epoch would bring them back.

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

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        history = [asdict(epoch) for epoch in self.history]
        return {"history": history, "best": self.best, "weights": self.weights, "score": self._score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.history = [Epoch(**epoch) for epoch in state_dict["history"]]
        self.best, self.weights, self._score = (state_dict[name] for name in ("best", "weights", "score"))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this after each epoch's validation."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        epoch = Epoch(
            trainer.current_epoch + 1,
            figures["train_loss"],
            figures.get("val_loss"),
            figures.get("val_dice_cavity"),
            figures.get("val_dice_myocardium"),
        )
        if not math.isfinite(epoch.train_loss) or not all(bool(p.isfinite().all()) for p in self.network.parameters()):
            raise ParamsError(
                "train.learning_rate, train.weight_decay, train.precision",
                f"the training has come to no numbers in epoch {epoch.epoch} (loss {epoch.train_loss:g})",
                "Take a lower learning_rate or weight_decay, or precision 32-true",
            )
        self.history.append(epoch)
        score = figures.get("val_dice", float(epoch.epoch))
        if score > self._score:
            self._score = score
            self.best = len(self.history) - 1
            if "val_dice" in figures:
                self.weights = self._copy()
        note = f"val Dice {score:.3f}" if "val_dice" in figures else f"loss {epoch.train_loss:.3f}"
        self.listen(Progress("train", f"epoch {epoch.epoch}", epoch.epoch, trainer.max_epochs or 0, note))

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}

    def trained(self) -> Trained:
        """What came out."""
        return Trained(self.weights or self._copy(), self.history[self.best], self.history)


def architecture(params: TrainParams) -> Architecture:
    """Describe the network that the parameters ask for."""
    return Architecture(params.channels, params.network)


def preprocessing(params: TrainParams) -> Preprocess:
    """Describe the preparation that the parameters ask for."""
    return Preprocess(params.image_size, params.intensity_percentiles, params.pixel_mm)


def augmentation(params: TrainParams) -> Augment:
    """Make the augmentation that the parameters ask for."""
    strength = Strength(
        math.radians(params.rotation_degrees),
        params.scaling,
        params.stretch,
        params.shift,
        params.contrast,
        params.noise,
    )
    return Augment(strength, params.image_size)


def precision(params: TrainParams) -> Precision:
    """The number format to train in; "auto" asks the hardware."""
    if params.precision != "auto":
        return params.precision
    if params.accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    able = torch.cpu.get_capabilities()
    return "bf16-mixed" if able.get("amx_bf16") or able.get("avx512_bf16") else "32-true"


def epochs_of(params: TrainParams, samples: int) -> int:
    """Epochs that the planned number of steps comes to, `params.epochs` at most."""
    batches = math.ceil(samples / (params.batch_size * params.devices * params.nodes))
    return min(params.epochs, max(1, round(params.steps / batches)))


def fit(train: TrainingSet, val: PlainSet | None, params: TrainParams, work: Path, *, listen: Listener) -> Trained:
    """Train a network; the same samples and parameters give the same weights, bit for bit, on one kind of CPU.

    Parameters
    ----------
    train, val : samples that the weights are fitted to, and that choose the best epoch (None: the last one counts)
    params : the train section
    work : folder of this training alone: checkpoints, the batch log (see `cmrpipe.learn.journal`) and DVCLive's
        files. A training that was killed goes on from its last checkpoint there, to the same bits
    listen : told once an epoch

    Raises
    ------
    ParamsError : devices, strategy or precision cannot be had on this machine; the loss or a weight is no number
    """
    work.mkdir(parents=True, exist_ok=True)
    epochs = epochs_of(params, len(train))
    with quiet(), interruptible(), reproducible(params.seed, params.threads):
        network = build(architecture(params))
        recorder = Recorder(network, listen)
        stop = [Patience(params.patience)] if val is not None else []
        # In this order: a checkpoint keeps what the callbacks before it have noted.
        batches, live = BatchLog(work), LiveFigures(work, recorder)
        callbacks = [recorder, *stop, batches, live, Checkpoints(work, epochs)]
        trainer = _trainer(params, epochs, callbacks)
        module = Segmentation(network, params.learning_rate, params.weight_decay, compiled=params.compile)
        learning, judging = _loaders(train, val, params)
        with closing(batches), closing(live):
            trainer.fit(module, learning, judging, ckpt_path=last_checkpoint(work), weights_only=True)
    return recorder.trained()


def _trainer(params: TrainParams, epochs: int, callbacks: list[Callback]) -> pl.Trainer:
    try:
        trainer = pl.Trainer(
            accelerator=params.accelerator,
            devices=params.devices,
            num_nodes=params.nodes,
            strategy=params.strategy,
            precision=precision(params),
            use_distributed_sampler=False,  # the order and the seeds are ours (see `Shuffled`)
            max_epochs=epochs,
            callbacks=callbacks,
            deterministic=True,
            gradient_clip_val=1.0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, ValueError) as error:
        asked = f"accelerator {params.accelerator}, strategy {params.strategy}, {params.devices} devices"
        cause = f"cannot be had here ({' '.join(str(error).split())})"
        raise ParamsError(f"train: {asked}", cause, "Mend these keys in params.yaml") from error
    if trainer.precision != precision(params):
        cause = f"cannot be had here (Lightning would take {trainer.precision} for it)"
        raise ParamsError(f"train.precision {params.precision}", cause, "Set it to auto")
    cluster = getattr(trainer.strategy, "cluster_environment", None)
    if params.nodes > 1 and not (cluster is not None and cluster.creates_processes_externally):
        mend = "Start it on each of them under torchrun or Slurm, or set train.nodes to 1"
        raise ParamsError(f"train.nodes {params.nodes}", "nothing has started the training on the other machines", mend)
    return trainer


Loader: TypeAlias = DataLoader[Any]


def _loaders(train: TrainingSet, val: PlainSet | None, params: TrainParams) -> tuple[Loader, Loader | None]:
    """Loaders of both sets; a thread, or worker processes, read and augment while the network learns."""
    several: Mapping[str, Any] = {
        "num_workers": params.workers,
        "persistent_workers": params.workers > 0,
        "pin_memory": params.accelerator != "cpu" and torch.cuda.is_available(),
    }
    order = Shuffled(len(train), params.seed)
    kind = DataLoader if params.workers else AheadLoader
    first: Loader = kind(train, params.batch_size, sampler=order, collate_fn=stacked, **several)
    second: Loader | None = None if val is None else DataLoader(val, params.batch_size)
    return first, second
