"""The file formats by name."""

from __future__ import annotations

from cmrpipe.store.backend import Backend
from cmrpipe.store.hdf5 import HDF5
from cmrpipe.store.schema import StoreFormat
from cmrpipe.store.zarrzip import ZARR

BACKENDS: dict[StoreFormat, Backend] = {StoreFormat.HDF5: HDF5, StoreFormat.ZARR: ZARR}
