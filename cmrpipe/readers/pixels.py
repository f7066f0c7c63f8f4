"""The pixels of a DICOM file as an array."""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError

from cmrpipe.errors import DicomError
from cmrpipe.model import ImageRecord

_LARGEST = 1e12
"""Values of pixels beyond are those of a broken rescale tag: sums of their squares would leave float32."""


def stored_pixels(data: bytes, path: str | Path) -> tuple[npt.NDArray[Any], pydicom.Dataset]:
    """The pixels as they are stored, decompressed, and all tags (see `decode_pixels`)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # UIDs with leading zeros: one warning a file, and nothing follows from it
            dataset = pydicom.dcmread(BytesIO(data), specific_tags=None)
            return _right_justified(dataset), dataset
    except (
        InvalidDicomError,
        BytesLengthException,
        struct.error,
        OSError,
        EOFError,
        AttributeError,
        ValueError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        TypeError,
    ) as error:
        cause = f"its pixels cannot be read ({' '.join(str(error).split())})"
        raise DicomError(path, cause, "Fetch the file anew from its source") from error


def _right_justified(dataset: pydicom.Dataset) -> npt.NDArray[Any]:
    """The stored pixels, shifted down where BitsStored lie in the upper bits of a pixel, as old files have them.

    pydicom keeps the lowest BitsStored bits, whatever HighBit says.
    """
    bits, high = dataset.get("BitsStored"), dataset.get("HighBit")
    native = "TransferSyntaxUID" in dataset.file_meta and not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    shift = high + 1 - bits if native and isinstance(bits, int) and isinstance(high, int) else 0
    if not 0 < shift < 32 or high >= dataset.BitsAllocated:
        return np.asarray(dataset.pixel_array)
    dataset.BitsStored = high + 1
    pixels = np.asarray(dataset.pixel_array >> shift)
    dataset.BitsStored = bits
    return pixels


def with_decoded(record: ImageRecord, data: bytes) -> ImageRecord:
    """The record with the facts of its pixels where they are compressed; where they cannot be had, `error` says so.

    They are decoded for it: what no other stage could read is told here.
    """
    if record.error or (record.pixel_crc32 is not None and record.photometric):
        return record
    try:
        pixels, dataset = stored_pixels(data, record.path)
        _meant(pixels, dataset, record.path)
    except DicomError as error:
        return replace(record, error=error.cause)
    if record.pixel_crc32 is not None:
        return record
    stored = pixels.tobytes()
    return replace(
        record,
        pixel_min=int(pixels.min()),
        pixel_max=int(pixels.max()),
        pixel_crc32=zlib.crc32(stored),
        blank_rows=blank_rows(stored, len(pixels)),
    )


def blank_rows(stored: bytes, rows: int) -> int:
    """Whole rows of zeros at the end of an image's stored pixels."""
    return (len(stored) - len(stored.rstrip(b"\0"))) * rows // len(stored)


def decode_pixels(data: bytes, path: str | Path) -> npt.NDArray[np.generic]:
    """The image in a DICOM file's bytes.

    Parameters
    ----------
    path : what to call the file in an error

    Returns
    -------
    (rows, columns), the scanner's integer type; float32 in the rescaled unit where rescale tags are present. Large is
    bright: values of MONOCHROME1, where small is bright, are mirrored within the range of their stored bits

    Raises
    ------
    DicomError : it is not DICOM, or its pixels are truncated, or a rescale tag is no single number, a slope of 0, or
        makes values that float32 cannot be reckoned with
    """
    return _meant(*stored_pixels(data, path), path)


def _meant(pixels: npt.NDArray[Any], dataset: pydicom.Dataset, path: str | Path) -> npt.NDArray[np.generic]:
    """What stored pixels stand for (see `decode_pixels`)."""
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        pixels = _mirrored(pixels, int(dataset.get("BitsStored") or 0))
    slope, intercept = (_single(dataset, name, path) for name in ("RescaleSlope", "RescaleIntercept"))
    if slope is None and intercept is None:
        return np.asarray(pixels)
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope == 0:
        cause = "its pixels cannot be read (RescaleSlope is 0, which makes all values one)"
        raise DicomError(path, cause, "Fetch the file anew from its source")
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = pixels.astype(np.float64) * slope + intercept
    if not np.abs(scaled).max(initial=0) < _LARGEST:
        cause = f"its pixels cannot be read (RescaleSlope {slope:g} and RescaleIntercept {intercept:g} make no values)"
        raise DicomError(path, cause, "Fetch the file anew from its source")
    return np.asarray(scaled.astype(np.float32))


def _single(dataset: pydicom.Dataset, name: str, path: str | Path) -> float | None:
    """The one number of an element, None where it is absent or empty.

    Raises
    ------
    DicomError : it is no single number, or not finite
    """
    value = dataset.get(name)
    try:
        number = None if value is None or value == "" else float(value)
        if number is not None and not math.isfinite(number):
            raise ValueError
        return number
    except (TypeError, ValueError) as error:
        cause = f"its pixels cannot be read ({name} is {value!r}, no single number)"
        raise DicomError(path, cause, "Fetch the file anew from its source") from error


def _mirrored(pixels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """The same with dark and bright exchanged, in the same type."""
    if pixels.dtype.kind == "i":
        return np.asarray(np.bitwise_not(pixels))  # -1 - value: the range is mirrored onto itself
    top = max((1 << bits) - 1, int(pixels.max(initial=0)))
    return np.asarray(pixels.dtype.type(top) - pixels)
