"""Splits."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmrpipe.errors import InputError, StoreError
from cmrpipe.learn.splits import Split, read_split, split_patients, write_split

IDS = st.sets(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8), min_size=3)
FRACTION = st.floats(0.01, 0.49)


@given(IDS, FRACTION, FRACTION, st.integers(0, 99))
def test_every_patient_is_in_one_part_and_no_part_is_empty(ids: set[str], val: float, test: float, seed: int) -> None:
    """Parts are disjoint, together all patients, and each has one at least."""
    split = split_patients(ids, val, test, seed)
    assert sorted(split.train + split.val + split.test) == sorted(ids)
    assert split.train
    assert split.val
    assert split.test


@given(IDS, st.integers(0, 99), st.randoms())
def test_membership_depends_on_the_set_of_ids_alone(ids: set[str], seed: int, random: object) -> None:
    """The order in which patients come changes nothing."""
    listed = sorted(ids)
    shuffled = listed.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_patients(shuffled, 0.2, 0.2, seed) == split_patients(listed, 0.2, 0.2, seed)


def test_seeds_give_other_splits() -> None:
    """Over ten seeds, the test patient is not always the same."""
    assert len({split_patients("abcde", 0.2, 0.2, seed).test for seed in range(10)}) > 1


def test_shares_are_kept() -> None:
    """5 patients at 0.2 and 0.2 split 3, 1, 1; 30 split 18, 6, 6."""
    for count, expected in ((5, (3, 1, 1)), (30, (18, 6, 6))):
        split = split_patients([f"P{i}" for i in range(count)], 0.2, 0.2, 0)
        assert (len(split.train), len(split.val), len(split.test)) == expected


def test_a_new_patient_moves_few() -> None:
    """When the 31st patient arrives, at most one leaves each of val and test."""
    before = split_patients([f"P{i}" for i in range(30)], 0.2, 0.2, 0)
    after = split_patients([f"P{i}" for i in range(31)], 0.2, 0.2, 0)
    assert len(set(before.test) - set(after.test)) <= 1
    assert len(set(before.train) & set(after.test + after.val)) <= 1


@pytest.mark.parametrize("ids", ["", "a", "ab"])
def test_too_few_patients_are_refused(ids: str) -> None:
    """Fewer than three patients cannot be split, and the message says how many there are."""
    with pytest.raises(StoreError, match=f"has {len(ids)} patients"):
        split_patients(ids, 0.2, 0.2, 0)


def test_a_split_comes_back_from_its_file(tmp_path: Path) -> None:
    """Writing and reading gives the same."""
    split = split_patients("abcdefgh", 0.2, 0.2, 1)
    write_split(tmp_path / "splits.json", split)
    assert read_split(tmp_path / "splits.json") == split


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 1, "train": ["a"], "val": ["b"]}',
        '{"schema": 1, "train": ["a"], "val": ["b"], "test": []}',
        '{"schema": 1, "train": ["a"], "val": ["b"], "test": ["a"]}',
        '{"schema": 1, "train": "a", "val": ["b"], "test": ["c"]}',
    ],
)
def test_what_is_no_split_is_refused(tmp_path: Path, text: str) -> None:
    """A damaged file, or one with a patient on two sides, is an InputError that names it."""
    path = tmp_path / "splits.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"splits\.json"):
        read_split(path)


def test_a_patient_on_two_sides_cannot_be_made() -> None:
    """The value object refuses it."""
    with pytest.raises(ValueError, match="twice: a"):
        Split(("a",), ("b",), ("a", "c"))
