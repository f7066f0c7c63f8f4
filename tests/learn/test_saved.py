"""A model's files."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cmrpipe.errors import InputError
from cmrpipe.files import sha256_bytes
from cmrpipe.learn.network import Architecture, build
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.saved import Model, read_model, write_model
from tests.learn.unpickled import Runs


@pytest.fixture(scope="module")
def model() -> Model:
    """Untrained."""
    architecture = Architecture((4, 8))
    seen = np.arange(32, dtype=np.uint8).reshape(2, 16)
    weights = build(architecture).state_dict()
    return Model(architecture, weights, Preprocess(32, (1.0, 99.0)), ("A", "B"), ("C",), seen, {"note": 1})


def test_a_model_comes_back_and_its_bytes_are_the_same_each_time(model: Model, tmp_path: Path) -> None:
    """In any folder; nothing of path or time is in the files."""
    names = write_model(tmp_path / "one", model)
    back = read_model(tmp_path / "one")
    write_model(tmp_path / "two" / "deeper", back)
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / "deeper" / n).read_bytes() for n in names)
    assert all(torch.equal(back.weights[name], value) for name, value in model.weights.items())
    assert back.preprocess == Preprocess(32, (1.0, 99.0))
    assert (back.trained_on, back.chosen_by) == (("A", "B"), ("C",))


def _flip(folder: Path) -> None:
    data = bytearray((folder / "model.pt").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.pt").write_bytes(data)


def _schema(folder: Path) -> None:
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, "schema": 99}))


def _without_patients(folder: Path) -> None:
    description = json.loads((folder / "model.json").read_text())
    del description["patients"]
    (folder / "model.json").write_text(json.dumps(description))


def _not_json(folder: Path) -> None:
    (folder / "model.json").write_text("{")


def _no_weights(folder: Path) -> None:
    (folder / "model.pt").unlink()


def _seen_nothing(folder: Path) -> None:
    (folder / "seen.npy").write_bytes(b"")


def _described(part: str, **change: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        description = json.loads((folder / "model.json").read_text())
        description[part].update(change)
        (folder / "model.json").write_text(json.dumps(description))

    return damage


def test_a_model_cannot_bring_code_along(model: Model, tmp_path: Path) -> None:
    """Weights that would run something when they are read are refused, with the right hash, and it does not run."""
    write_model(tmp_path / "model", model)
    mark = tmp_path / "ran"
    stream = io.BytesIO()
    torch.save({**model.weights, "extra": Runs(mark)}, stream)
    (tmp_path / "model" / "model.pt").write_bytes(stream.getvalue())
    description = json.loads((tmp_path / "model" / "model.json").read_text())
    description["weights_sha256"] = sha256_bytes(stream.getvalue())
    (tmp_path / "model" / "model.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="cmrpipe train"):
        read_model(tmp_path / "model")
    assert not mark.exists()
    torch.load(io.BytesIO(stream.getvalue()), weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize(
    "damage",
    [
        *(_flip, _schema, _without_patients, _not_json, _no_weights, _seen_nothing),
        *(_described("architecture", channels=channels) for channels in ([4, 16], [4, 8, 16], [], ["4", "8"], 4)),
        *(_described("architecture", kind=kind) for kind in ("basic", "vanilla", None)),
        *(_described("preprocess", size=size) for size in (0, -32, 33, "32", 32.5, None)),
        *(_described("preprocess", percentiles=both) for both in ([99, 1], [1], ["a", "b"], [-1, 101])),
        *(_described("preprocess", pixel_mm=side) for side in (0, -1.4, "1.4", None)),
    ],
)
def test_a_damaged_model_is_refused(model: Model, tmp_path: Path, damage: object) -> None:
    """With the folder or file, and what to do."""
    write_model(tmp_path, model)
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match="cmrpipe train") as caught:
        read_model(tmp_path)
    assert str(tmp_path) in str(caught.value)
