"""A small store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cmrpipe.store import PatientData
from tests.learn.hearts import PATIENTS, make_patient, write_store


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 patients of 4 images; read only."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    return write_store(tmp_path_factory.mktemp("small") / "store", patients)


@pytest.fixture
def store_of(tmp_path: Path) -> Callable[[Sequence[PatientData]], Path]:
    """Write a store of one's own."""
    return lambda patients: write_store(tmp_path / "store", patients)
