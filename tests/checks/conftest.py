"""What several tests of the checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cmrpipe.params import IngestParams
from cmrpipe.progress import silent
from cmrpipe.stages.ingest import ingest


@pytest.fixture(scope="session")
def real_catalogs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The 30 real patients, catalogued in `catalog` below a folder for each of both sets; read only."""
    bases = {name: tmp_path_factory.mktemp(name) for name in ("final_data", "more_patients")}
    for name, base in bases.items():
        ingest(shared_data / name, base / "catalog", base / "state", IngestParams(), listen=silent, workers=2)
    return bases
