"""Learning on real data, in one run: steps beside MONAI's tutorial loop, waiting for data, the log, the generator.

python bench/learning.py
python bench/memory.py    # memory of loading, from 10 to 3,000 patients
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py
import lightning.pytorch as pl
import numpy as np
import torch
from harness import DATA, compare, print_table
from lightning.pytorch.callbacks import Callback
from monai.data import CacheDataset, DataLoader
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from monai.transforms import (
    CenterSpatialCropd,
    Compose,
    EnsureChannelFirstd,
    RandAdjustContrastd,
    RandAffined,
    RandGaussianNoised,
    RandScaleIntensityd,
    ScaleIntensityRangePercentilesd,
)

from cmrpipe.learn import training
from cmrpipe.learn.checkpoints import Checkpoints
from cmrpipe.learn.datasets import Draw, Shuffled, TrainingSet, stacked
from cmrpipe.learn.journal import Line
from cmrpipe.params import IngestParams, StoreParams, TrainParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.store import Store, open_store

CHANNELS = (16, 16, 32, 64, 128)
BATCH = 8


class Clock(Callback):
    """Notes how long steps took, and how long the loop waited for each batch."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.waits: list[float] = []
        self._ended = 0.0
        self._begun = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:  # noqa: ARG002
        """A batch is there."""
        self._begun = time.perf_counter()
        if self._ended:
            self.waits.append(self._begun - self._ended)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """A step is done; the last one of an epoch is followed by other things than waiting."""
        now = time.perf_counter()
        self.steps.append(now - self._begun)
        self._ended = 0.0 if trainer.is_last_batch else now


def ours(store: Store, params: TrainParams) -> Clock:
    """Train by `cmrpipe.learn.training.fit`, with a clock beside its callbacks."""
    clock = Clock()

    class WithClock(Checkpoints):
        def on_train_batch_start(self, *arguments: Any) -> None:
            clock.on_train_batch_start(*arguments)

        def on_train_batch_end(self, *arguments: Any) -> None:
            clock.on_train_batch_end(*arguments)

    samples = TrainingSet(
        store, store.patients, training.preprocessing(params), training.augmentation(params), 0, params.whole
    )
    with tempfile.TemporaryDirectory() as work, patch.object(training, "Checkpoints", WithClock):
        training.fit(samples, None, params, Path(work), listen=silent)
    return clock


def tutorial(store: Store, epochs: int, params: TrainParams) -> list[float]:
    """MONAI's tutorial loop (CacheDataset, BasicUNet, Adam, float32); seconds of every epoch but the first."""
    items = [
        {"image": np.asarray(data.image[i], np.float32), "label": data.label[i]}
        for patient in store.patients
        for data in [store.load(patient)]
        for i in range(len(data))
    ]
    size, both = params.image_size, ("image", "label")
    transform = Compose(
        [
            EnsureChannelFirstd(both, channel_dim="no_channel"),
            ScaleIntensityRangePercentilesd("image", 1, 99, 0, 1, clip=True),
            CenterSpatialCropd(both, (size, size)),
            RandAffined(
                both,
                prob=1.0,
                rotate_range=np.radians(params.rotation_degrees),
                scale_range=(params.scaling, params.scaling),
                translate_range=(params.shift * size, params.shift * size),
                mode=("bilinear", "nearest"),
                padding_mode="border",
            ),
            RandAdjustContrastd("image", prob=0.5, gamma=(1 - params.contrast, 1 + params.contrast)),
            RandScaleIntensityd("image", prob=0.5, factors=params.contrast),
            RandGaussianNoised("image", prob=0.5, std=params.noise),
        ]
    )
    dataset = CacheDataset(items, transform, cache_rate=1.0, progress=False)
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=params.workers, persistent_workers=True)
    network = BasicUNet(2, 1, 3, features=(*CHANNELS, CHANNELS[0]), norm="INSTANCE")
    loss_of, optimizer = DiceCELoss(to_onehot_y=True, softmax=True), torch.optim.Adam(network.parameters(), 1e-3)
    times = []
    for _ in range(epochs):
        start = time.perf_counter()
        for batch in loader:
            optimizer.zero_grad()
            loss = loss_of(network(batch["image"]), batch["label"])
            loss.backward()
            optimizer.step()
        times.append(time.perf_counter() - start)
    return times[1:]


def generator(store: Store, path: Path) -> Callable[[], object]:
    """One epoch the original scripts' way: HDF5 with a group a slice, `list` of every dataset, batches of 8."""
    with h5py.File(path, "w") as file:
        for patient in store.patients:
            data = store.load(patient)
            for i in range(len(data)):
                group = file.create_group(f"{patient}_{i}")
                group.create_dataset("image", data=data.image[i])
                group.create_dataset("label", data=data.label[i])
    opened = h5py.File(path, "r")
    ids = list(opened)

    def epoch() -> int:
        done = 0
        for start in range(0, len(ids) - BATCH + 1, BATCH):
            batch = ids[start : start + BATCH]
            for name in ("image", "label"):
                done += np.array([list(opened[key][name]) for key in batch]).shape[0]
        return done

    return epoch


def loader(store: Store) -> Callable[[], object]:
    """The same batches from the store, copied into arrays."""
    places = [(patient, i) for patient in store.patients for i in range(store.count(patient))]

    def epoch() -> int:
        done = 0
        for start in range(0, len(places) - BATCH + 1, BATCH):
            done += sum(map(len, store.batch(places[start : start + BATCH])))
        return done

    return epoch


def drawn(store: Store) -> Callable[[], object]:
    """An epoch of training's samples in this process, once they have been prepared."""
    params = TrainParams()
    samples = TrainingSet(store, store.patients, training.preprocessing(params), training.augmentation(params), 0)
    order, log = Shuffled(len(samples), 0), itertools.count()

    def epoch() -> int:
        order.set_epoch(next(log))
        return sum(len(samples[draw].image) for draw in order)

    epoch()
    return epoch


def log_cost(store: Store, params: TrainParams) -> float:
    """Milliseconds that a step's line in the batch log costs: checksum and JSON."""
    samples = TrainingSet(store, store.patients, training.preprocessing(params), training.augmentation(params), 0)
    items = [samples[Draw(0, i)] for i in range(BATCH)]
    batch = stacked(items)
    rounds, start = 200, time.perf_counter()
    for step in range(rounds):
        zlib.crc32(batch.label.numpy().data, zlib.crc32(batch.image.numpy().data))
        json.dumps(asdict(Line(0, step, batch.samples, batch.seeds, batch.crc32)))
    return (time.perf_counter() - start) / rounds * 1e3


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=DATA)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="a round; the first of each does not count")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        ingest(args.data, base / "catalog", base / "state", IngestParams(), listen=silent)
        write_quarantine(base / "none.csv", [])
        store_stage(args.data, base / "catalog", base / "none.csv", base / "store", StoreParams(), listen=silent)
        with open_store(base / "store") as store:
            count = sum(map(store.count, store.patients))
            compare(
                "an epoch of batches of 8, images and labels",
                {"store": loader(store), "the original's generator": generator(store, base / "origin.h5")},
                reference="store",
                per=count,
                unit="us",
                repeats={"store": 20},
            )
            compare(
                "an epoch as training takes it: window and augmentation, too",
                {"training": drawn(store), "the original's generator": generator(store, base / "origin2.h5")},
                reference="training",
                per=count,
                unit="us",
            )
            recipe = TrainParams(network="basic", channels=CHANNELS, epochs=args.epochs, accelerator="cpu")
            kinds = {
                "cmrpipe, bf16-mixed": recipe.model_copy(update={"precision": "bf16-mixed"}),
                "cmrpipe, float32": recipe.model_copy(update={"precision": "32-true"}),
                "cmrpipe, bf16-mixed, a worker": recipe.model_copy(update={"precision": "bf16-mixed", "workers": 1}),
            }
            rates: dict[str, list[float]] = {kind: [] for kind in ("MONAI tutorial loop, float32", *kinds)}
            shares: dict[str, list[float]] = {kind: [] for kind in kinds}
            steps = -(-count // BATCH)
            for _ in range(args.rounds):
                for took in tutorial(store, args.epochs, recipe.model_copy(update={"workers": 1})):
                    rates["MONAI tutorial loop, float32"].append(count / took)
                for kind, params in kinds.items():
                    clock = ours(store, params)
                    waits, learns = clock.waits[steps - 1 :], clock.steps[steps:]
                    shares[kind].append(sum(waits) / (sum(waits) + sum(learns)))
                    step = (sum(waits) + sum(learns)) / len(learns)
                    rates[kind].append(BATCH / step)
            first = statistics.median(rates["MONAI tutorial loop, float32"])
            print(f"\ntraining BasicUNet {CHANNELS}, {recipe.image_size} pixels, batches of {BATCH}, one thread")
            rows = [["", "samples a second", "slowest", "fastest", "times tutorial", "waiting for data"]]
            for kind, found in rates.items():
                waiting = f"{statistics.median(shares[kind]):.1%}" if kind in shares else ""
                values = [f"{statistics.median(found):.1f}", f"{min(found):.1f}", f"{max(found):.1f}"]
                rows.append([kind, *values, f"{statistics.median(found) / first:.2f} x", waiting])
            print_table(rows)
            cost, step_ms = log_cost(store, recipe), BATCH / statistics.median(rates["cmrpipe, bf16-mixed"]) * 1e3
            print(f"\nthe batch log: {cost:.2f} ms a step of {step_ms:.0f} ms ({cost / step_ms:.2%})")


if __name__ == "__main__":
    main()
