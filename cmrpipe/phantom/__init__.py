"""The phantom: a synthetic data set with known truth, and faults that can be planted in it."""

from cmrpipe.phantom.faults import FAULTS
from cmrpipe.phantom.generate import write_phantom
from cmrpipe.phantom.truth import Planted, Truth, read_truth

__all__ = ["FAULTS", "Planted", "Truth", "read_truth", "write_phantom"]
