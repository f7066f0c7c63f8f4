"""What a training leaves behind of its way: the batch log, and its figures as DVCLive writes them.

The batch log is a JSON line a step::

    {"epoch": 0, "step": 0, "samples": ["SCD0000101/48", ...], "seeds": [...], "crc32": ...}

`epoch` counts from 0 and `step` over the whole training; `samples` are patient and instance number, `seeds` those of
each sample's augmentation, `crc32` that of the batch's image and label bytes. It suffices to make any batch again. Of
several processes that train together, each has a log of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import lightning.pytorch as pl
from dvclive.live import Live
from lightning.pytorch.callbacks import Callback
from scmrepo.exceptions import SCMError

from cmrpipe.errors import InputError
from cmrpipe.learn.datasets import Drawn
from cmrpipe.logger import Logger

log = Logger(__name__)

LIVE = "dvclive"


def batches_file(rank: int = 0) -> str:
    """Name of the batch log of one of the processes that train together."""
    return f"batches-rank{rank}.jsonl" if rank else "batches.jsonl"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the batch log; see the module."""

    epoch: int
    step: int
    samples: tuple[str, ...]
    seeds: tuple[int, ...]
    crc32: int


def read_batches(path: Path) -> list[Line]:
    """All lines of a batch log.

    Raises
    ------
    InputError : it is missing or damaged
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [Line(r["epoch"], r["step"], tuple(r["samples"]), tuple(r["seeds"]), r["crc32"]) for r in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is no batch log that can be read ({error})", "Run `cmrpipe train` again") from error


class BatchLog(Callback):
    """Writes the batch log; a training that goes on from a checkpoint cuts off what came after that."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self._file: IO[str] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this once, after a checkpoint was loaded."""
        path = self.work / batches_file(trainer.global_rank)
        kept: list[str] = []
        if trainer.global_step:
            kept = path.read_text(encoding="utf-8").splitlines(keepends=True)[: trainer.global_step]
        path.write_text("".join(kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        batch: Drawn,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Note a batch before the network sees it."""
        if self._file is not None:
            line = Line(trainer.current_epoch, trainer.global_step, *batch[3:])
            self._file.write(json.dumps(asdict(line)) + "\n")
            log.debug("batch", epoch=line.epoch, step=line.step, samples=line.samples)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """A checkpoint may follow: what it rests on must be on the disk."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """To be called however the training ended; Lightning does not tell a callback of an interruption."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _WithHistory(Protocol):
    @property
    def history(self) -> Sequence[Any]: ...


class LiveFigures(Callback):
    """Gives every epoch's figures to DVCLive, as they come.

    Parameters
    ----------
    work : DVCLive's files go below `dvclive/` in it
    recorder : has the epochs so far; those of a checkpoint are given again when training goes on
    """

    def __init__(self, work: Path, recorder: _WithHistory) -> None:
        self.folder = work / LIVE
        self.recorder = recorder
        self._live: Live | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this once, after a checkpoint was loaded."""
        if not trainer.is_global_zero:
            return
        try:
            self._live = Live(str(self.folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)
        except SCMError as error:  # DVCLive asks for the last commit
            log.warning("no figures for DVCLive: the Git repository has no commit", reason=str(error))
        for epoch in self.recorder.history:
            self._give(epoch)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Lightning calls this after the recorder's own."""
        self._give(self.recorder.history[-1])

    def _give(self, epoch: Any) -> None:
        if self._live is not None:
            for name, value in asdict(epoch).items():
                if name != "epoch" and value is not None:
                    self._live.log_metric(name, value, plot=True)
            self._live.next_step()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """To be called however the training ended."""
        if self._live is not None:
            self._live.end()  # type: ignore[no-untyped-call]
            repository = getattr(self._live, "_dvc_repo", None)
            if repository is not None:  # DVCLive 3.49 leaves its files open, and Git's complain when Python ends
                repository.close()
            self._live = None
