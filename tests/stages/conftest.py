"""Sets that several tests of validation look at, and a model that those of learning share."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmrpipe.phantom import Truth, write_phantom
from cmrpipe.progress import silent
from cmrpipe.stages.train import train
from tests.learn.hearts import PATIENTS, make_patient, write_store
from tests.stages.faulty import SEED, SIZE, check
from tests.stages.learned import QUICK


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Four clean patients in `set`, validated beside it; read only."""
    base = tmp_path_factory.mktemp("clean") / "base"
    truth = write_phantom(base / "set", 4, SEED, **SIZE)
    check(base / "set", base)
    return base, truth


@pytest.fixture(scope="module")
def real(final_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 5 real patients, validated."""
    base = tmp_path_factory.mktemp("real")
    check(final_data, base, workers=2)
    return base


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 patients of 4 images."""
    patients = [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)]
    return write_store(tmp_path_factory.mktemp("stages") / "store", patients)


@pytest.fixture(scope="session")
def model(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model; read only."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    train(store, folder, QUICK, listen=silent)
    return folder
