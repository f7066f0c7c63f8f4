"""Which patients a model learns from, which choose its best epoch, and which judge it.

Patients are split, never images: two images of one heart are near copies of each other. Each part is taken from the
patients in the order of a hash of (seed, id), so that membership depends on nothing but the seed and the set of ids,
and a patient that arrives later moves few of the others. Where a table tells the patients' pathology, every part gets
its share of each.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cmrpipe.errors import InputError, StoreError
from cmrpipe.files import canonical_json, sha256_bytes, write_json

SCHEMA = 1
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Split:
    """Patient ids of each part, sorted; no patient is in two parts, and only `val` may be empty."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("train", "val", "test"):
            part = tuple(sorted(getattr(self, name)))
            if not part and name != "val":
                raise ValueError(f"no patient in {name}")
            object.__setattr__(self, name, part)
        count = Counter(self.train + self.val + self.test)
        twice = sorted(patient for patient in count if count[patient] > 1)
        if twice:
            raise ValueError(f"patients that are there twice: {', '.join(twice)}")


Groups = Mapping[str, str]
"""Pathology by patient id; patients that it does not name are a group of their own."""


def _ordered(patients: Iterable[str], groups: Groups, seed: int) -> list[str]:
    """Patients by hash; with groups, such that any run of neighbours holds each group by its share.

    Member k of a group of n stands at (k + 0.5) / n of the way, so groups are spread evenly over the whole order. Of
    members at the same place the seed decides, not the group's name.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for patient in sorted(set(patients), key=lambda p: (sha256_bytes(f"{seed}/{p}".encode()), p)):
        members[groups.get(patient, "")].append(patient)
    if len(members) == 1:
        return next(iter(members.values()))
    turn = {group: sha256_bytes(f"{seed}/group/{group}".encode()) for group in members}
    spread = [
        ((k + 0.5) / len(ids), turn[group], patient) for group, ids in members.items() for k, patient in enumerate(ids)
    ]
    return [patient for _, _, patient in sorted(spread)]


def split_patients(
    patients: Iterable[str], val_fraction: float, test_fraction: float, seed: int, groups: Groups | None = None
) -> Split:
    """Divide patients; each part gets its share, rounded; training and test get one at least.

    Parameters
    ----------
    patients : ids of the patients that have samples, in any order
    val_fraction, test_fraction : shares of all patients, each below 0.5; a validation share of less than half a patient
        is nobody
    seed : another seed, another split
    groups : pathology by patient; every part gets its share of each, as far as whole patients allow

    Raises
    ------
    StoreError : there are fewer than three patients
    """
    ids = _ordered(patients, groups or {}, seed)
    if len(ids) < FEWEST:
        names = ", ".join(ids) or "none"
        raise StoreError(
            "store",
            f"has {len(ids)} patients with contours ({names}), and a model needs {FEWEST}: "
            "two to learn from, one to judge it",
            "Land more patients, or see `cmrpipe validate` for why contours were left out",
        )
    test = min(max(1, round(test_fraction * len(ids))), len(ids) - 2)
    val = min(round(val_fraction * len(ids)), len(ids) - test - 1)
    return Split(train=tuple(ids[test + val :]), val=tuple(ids[test : test + val]), test=tuple(ids[:test]))


def cross_splits(
    patients: Iterable[str], folds: int | None, val_fraction: float, seed: int, groups: Groups | None = None
) -> list[Split]:
    """Splits in which every patient is judged once.

    Parameters
    ----------
    patients : ids
    folds : number of splits; None judges one patient at a time
    val_fraction : of the patients that are not judged in a split
    seed, groups : as in `split_patients`

    Raises
    ------
    StoreError : there are fewer patients than folds, or fewer than three
    """
    ids = sorted(set(patients)) if folds is None else _ordered(patients, groups or {}, seed)
    count = len(ids) if folds is None else folds
    if len(ids) < max(FEWEST, count):
        raise StoreError("store", f"has {len(ids)} patients, too few for {count} folds", "Ask for fewer folds")
    splits = []
    for k in range(count):
        test = ids[k * len(ids) // count : (k + 1) * len(ids) // count]
        others = _ordered([patient for patient in ids if patient not in test], groups or {}, seed)
        val = min(round(val_fraction * len(others)), len(others) - 1)
        splits.append(Split(tuple(others[val:]), tuple(others[:val]), tuple(test)))
    return splits


def read_groups(path: Path) -> dict[str, str]:
    """Pathology by patient, from a table with columns patient_id and pathology; no file is an empty table.

    Raises
    ------
    InputError : it is no such table, or names a patient twice
    """
    if not path.exists():
        return {}
    mend = "Give it the columns patient_id and pathology, and a row a patient"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
            columns = set(rows[0]) if rows else {"patient_id", "pathology"}
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error})", mend) from error
    if not {"patient_id", "pathology"} <= columns:
        raise InputError(path, f"has columns {', '.join(sorted(map(str, columns)))}", mend)
    short = [number for number, row in enumerate(rows, 1) if None in row or None in row.values()]
    if short:
        raise InputError(path, f"has a row with more or fewer cells than columns (row {short[0]} of patients)", mend)
    found = {row["patient_id"].strip(): row["pathology"].strip() for row in rows}
    if len(found) < len(rows):
        twice = sorted(p for p, n in Counter(row["patient_id"].strip() for row in rows).items() if n > 1)
        raise InputError(path, f"names patients twice: {', '.join(twice)}", mend)
    return found


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


def split_hash(split: Split) -> str:
    """SHA-256 of who is in which part; a model keeps that of its own split."""
    return sha256_bytes(canonical_json(asdict(split)))


def refuse_other_split(path: Path, split: Split, origin: Mapping[str, Any]) -> None:
    """Refuse to judge a model on other patients than were set aside when it was trained.

    Parameters
    ----------
    path : where the split was read
    origin : what the model says of how it came about; `split` is the hash of its split

    Raises
    ------
    InputError : the split is another one, or the model does not tell its own
    """
    if origin.get("split") != split_hash(split):
        raise InputError(path, "is not the split that the model was trained with", "Run `cmrpipe train` again")


def _ids(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(patient, str) for patient in value):
        raise ValueError("each part must be a list of patient ids")
    return tuple(value)
