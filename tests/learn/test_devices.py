"""The ways to train that a GPU machine takes, as far as a CPU can go them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from cmrpipe.errors import ParamsError
from cmrpipe.learn.journal import read_batches
from cmrpipe.learn.module import Segmentation
from cmrpipe.learn.network import VANILLA, Architecture, build, memory_format
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.saved import read_model
from cmrpipe.learn.training import epochs_of, precision
from cmrpipe.params import TrainParams
from cmrpipe.progress import silent
from cmrpipe.stages.train import train
from tests.learn.hearts import PATIENTS, make_patient, write_store

PARAMS = TrainParams(image_size=32, pixel_mm=1.5, channels=(4, 8), batch_size=4, epochs=2, precision="32-true")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 patients of 4 images."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    return write_store(tmp_path_factory.mktemp("devices") / "store", patients)


def weights(folder: Path) -> torch.Tensor:
    """All weights of a model."""
    return torch.cat([value.flatten().float() for value in read_model(folder).weights.values()])


@pytest.fixture(scope="module")
def plain(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained in float32, in this process."""
    out = tmp_path_factory.mktemp("plain") / "model"
    train(store, out, PARAMS, listen=silent)
    return out


def test_half_precision_trains_to_nearly_the_same(store: Path, plain: Path, tmp_path: Path) -> None:
    """bfloat16 autocast: other last bits, the same course; the weights stay float32."""
    train(store, tmp_path / "model", PARAMS.model_copy(update={"precision": "bf16-mixed"}), listen=silent)
    ours = weights(tmp_path / "model")
    assert not torch.equal(ours, weights(plain))
    assert (ours - weights(plain)).abs().max() < 0.05
    assert {value.dtype for value in read_model(tmp_path / "model").weights.values()} == {torch.float32}
    assert read_model(tmp_path / "model").origin["precision"] == "bf16-mixed"


@pytest.mark.parametrize("asked", [{"accelerator": "gpu"}, {"strategy": "no-such"}])
def test_devices_that_are_not_there_are_told(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]
) -> None:
    """The message names the parameters; nothing is left behind that would pass for a model."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParamsError, match=f"{next(iter(asked.values()))}.*cannot be had here.*params.yaml"):
        train(store, tmp_path / "model", PARAMS.model_copy(update=asked), listen=silent)
    assert not list((tmp_path / "model").glob("*"))


def test_prediction_without_its_gpu_is_told(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`evaluate.accelerator: gpu` on a machine that has none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParamsError, match="no GPU here"):
        Predictor(read_model(plain), 1, "gpu")


def test_workers_change_nothing(store: Path, plain: Path, tmp_path: Path) -> None:
    """Samples that another process reads and augments are the same bits, and so is the model."""
    train(store, tmp_path / "model", PARAMS.model_copy(update={"workers": 2}), listen=silent)
    for name in ("model.pt", "batches.jsonl", "history.csv"):
        assert (tmp_path / "model" / name).read_bytes() == (plain / name).read_bytes()


def test_the_memory_layout_of_a_gpu_learns_the_same(
    store: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels-last from the first step on: the same course up to rounding."""
    assert memory_format(torch.device("cuda")) is torch.channels_last
    assert memory_format(torch.device("cpu")) is torch.contiguous_format
    monkeypatch.setattr("cmrpipe.learn.module.memory_format", lambda _: torch.channels_last)
    forward, laid_out = Segmentation.forward, []

    def noted(self: Segmentation, image: torch.Tensor) -> torch.Tensor:
        kernels = [weight for weight in self.parameters() if weight.ndim == 4]
        laid_out.append(all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels))
        return forward(self, image)

    monkeypatch.setattr(Segmentation, "forward", noted)
    train(store, tmp_path / "model", PARAMS, listen=silent)
    assert laid_out
    assert all(laid_out)
    assert (weights(tmp_path / "model") - weights(plain)).abs().max() < 0.01


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(store: Path, plain: Path, tmp_path: Path) -> None:
    """torch.compile: the same course up to rounding, and its weights are those of the plain network."""
    train(store, tmp_path / "model", PARAMS.model_copy(update={"compile": True}), listen=silent)
    assert (weights(tmp_path / "model") - weights(plain)).abs().max() < 0.01


@pytest.mark.slow
def test_two_processes_train_together(store: Path, tmp_path: Path) -> None:
    """`cmrpipe train` with devices 2: each sees half of every epoch, one model comes out; again, nothing to do."""
    params = tmp_path / "params.yaml"
    recipe = PARAMS.model_copy(update={"devices": 2, "accelerator": "cpu", "batch_size": 3})
    params.write_text(yaml.safe_dump({"train": recipe.model_dump(mode="json")}))
    out = tmp_path / "model"
    command = [sys.executable, "-m", "cmrpipe", "train", "--store", str(store), "--out", str(out)]
    for expected in ("epochs 2", "unchanged"):
        run = subprocess.run(
            [*command, "--params", str(params)], capture_output=True, text=True, check=False, timeout=300
        )
        assert run.returncode == 0, run.stderr
        assert expected in run.stdout
    logs = [read_batches(out / name) for name in ("batches.jsonl", "batches-rank1.jsonl")]
    for epoch in (0, 1):
        seen = [[name for line in log if line.epoch == epoch for name in line.samples] for log in logs]
        assert not set(seen[0]) & set(seen[1])
        assert len(set(seen[0] + seen[1])) == 12
    assert {log[0].samples for log in logs} != {log[2].samples for log in logs}
    assert json.loads((out / "model.json").read_text())["patients"]["train"]


def test_steps_are_planned_in_whole_epochs() -> None:
    """However many devices share them."""
    params = TrainParams(batch_size=8, steps=100)
    assert epochs_of(params, 80) == 10
    assert epochs_of(params.model_copy(update={"devices": 2, "nodes": 5}), 80) == 100
    assert epochs_of(params.model_copy(update={"epochs": 3}), 80) == 3
    assert epochs_of(params, 8000) == 1


def test_precision_follows_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    """bfloat16 where the CPU has it; what is asked for is not changed."""
    for able, expected in (({"amx_bf16": True}, "bf16-mixed"), ({"avx512_f": True}, "32-true")):
        monkeypatch.setattr("torch.cpu.get_capabilities", lambda able=able: able)
        assert precision(TrainParams(accelerator="cpu")) == expected
        assert precision(TrainParams(accelerator="cpu", precision="32-true")) == "32-true"


@pytest.mark.parametrize(
    ("architecture", "first"),
    [
        (Architecture((8, 16, 32)), 8),
        (Architecture((8, 16, 32, 64, 128), "basic"), 8),
        (Architecture((8, 16), "vanilla"), VANILLA[0]),
    ],
)
def test_networks_keep_the_size(architecture: Architecture, first: int) -> None:
    """Three scores a pixel; the vanilla one has its own channels."""
    network = build(architecture)
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 3, 32, 32)
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert convolutions[0].out_channels == first
