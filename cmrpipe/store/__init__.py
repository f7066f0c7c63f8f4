"""The training store: samples to HDF5 and back."""

from cmrpipe.store.reader import Store, open_store
from cmrpipe.store.schema import PatientData
from cmrpipe.store.writer import write_index, write_patient

__all__ = ["PatientData", "Store", "open_store", "write_index", "write_patient"]
