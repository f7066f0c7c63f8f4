"""A trained model on disk; this module alone writes and reads it.

Its files::

    model.pt       the network's weights: a plain state dict, read back without running code (`weights_only`)
    model.json     what the network is, how images are prepared for it, who it has seen, the hashes of the other two
                   files, and one of all that it says
    seen.npy       (n, 16) uint8, hashes of the images it has seen (see `leakage`)

What is told as a model's hash is the SHA-256 of model.json: it covers weights, architecture and preprocessing, all that
makes the model's figures.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmrpipe.errors import InputError
from cmrpipe.files import sealed, sha256_bytes, write_bytes, write_json
from cmrpipe.learn.leakage import Digests
from cmrpipe.learn.network import VANILLA, Architecture, build
from cmrpipe.learn.preprocess import Preprocess
from cmrpipe.model import Label

SCHEMA = 4
"""2 adds the window about the heart and the kind of network; from 3 on its middle says what is dark and bright; from 4
on the description has hashes of itself, of the seen images and of the split."""
WEIGHTS, DESCRIPTION, SEEN = "model.pt", "model.json", "seen.npy"
_MEND = "Run `cmrpipe train` again"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model and what has to be known of it.

    Attributes
    ----------
    architecture, weights : the network and its state
    preprocess : how its images are prepared
    trained_on, chosen_by : ids of the patients that its weights were fitted to, and that chose its best epoch
    seen : hashes of all their images
    origin : how it came about (params, store, code, figures), for people and for the model card
    """

    architecture: Architecture
    weights: Mapping[str, Tensor]
    preprocess: Preprocess
    trained_on: tuple[str, ...]
    chosen_by: tuple[str, ...]
    seen: Digests
    origin: Mapping[str, Any]


def write_model(folder: Path, model: Model) -> list[str]:
    """Write a model; equal models give equal bytes. Returns the names of its files."""
    stream, seen = io.BytesIO(), io.BytesIO()  # torch.save puts a path's name into the file; a stream has none
    torch.save(dict(model.weights), stream)
    write_bytes(folder / WEIGHTS, stream.getvalue())
    np.save(seen, model.seen, allow_pickle=False)
    write_bytes(folder / SEEN, seen.getvalue())
    description = {
        "schema": SCHEMA,
        "classes": {str(label.value): label.name.lower() for label in Label},
        "architecture": asdict(model.architecture),
        "preprocess": asdict(model.preprocess),
        "patients": {"train": model.trained_on, "val": model.chosen_by},
        "origin": dict(model.origin),
        "weights_sha256": sha256_bytes(stream.getvalue()),
        "seen_sha256": sha256_bytes(seen.getvalue()),
    }
    write_json(folder / DESCRIPTION, sealed(description))
    return [WEIGHTS, DESCRIPTION, SEEN]


def read_model(folder: Path) -> Model:
    """Read what `write_model` wrote.

    Raises
    ------
    InputError : a file is missing, altered, or of another schema; or the weights belong to another description
    """
    try:
        text, weights, images = ((folder / name).read_bytes() for name in (DESCRIPTION, WEIGHTS, SEEN))
        description = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            folder, f"holds no model that can be read ({error})", "Run `cmrpipe train`, or name another model"
        ) from error
    if not isinstance(description, dict) or description.get("schema") != SCHEMA:
        raise InputError(folder / DESCRIPTION, f"is not of schema {SCHEMA}", _MEND)
    _refuse_altered(folder, description, {WEIGHTS: weights, SEEN: images})
    try:
        model = Model(
            Architecture(**description["architecture"]),
            torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True),
            _preprocess(description["preprocess"]),
            tuple(description["patients"]["train"]),
            tuple(description["patients"]["val"]),
            np.load(io.BytesIO(images), allow_pickle=False),
            description["origin"],
        )
        _check(model)
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        EOFError,
        MemoryError,
        pickle.UnpicklingError,
    ) as error:
        raise InputError(folder, f"holds a damaged model ({' '.join(str(error).split())})", _MEND) from error
    return model


def _refuse_altered(folder: Path, description: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Refuse a description that is not what `write_model` wrote, and files that are not those it describes.

    Raises
    ------
    InputError : which it is
    """
    try:
        whole = sealed(description) == description
    except ValueError:  # a number that JSON does not have
        whole = False
    if not whole:
        raise InputError(folder / DESCRIPTION, "was altered: it is not what its own SHA-256 was taken of", _MEND)
    for name, part in ((WEIGHTS, "weights"), (SEEN, "seen")):
        if sha256_bytes(files[name]) != description.get(f"{part}_sha256"):
            raise InputError(folder / name, f"is not what {DESCRIPTION} describes (another SHA-256)", _MEND)


def _check(model: Model) -> None:
    """Refuse weights that are not the described network's, and an input that it cannot take.

    Raises
    ------
    ValueError, TypeError, RuntimeError : what does not fit
    """
    with torch.device("meta"):  # the shapes of a network without its memory
        expected = build(model.architecture).state_dict()
    shapes, theirs = ({name: tuple(value.shape) for name, value in w.items()} for w in (expected, model.weights))
    if shapes != theirs:
        raise ValueError(f"its weights are not those of {model.architecture}")
    vanilla = model.architecture.kind == "vanilla"
    halvings = 2 ** (len(VANILLA if vanilla else model.architecture.channels) - 1)
    if model.preprocess.size % halvings:
        raise ValueError(f"its input's size is {model.preprocess.size}, not a multiple of {halvings}")
    if model.seen.ndim != 2:
        raise ValueError(f"{SEEN} has the shape {model.seen.shape}, not (images, bytes)")


def _preprocess(told: Mapping[str, Any]) -> Preprocess:
    low, high = told["percentiles"]
    return Preprocess(told["size"], (low, high), told["pixel_mm"])
