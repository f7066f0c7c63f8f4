"""Stores made of raw folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmrpipe.model import Quarantine
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store
from cmrpipe.stages.summary import Summary
from cmrpipe.store import StoreFormat

FORMATS = tuple(StoreFormat)
in_each_format = pytest.mark.parametrize("store_format", FORMATS)


def build(
    raw: Path,
    base: Path,
    rows: tuple[Quarantine, ...] = (),
    workers: int = 1,
    store_format: StoreFormat = StoreFormat.HDF5,
) -> Summary:
    """Ingest and store below `base`."""
    ingest(raw, base / "catalog", base / "state", IngestParams(), listen=silent)
    write_quarantine(base / "quarantine.csv", rows)
    params = StoreParams(format=store_format.value)
    return store(raw, base / "catalog", base / "quarantine.csv", base / "store", params, listen=silent, workers=workers)
