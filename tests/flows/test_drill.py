"""The drills of `make drill`, few faults each: all are detected and mended or told, none is read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from drill import corruption, kill
from drill.harm import IN_ZARR
from drill.rebuild_kills import kill_rebuild
from drill.yard import Yard, new_yard

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """A workspace with a store, a cache and a remote."""
    return new_yard(tmp_path_factory.mktemp("yard"), "hdf5")


def test_every_fault_of_a_zarr_store_is_named_and_mended_and_never_read(tmp_path: Path) -> None:
    """Chunks that are renamed, deleted or swapped, and altered metadata: each is named, and every byte comes back."""
    yard = new_yard(tmp_path, "zarr")
    kinds = {kind: harm for kind, harm in corruption.kinds(yard, "store").items() if kind in IN_ZARR}
    assert set(kinds) == set(IN_ZARR)
    found = corruption.total(corruption.drill(yard, 5, 5, {"store": kinds}, tell=False).values())
    assert found == {"planted": 5, "detected": 5, "named": 5, "mended": 5, "lost": 0, "read": 0}


def test_faults_are_named_and_mended_and_never_read(yard: Yard) -> None:
    """Sixty random faults in store, raw data, cache and remote: each is named, and every byte comes back."""
    found = corruption.total(corruption.drill(yard, 60, 5, tell=False).values())
    assert found == {"planted": 60, "detected": 60, "named": 60, "mended": 60, "lost": 0, "read": 0}


def test_what_nothing_can_bring_back_is_told_as_lost(yard: Yard) -> None:
    """A raw file whose every copy is harmed is named, and said to be lost."""
    found = corruption.lose(yard, 1, 5)
    assert (found.planted, found.detected, found.lost) == (1, 1, 1)


def test_a_rebuild_that_is_killed_leaves_nothing_wrong_to_read(yard: Yard) -> None:
    """Whenever `rebuild` is killed, no damaged patient is read, and the next rebuild brings all back."""
    found = kill_rebuild(yard, 2, 5, tell=False)
    assert (found["wrong"], found["different"]) == (0, 0)


def test_a_stage_that_is_killed_leaves_one_of_two_states(tmp_path: Path) -> None:
    """Whenever ingest or store is killed, readers get the old or the new state, and the next run ends as ever."""
    for subject in kill.subjects(tmp_path, ("hdf5",)):
        counts = kill.drill(subject, 3, random.Random(7), tell=False)
        assert counts["old"] + counts["new"] == 3, counts
        assert {counts["wrong"], counts["orphans"], counts["different"]} == {0}, counts
