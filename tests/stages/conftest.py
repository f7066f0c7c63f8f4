"""Sets that several tests of validation look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmrpipe.phantom import Truth, write_phantom
from tests.stages.faulty import SEED, SIZE, check


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
