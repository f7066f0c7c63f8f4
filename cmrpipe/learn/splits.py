"""Which patients a model learns from, which choose its best epoch, and which judge it.

Patients are split, never images: two images of one heart are near copies of each other. Each part is taken from the
patients in the order of a hash of (seed, id), so that membership depends on nothing but the seed and the set of ids,
and a patient that arrives later moves few of the others.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cmrpipe.errors import InputError, StoreError
from cmrpipe.files import sha256_bytes, write_json

SCHEMA = 1
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Split:
    """Patient ids of each part, sorted; no patient is in two parts and no part is empty."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("train", "val", "test"):
            part = tuple(sorted(getattr(self, name)))
            if not part:
                raise ValueError(f"no patient in {name}")
            object.__setattr__(self, name, part)
        count = Counter(self.train + self.val + self.test)
        twice = sorted(patient for patient in count if count[patient] > 1)
        if twice:
            raise ValueError(f"patients that are there twice: {', '.join(twice)}")


def split_patients(patients: Iterable[str], val_fraction: float, test_fraction: float, seed: int) -> Split:
    """Divide patients; each part gets its share, rounded, and at least one patient.

    Parameters
    ----------
    patients : ids of the patients that have samples, in any order
    val_fraction, test_fraction : shares of all patients, each below 0.5
    seed : another seed, another split

    Raises
    ------
    StoreError : there are fewer than three patients
    """
    ids = sorted(set(patients), key=lambda patient: (sha256_bytes(f"{seed}/{patient}".encode()), patient))
    if len(ids) < FEWEST:
        names = ", ".join(ids) or "none"
        raise StoreError(
            "store",
            f"has {len(ids)} patients with contours ({names}), and a model needs {FEWEST}: "
            "one to learn from, one to choose the best epoch, one to judge it",
            "Land more patients, or see `cmrpipe validate` for why contours were left out",
        )
    test = min(max(1, round(test_fraction * len(ids))), len(ids) - 2)
    val = min(max(1, round(val_fraction * len(ids))), len(ids) - test - 1)
    return Split(train=tuple(ids[test + val :]), val=tuple(ids[test : test + val]), test=tuple(ids[:test]))


def write_split(path: Path, split: Split) -> None:
    """Store a split as JSON."""
    write_json(path, {"schema": SCHEMA, **asdict(split)})


def read_split(path: Path) -> Split:
    """Read what `write_split` wrote.

    Raises
    ------
    InputError : it is missing, or is no split, or has a patient in two parts
    """
    mend = "Run `cmrpipe train` again"
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", mend) from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(path, f"is not a split of schema {SCHEMA}", mend)
    try:
        return Split(_ids(content.get("train")), _ids(content.get("val")), _ids(content.get("test")))
    except ValueError as error:
        raise InputError(path, f"is no split of patients: {error}", mend) from error


def _ids(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(patient, str) for patient in value):
        raise ValueError("each part must be a list of patient ids")
    return tuple(value)
