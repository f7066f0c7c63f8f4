"""The training store: samples to HDF5 or Zarr and back."""

from cmrpipe.store.reader import Store, StoredArray, open_store
from cmrpipe.store.schema import PatientData, StoreFormat
from cmrpipe.store.writer import write_index, write_patient

__all__ = ["PatientData", "Store", "StoreFormat", "StoredArray", "open_store", "write_index", "write_patient"]
