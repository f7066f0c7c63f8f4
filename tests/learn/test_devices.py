"""The ways to train that a GPU machine takes, as far as a CPU can go them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data._utils.pin_memory import pin_memory

from cmrpipe.errors import ParamsError
from cmrpipe.learn.datasets import Draw, TrainingSet, stacked
from cmrpipe.learn.journal import read_batches
from cmrpipe.learn.looks import LOOKS, shown
from cmrpipe.learn.loss import masked_loss
from cmrpipe.learn.module import Segmentation
from cmrpipe.learn.network import VANILLA, Architecture, Kind, build, memory_format
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.repeatable import reproducible
from cmrpipe.learn.saved import read_model
from cmrpipe.learn.training import _loaders, architecture, augmentation, epochs_of, precision, preprocessing
from cmrpipe.params import TrainParams
from cmrpipe.progress import silent
from cmrpipe.stages.train import train
from cmrpipe.store import open_store
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


def step(
    layout: torch.memory_format = torch.contiguous_format, *, half: bool = False, compiled: bool = False, turn: int = 0
) -> tuple[float, torch.Tensor]:
    """Loss and all gradients of a network's first step on a patient's images; `turn` shows labels of other images."""
    data, preprocess = make_patient("A", 0), Preprocess(32, (1.0, 99.0), 1.5)
    window = preprocess.window(data.label.shape[1:], data.pixel_spacing_mm, data.heart_px)
    images = torch.stack([preprocess.image(image, window) for image in data.image])
    labels = torch.stack([preprocess.label(label, window) for label in data.label]).roll(turn, dims=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(Architecture((8, 16, 32))).to(memory_format=layout)  # type: ignore[call-overload]
    run = torch.compile(network) if compiled else network
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        logits = run(images)
    loss = masked_loss(logits, labels, torch.from_numpy(data.contours).roll(turn, dims=0))
    loss.backward()
    return loss.item(), torch.cat([weight.grad.flatten() for weight in network.parameters()])


def apart(found: tuple[float, torch.Tensor], plain: tuple[float, torch.Tensor]) -> float:
    """How far gradients are from the plain ones, as a share of their length."""
    return float((found[1] - plain[1]).norm() / plain[1].norm())


def test_the_ways_of_a_gpu_find_the_same_gradients() -> None:
    """Memory layout: to rounding; bfloat16: a sixth of the gradient's length; labels of other images: far more."""
    plain = step()
    assert apart(step(turn=1), plain) > 0.5
    layout, half = step(torch.channels_last), step(half=True)
    assert layout[0] == pytest.approx(plain[0], rel=1e-6)
    assert apart(layout, plain) < 1e-4
    assert half[0] == pytest.approx(plain[0], rel=1e-2)
    assert apart(half, plain) < 0.25


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method")
def test_a_compiled_network_finds_the_same_gradients() -> None:
    """torch.compile, to rounding."""
    plain, compiled = step(), step(compiled=True)
    assert compiled[0] == pytest.approx(plain[0], rel=1e-6)
    assert apart(compiled, plain) < 1e-3


REFUSED = {
    "nll_loss_forward", "nll_loss2d_forward", "nll_loss_backward", "nll_loss2d_backward", "grid_sampler_2d_backward",
    "upsample_bilinear2d_backward", "_upsample_bilinear2d_aa_backward", "reflection_pad2d_backward",
    "_adaptive_avg_pool2d_backward", "adaptive_max_pool2d_backward", "cumsum", "histc", "bincount", "median", "put_",
}  # fmt: skip
"""Operations that torch has no repeatable form of on a GPU, and refuses when bits must repeat."""


class Noted(TorchDispatchMode):
    """Names of all operations that run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Torch calls this for each operation, forward and backward."""
        self.names.add(func._schema.name.removeprefix("aten::"))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["residual", "basic"])
def test_training_and_looks_use_nothing_that_a_gpu_refuses(kind: Kind) -> None:
    """Bits must repeat (see `reproducible`): what has no repeatable form on a GPU would stop it there."""
    network = build(Architecture((4, 4, 8, 8, 16), kind))
    image, target = torch.rand(2, 1, 32, 32), torch.randint(0, 3, (2, 32, 32))
    with Noted() as noted:
        masked_loss(network(image), target, torch.tensor([[True, False], [True, True]])).backward()
        with torch.no_grad():
            for look in LOOKS:
                shown(network(shown(image, look)).softmax(dim=1), look.back())
    assert {"convolution_backward", "gather", "grid_sampler_2d"} <= noted.names
    assert not noted.names & REFUSED


def test_a_gpus_matrix_products_are_told_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment, which its library reads; a choice of one's own stays."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with reproducible(0, 1):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with reproducible(0, 1):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_batches_for_a_gpu_lie_in_pinned_memory(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one and it is not forbidden; what pinning hands on is a batch still, with its log line."""
    handed: list[torch.Tensor] = []

    def hand_on(tensor: torch.Tensor, *_: object) -> torch.Tensor:
        handed.append(tensor)
        return tensor

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with open_store(store) as source:
        samples = TrainingSet(source, PATIENTS, preprocessing(PARAMS), augmentation(PARAMS), 0)
        for accelerator, pinned in (("auto", True), ("gpu", True), ("cpu", False)):
            learning, _ = _loaders(samples, None, PARAMS.model_copy(update={"accelerator": accelerator}))
            assert learning.pin_memory is pinned
        monkeypatch.setattr(torch.Tensor, "pin_memory", hand_on)
        batch = stacked([samples[Draw(0, 0)], samples[Draw(0, 1)]])
        assert pin_memory(batch) == batch  # type: ignore[no-untyped-call]
    assert [len(tensor) for tensor in handed] == [2, 2, 2]


def test_half_precision_is_used_where_it_is_asked_for(store: Path, plain: Path, tmp_path: Path) -> None:
    """bfloat16 autocast gives other last bits; the weights stay float32, and the model says what was used."""
    train(store, tmp_path / "model", PARAMS.model_copy(update={"precision": "bf16-mixed"}), listen=silent)
    ours = weights(tmp_path / "model")
    assert not torch.equal(ours, weights(plain))
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


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"precision": "16-mixed", "accelerator": "cpu"}, r"train\.precision 16-mixed: .*bf16-mixed for it.*to auto"),
        ({"nodes": 2}, r"train\.nodes 2: nothing has started .*under torchrun or Slurm"),
    ],
)
def test_what_is_asked_for_is_done_or_refused(
    store: Path, tmp_path: Path, asked: dict[str, object], message: str
) -> None:
    """No other precision under its name, and no waiting for machines where nobody started anything."""
    with pytest.raises(ParamsError, match=message):
        train(store, tmp_path / "model", PARAMS.model_copy(update=asked), listen=silent)


@pytest.mark.parametrize("complete", [True, False])
def test_a_training_that_comes_to_no_numbers_is_told(store: Path, tmp_path: Path, complete: bool) -> None:
    """Not kept as a model that finds nothing, nor handed to the second training."""
    recipe = PARAMS.model_copy(update={"learning_rate": 1e30, "complete": complete})
    with pytest.raises(ParamsError, match=r"train\.learning_rate.*no numbers in epoch [12].*Take a lower"):
        train(store, tmp_path / "model", recipe, listen=silent)
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


def test_the_memory_layout_of_a_gpu_holds_in_every_step(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels-last from the first step on."""
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


@pytest.mark.slow
def test_a_compiled_network_is_kept_as_the_plain_one(store: Path, plain: Path, tmp_path: Path) -> None:
    """torch.compile: its weights have the plain network's names and shapes, and moved."""
    train(store, tmp_path / "model", PARAMS.model_copy(update={"compile": True}), listen=silent)
    ours, theirs = (read_model(folder).weights for folder in (tmp_path / "model", plain))
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
    before = build(architecture(PARAMS)).state_dict()
    assert not any(torch.equal(ours[name], before[name]) for name in ours if ours[name].ndim == 4)


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
        assert len(run.stdout.splitlines()) == 1, "one process tells, for all"
        assert len(set(run.stderr.splitlines())) == len(run.stderr.splitlines())
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
