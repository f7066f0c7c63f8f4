"""The store in forms that other programs read: NumPy arrays, NIfTI, an nnU-Net raw folder."""

from cmrpipe.export.run import Exported, Kind, export

__all__ = ["Exported", "Kind", "export"]
