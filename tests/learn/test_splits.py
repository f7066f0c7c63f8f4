"""Splits."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmrpipe.errors import InputError, StoreError
from cmrpipe.learn.cohort import Cohort
from cmrpipe.learn.splits import (
    Split,
    cross_splits,
    read_split,
    refuse_other_split,
    split_hash,
    split_patients,
    write_split,
)

IDS = st.sets(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8), min_size=3)
FRACTION = st.floats(0.01, 0.49)


@given(IDS, FRACTION, FRACTION, st.integers(0, 99))
def test_every_patient_is_in_one_part(ids: set[str], val: float, test: float, seed: int) -> None:
    """Parts are disjoint and together all patients; training and test have one at least, pathologies or not."""
    for cohort in (Cohort(), Cohort({patient: patient[0] for patient in ids})):
        split = split_patients(ids, val, test, seed, cohort)
        assert sorted(split.train + split.val + split.test) == sorted(ids)
        assert split.train
        assert len(split.test) == max(1, round(test * len(ids)))
        assert len(split.val) <= round(val * len(ids))


@given(IDS, st.integers(2, 6), st.floats(0, 0.4), st.integers(0, 9))
def test_a_cross_validation_judges_every_patient_once(ids: set[str], folds: int, val: float, seed: int) -> None:
    """Whatever the number of folds, with groups or without; a fold's training patients are all others."""
    folds = min(folds, len(ids))
    for cohort in (Cohort(), Cohort({patient: patient[-1] for patient in ids})):
        for splits in (cross_splits(ids, folds, val, seed, cohort), cross_splits(ids, None, val, seed, cohort)):
            assert sorted(patient for split in splits for patient in split.test) == sorted(ids)
            assert all(sorted(s.train + s.val + s.test) == sorted(ids) for s in splits)
            assert all(s.train for s in splits)
        assert all(len(split.test) == 1 for split in splits)


def test_every_part_gets_its_share_of_each_pathology() -> None:
    """12 of one kind, 12 of another, 6 of a third: 2, 2 and 1 or 2 of each in every fold and in the test part."""
    groups = {f"P{i:02}": "HF-I" if i < 12 else "HF-NI" if i < 24 else "HYP" for i in range(30)}
    counts = {"HF-I": 12, "HF-NI": 12, "HYP": 6}
    judged = [split.test for split in cross_splits(groups, 5, 0.1, 3, Cohort(groups))]
    judged.append(split_patients(groups, 0.1, 0.2, 3, Cohort(groups)).test)
    for part in judged:
        assert len(part) == 6
        for kind, count in counts.items():
            assert abs(sum(groups[p] == kind for p in part) - count / 5) < 1


def test_a_kind_of_a_few_is_in_the_middle_of_the_order() -> None:
    """One of ten is no tenth of the judged, nor of those that choose: with two of ten each, that one is learnt from."""
    kinds = dict.fromkeys("abcdefghi", "HF") | {"j": "HYP"}
    for seed in range(5):
        assert "j" in split_patients(kinds, 0.2, 0.2, seed, Cohort(kinds)).train


def test_a_persons_kind_is_that_of_any_visit() -> None:
    """Where the first is not told, the next one's."""
    person = {f"{p}{visit}": p for p in "abcdef" for visit in (1, 2)}
    told = {f"{p}1": "HF" if p < "d" else "HYP" for p in "abcdef"}
    late = {patient.replace("1", "2"): kind for patient, kind in told.items()}
    for seed in range(5):
        one, other = (split_patients(person, 0.2, 0.2, seed, Cohort(kinds, person)) for kinds in (told, late))
        assert one == other


@given(IDS, st.lists(st.integers(0, 9), min_size=1), FRACTION, FRACTION, st.integers(0, 9), st.booleans())
def test_visits_of_one_person_stay_together(
    ids: set[str], visits: list[int], val: float, test: float, seed: int, kinds: bool
) -> None:
    """Whoever are visits of whom, with pathologies or without: nobody is in two parts, and every id is in one."""
    person = {patient: f"person {number}" for patient, number in zip(sorted(ids), visits, strict=False)}
    pathology = {patient: patient[0] for patient in ids} if kinds else {}
    cohort = Cohort(pathology, person)
    people = cohort.people(ids)
    if len(people) < 3:
        with pytest.raises(StoreError, match=f"{len(people)} pe(ople|rson)"):
            split_patients(ids, val, test, seed, cohort)
        return
    one = split_patients(ids, val, test, seed, cohort)
    assert len({person.get(p, p) for p in one.test}) == max(1, round(test * len(people)))
    folds = [cross_splits(ids, n, val, seed, cohort) for n in (min(3, len(people)), None)]
    for split in (one, *folds[0], *folds[1]):
        parts = [set(split.train), set(split.val), set(split.test)]
        assert sorted(split.train + split.val + split.test) == sorted(ids)
        assert all(sum(not part.isdisjoint(some) for part in parts) == 1 for some in people.values())
    for splits in folds:
        assert sorted(patient for split in splits for patient in split.test) == sorted(ids)
    assert len(folds[1]) == len(people)


@given(IDS, st.integers(0, 99), st.randoms())
def test_membership_depends_on_the_set_of_ids_alone(ids: set[str], seed: int, random: Random) -> None:
    """The order in which patients come changes nothing."""
    listed = sorted(ids)
    shuffled = listed.copy()
    random.shuffle(shuffled)
    assert split_patients(shuffled, 0.2, 0.2, seed) == split_patients(listed, 0.2, 0.2, seed)


def test_seeds_give_other_splits() -> None:
    """Over ten seeds, the test patient is not always the same."""
    assert len({split_patients("abcde", 0.2, 0.2, seed).test for seed in range(10)}) > 1


def test_groups_of_one_size_take_their_turns() -> None:
    """With as many patients of each pathology, any patient may be judged: the seed decides, not a name."""
    alone = dict(zip("abcde", ("HF-I", "HF-NI", "HYP", "N", ""), strict=True))
    assert {split_patients(alone, 0, 0.2, seed, Cohort(alone)).test[0] for seed in range(50)} == set("abcde")
    pairs = {f"{kind}{i}": kind for kind in ("HF-I", "HF-NI", "HYP", "N") for i in range(2)}
    judged = [{pairs[p] for p in split_patients(pairs, 0, 0.25, seed, Cohort(pairs)).test} for seed in range(50)]
    assert all(len(kinds) == 2 for kinds in judged)
    assert set().union(*judged) == {"HF-I", "HF-NI", "HYP", "N"}


def test_shares_are_kept() -> None:
    """5 patients at 0.2 and 0.2 split 3, 1, 1; 30 split 18, 6, 6; a tenth of 4 is nobody."""
    assert split_patients("abcd", 0.1, 0.2, 0).val == ()
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
    names, ending = ", ".join(ids) or "none", "" if len(ids) == 1 else "s"
    with pytest.raises(StoreError, match=rf"has {len(ids)} patient{ending} with contours \({names}\)"):
        split_patients(ids, 0.2, 0.2, 0)


def test_one_person_is_called_one() -> None:
    """Two visits of one, and two people."""
    visits = Cohort({}, {"a": "ann", "b": "ann"})
    with pytest.raises(StoreError, match=r"has 2 patients who are 1 person with contours \(a, b\)"):
        split_patients("ab", 0.2, 0.2, 0, visits)
    with pytest.raises(StoreError, match=r"has 3 patients who are 2 people with"):
        split_patients("abc", 0.2, 0.2, 0, visits)


@pytest.mark.parametrize(("ids", "folds"), [("ab", 2), ("ab", None), ("abcd", 5)])
def test_too_few_patients_for_a_cross_validation_are_refused(ids: str, folds: int | None) -> None:
    """Two cannot be learnt from, chosen by and judged; a fold without a patient judges nobody."""
    with pytest.raises(StoreError, match=f"has {len(ids)} patients, too few for {folds or 2} folds"):
        cross_splits(ids, folds, 0.2, 0)


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
        '{"schema": 1, "train": [], "val": ["b"], "test": ["c"]}',
        '{"schema": 1, "train": ["a"], "val": ["b"], "test": ["a"]}',
        '{"schema": 1, "train": "a", "val": ["b"], "test": ["c"]}',
        '{"schema": 1, "train": [1], "val": ["b"], "test": ["c"]}',
        '{"schema": 2, "train": ["a"], "val": ["b"], "test": ["c"]}',
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
    for parts in ((("a",), ("b",), ("a", "c")), (("a",), ("a",), ("c",)), (("b",), ("a",), ("a",))):
        with pytest.raises(ValueError, match="twice: a"):
            Split(*parts)


def test_a_model_is_judged_by_its_own_split_alone(tmp_path: Path) -> None:
    """Neither by another one, nor where it does not tell its own."""
    split = split_patients("abcdefgh", 0.2, 0.2, 1)
    refuse_other_split(tmp_path, split, {"split": split_hash(split)})
    for origin in ({"split": split_hash(split_patients("abcdefgh", 0.2, 0.2, 2))}, {}):
        with pytest.raises(InputError, match="not the split that the model was trained with"):
            refuse_other_split(tmp_path, split, origin)


def test_who_is_in_a_part_has_no_order() -> None:
    """The parts are sorted, so that a split that was written and its hash depend on who is in them alone."""
    split = Split(("d", "a"), ("f", "b"), ("e", "c"))
    assert split == Split(("a", "d"), ("b", "f"), ("c", "e"))
    assert split_hash(split) == split_hash(Split(("a", "d"), ("b", "f"), ("c", "e")))
    assert split_hash(split) != split_hash(Split(("a", "b"), ("d", "f"), ("c", "e")))
