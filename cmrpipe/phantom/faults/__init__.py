"""Faults that can be planted."""
from __future__ import annotations
from collections.abc import Sequence
from pathlib import Path
from typing import Any
import numpy as np
from cmrpipe.phantom.truth import Planted, Truth
FAULTS: dict[str, Any] = {}
def choose(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names)
def plant(folder: Path, truth: Truth, names: Sequence[str], rng: np.random.Generator) -> tuple[Planted, ...]:
    return ()
