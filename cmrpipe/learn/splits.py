"""Which patients a model learns from, which choose its best epoch, and which judge it.

Patients are split, never images: two images of one heart are near copies of each other. So are visits of one person:
where a table tells that several ids are one person, they stay together. Each part is taken from the people in the order
of a hash of (seed, id), so that membership depends on nothing but the seed and the set of ids, and a patient that
arrives later moves few of the others. Where the table tells the patients' pathology, every part gets its share of each.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from cmrpipe.errors import InputError, StoreError
from cmrpipe.files import canonical_json, sha256_bytes, write_json
from cmrpipe.learn.cohort import Cohort
from cmrpipe.nouns import counted

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


_UNKNOWN = Cohort()


def _ordered(patients: Iterable[str], cohort: Cohort, seed: int) -> list[tuple[str, ...]]:
    """People, each with all their ids, by hash; any run of neighbours has each pathology by its share.

    Member k of a kind of n stands at (k + 0.5) / n of the way, so kinds are spread evenly over the whole order. Of
    members at the same place the seed decides, not the kind's name.
    """
    people = cohort.people(patients)
    members: dict[str, list[str]] = defaultdict(list)
    for first in sorted(people, key=lambda p: (sha256_bytes(f"{seed}/{p}".encode()), p)):
        kinds = (cohort.pathology.get(patient, "") for patient in people[first])
        members[next(filter(None, kinds), "")].append(first)
    turn = {kind: sha256_bytes(f"{seed}/group/{kind}".encode()) for kind in members}
    spread = [((k + 0.5) / len(ids), turn[kind], first) for kind, ids in members.items() for k, first in enumerate(ids)]
    return [people[first] for _, _, first in sorted(spread)]


def _all(people: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(chain.from_iterable(people))


def split_patients(
    patients: Iterable[str], val_fraction: float, test_fraction: float, seed: int, cohort: Cohort = _UNKNOWN
) -> Split:
    """Divide patients; each part gets its share, rounded; training and test get one person at least.

    Parameters
    ----------
    patients : ids of the patients that have samples, in any order
    val_fraction, test_fraction : shares of all people, each below 0.5; a validation share of less than half a person
        is nobody
    seed : another seed, another split
    cohort : every part gets its share of each pathology, as far as whole people allow; ids of one person stay together

    Raises
    ------
    StoreError : there are fewer than three people
    """
    people = _ordered(patients, cohort, seed)
    if len(people) < FEWEST:
        names = ", ".join(sorted(_all(people))) or "none"
        raise StoreError(
            "store",
            f"has {_count(people)} with contours ({names}), and a model needs {FEWEST}: "
            "two to learn from, one to judge it",
            "Land more patients, or see `cmrpipe validate` for why contours were left out",
        )
    test = max(1, round(test_fraction * len(people)))
    val = min(round(val_fraction * len(people)), len(people) - test - 1)
    return Split(train=_all(people[test + val :]), val=_all(people[test : test + val]), test=_all(people[:test]))


def cross_splits(
    patients: Iterable[str], folds: int | None, val_fraction: float, seed: int, cohort: Cohort = _UNKNOWN
) -> list[Split]:
    """Splits in which every patient is judged once.

    Parameters
    ----------
    patients : ids
    folds : number of splits; None judges one person at a time
    val_fraction : of the people that are not judged in a split, below 0.5
    seed, cohort : as in `split_patients`

    Raises
    ------
    StoreError : there are fewer people than folds, or fewer than three
    """
    ids = set(patients)
    people = list(cohort.people(ids).values()) if folds is None else _ordered(ids, cohort, seed)
    count = len(people) if folds is None else folds
    if len(people) < max(FEWEST, count):
        raise StoreError("store", f"has {_count(people)}, too few for {count} folds", "Ask for fewer folds")
    splits = []
    for k in range(count):
        test = _all(people[k * len(people) // count : (k + 1) * len(people) // count])
        others = _ordered(ids.difference(test), cohort, seed)
        val = round(val_fraction * len(others))
        splits.append(Split(_all(others[val:]), _all(others[:val]), test))
    return splits


def _count(people: Sequence[tuple[str, ...]]) -> str:
    """How many patients there are, and of how many people where that is another number."""
    ids, number = len(_all(people)), len(people)
    who = f" who are {number} {'person' if number == 1 else 'people'}" if number < ids else ""
    return f"{counted(ids, 'patient')}{who}"


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
        raise InputError(path, f"cannot be read ({error})", "Run `cmrpipe train`, or name another model") from error
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
