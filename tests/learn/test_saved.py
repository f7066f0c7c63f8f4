"""A model's files."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cmrpipe.errors import InputError
from cmrpipe.files import sealed, sha256_bytes
from cmrpipe.learn.network import Architecture, build
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.learn.saved import Model, read_model, write_model
from tests.learn.spoilt import HEADERS, spoil_header
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


def described(folder: Path) -> dict[str, Any]:
    """What model.json says."""
    description: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return description


def describe(folder: Path, description: Mapping[str, Any]) -> None:
    """Write a model.json whose hash of itself is right."""
    (folder / "model.json").write_text(json.dumps(sealed(description)))


def _schema(folder: Path) -> None:
    describe(folder, {**described(folder), "schema": 99})


def _without_patients(folder: Path) -> None:
    description = described(folder)
    del description["patients"]
    describe(folder, description)


def _without_hash(folder: Path) -> None:
    description = described(folder)
    del description["sha256"]
    (folder / "model.json").write_text(json.dumps(description))


def _of_no_images(folder: Path) -> None:
    description = described(folder)
    del description["seen_sha256"]
    describe(folder, description)


def _not_json(folder: Path) -> None:
    (folder / "model.json").write_text("{")


def _no_weights(folder: Path) -> None:
    (folder / "model.pt").unlink()


def _seen_nothing(folder: Path) -> None:
    (folder / "seen.npy").write_bytes(b"")


def _described(part: str, **change: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        description = described(folder)
        description[part].update(change)
        describe(folder, description)

    return damage


def test_a_model_cannot_bring_code_along(model: Model, tmp_path: Path) -> None:
    """Weights that would run something when they are read are refused, with the right hash, and it does not run."""
    write_model(tmp_path / "model", model)
    mark = tmp_path / "ran"
    stream = io.BytesIO()
    torch.save({**model.weights, "extra": Runs(mark)}, stream)
    (tmp_path / "model" / "model.pt").write_bytes(stream.getvalue())
    describe(tmp_path / "model", {**described(tmp_path / "model"), "weights_sha256": sha256_bytes(stream.getvalue())})
    with pytest.raises(InputError, match="cmrpipe train"):
        read_model(tmp_path / "model")
    assert not mark.exists()
    torch.load(io.BytesIO(stream.getvalue()), weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize(
    "damage",
    [
        *(_flip, _schema, _without_patients, _not_json, _no_weights, _seen_nothing, _without_hash, _of_no_images),
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


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("preprocess", {"percentiles": [2.0, 98.0]}),
        ("preprocess", {"pixel_mm": 1.0}),
        ("patients", {"train": ["A"]}),
        ("origin", {"note": float("nan")}),
    ],
)
def test_a_description_that_was_altered_is_told(
    model: Model, tmp_path: Path, part: str, change: dict[str, object]
) -> None:
    """Weights as they were and a value that might be: its own hash is not of that."""
    write_model(tmp_path, model)
    description = described(tmp_path)
    description[part].update(change)
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"model\.json: was altered.*cmrpipe train"):
        read_model(tmp_path)


@pytest.mark.parametrize("header", HEADERS)
def test_seen_images_with_a_damaged_header_are_told(model: Model, tmp_path: Path, header: bytes) -> None:
    """They are held against their hash before anything is made of them."""
    write_model(tmp_path, model)
    spoil_header(tmp_path / "seen.npy", header)
    with pytest.raises(InputError, match=r"seen\.npy: is not what model\.json describes"):
        read_model(tmp_path)


def test_images_that_it_has_seen_are_not_forgotten(model: Model, tmp_path: Path) -> None:
    """Another seen.npy, whole and of the right shape, is refused."""
    write_model(tmp_path, model)
    np.save(tmp_path / "seen.npy", np.zeros((0, 16), np.uint8))
    with pytest.raises(InputError, match=r"seen\.npy: is not what model\.json describes"):
        read_model(tmp_path)


def test_another_preprocessing_gives_another_hash(model: Model, tmp_path: Path) -> None:
    """The same weights, prepared for otherwise: the file whose hash is told differs."""
    write_model(tmp_path / "one", model)
    write_model(tmp_path / "two", replace(model, preprocess=Preprocess(32, (2.0, 98.0))))
    one, two = (
        {name: (tmp_path / f / name).read_bytes() for name in ("model.pt", "model.json")} for f in ("one", "two")
    )
    assert one["model.pt"] == two["model.pt"]
    assert one["model.json"] != two["model.json"]
