"""A volume as a compressed NIfTI-1 file; equal volumes give equal bytes."""

from __future__ import annotations

import gzip
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from cmrpipe.export.volumes import Volume

ENDING = ".nii.gz"
_SCANNER = 1
"""NIFTI_XFORM_SCANNER_ANAT: coordinates are the scanner's."""
_UNKNOWN = 0
_QFORM_TOLERANCE = 1e-3


def nifti_bytes(array: npt.NDArray[Any], volume: Volume) -> bytes:
    """Encode the slices of a volume.

    Parameters
    ----------
    array : (slices, rows, columns); the file has (columns, rows, slices), as its affine does
    volume : where they lie; without affine, both of the file's transforms are marked unknown, and without spacing its
        units are
    """
    image: Any = nib.Nifti1Image(np.transpose(array, (2, 1, 0)), volume.affine)  # type: ignore[no-untyped-call]
    header = image.header
    if volume.spacing_mm is not None:
        header.set_zooms(volume.spacing_mm)
        header.set_xyzt_units("mm")
    if volume.affine is not None:
        image.set_sform(volume.affine, _SCANNER)
        image.set_qform(volume.affine, _SCANNER)  # a rotation only: it cannot hold slices that are offset sideways
        if not np.allclose(image.get_qform(), volume.affine, rtol=0, atol=_QFORM_TOLERANCE):
            image.set_qform(None, _UNKNOWN)
            header.set_zooms(volume.spacing_mm)
    content: bytes = image.to_bytes()
    return gzip.compress(content, compresslevel=6, mtime=0)
