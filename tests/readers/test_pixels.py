"""Values of pixels: as they are meant, whatever way they are stored."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from cmrpipe.errors import DicomError
from cmrpipe.readers.pixels import decode_pixels
from tests.readers.images import first_image


@pytest.mark.parametrize(("kind", "bits"), [("<i2", 16), ("<u2", 12), ("<u2", 16), ("u1", 8)])
@pytest.mark.parametrize("slope", [None, 0.5])
def test_large_is_bright_whatever_the_file_says(
    small_phantom: Path, tmp_path: Path, kind: str, bits: int, slope: float | None
) -> None:
    """An image stored as MONOCHROME1 with its values mirrored is the original but for an offset."""
    ds = pydicom.dcmread(first_image(small_phantom))
    stored = (ds.pixel_array.astype(np.int32) // 8).clip(0, 255)
    dark = (-1 - stored if kind == "<i2" else (1 << bits) - 1 - stored).astype(kind)
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = dark.dtype.itemsize * 8, bits, bits - 1
    ds.PixelRepresentation = int(kind == "<i2")
    if slope is not None:
        ds.RescaleSlope, ds.RescaleIntercept = slope, 3.0
    ds.PixelData = dark.tobytes()
    ds.save_as(tmp_path / "1.dcm")
    pixels = decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm")
    assert pixels.dtype == (dark.dtype if slope is None else np.float32)
    np.testing.assert_array_equal(pixels, stored if slope is None else stored * slope + 3)


@pytest.mark.parametrize(("kind", "shift"), [("<u2", 4), ("<u2", 2), ("<i2", 4)])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_bits_that_lie_high_are_shifted_down(
    small_phantom: Path, tmp_path: Path, kind: str, shift: int, photometric: str
) -> None:
    """BitsStored in the upper bits of a pixel, below HighBit, give the values that the lowest bits would give."""
    ds = pydicom.dcmread(first_image(small_phantom))
    stored = (ds.pixel_array.astype(np.int32)).clip(0, 2047) - (1000 if kind == "<i2" else 0)
    ds.PhotometricInterpretation = photometric
    ds.PixelRepresentation = int(kind == "<i2")
    decoded = []
    for high, values in ((11, stored), (11 + shift, stored << shift)):
        ds.BitsStored, ds.HighBit = 12, high
        ds.PixelData = values.astype(kind).tobytes()
        ds.save_as(tmp_path / "1.dcm")
        decoded.append(decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm"))
    np.testing.assert_array_equal(decoded[1], decoded[0])
    if photometric == "MONOCHROME2":
        np.testing.assert_array_equal(decoded[1], stored)


@pytest.mark.filterwarnings("ignore")
def test_rescale_tags_that_are_no_number_are_told(small_phantom: Path, tmp_path: Path) -> None:
    """Empty ones are absent; two values are an error that names the file."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.add_new("RescaleSlope", "DS", "")
    ds.save_as(tmp_path / "1.dcm")
    np.testing.assert_array_equal(decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm"), ds.pixel_array)
    ds.add_new("RescaleSlope", "DS", ["1", "2"])
    ds.save_as(tmp_path / "1.dcm")
    with pytest.raises(DicomError, match=r"1\.dcm"):
        decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", ["nan", "-inf", "1e308", "1e30"])
@pytest.mark.parametrize("name", ["RescaleSlope", "RescaleIntercept"])
def test_rescale_tags_that_make_no_values_are_told(small_phantom: Path, tmp_path: Path, name: str, number: str) -> None:
    """Neither NaN nor infinity comes out of a file, nor what turns into them where it is reckoned with."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.add_new(name, "LO", number)
    ds.save_as(tmp_path / "1.dcm")
    with pytest.raises(DicomError, match=rf"1\.dcm.*{name}"):
        decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm")


def test_a_slope_of_nothing_is_told(small_phantom: Path, tmp_path: Path) -> None:
    """It would make a blank image of any."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.RescaleSlope, ds.RescaleIntercept = 0, 0
    ds.save_as(tmp_path / "1.dcm")
    with pytest.raises(DicomError, match=r"1\.dcm.*RescaleSlope is 0"):
        decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm")


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, None), (None, -5.0), (0.5, 3.0), (1.0, 0.0)])
def test_rescale_tags_are_applied_when_either_is_there(
    small_phantom: Path, tmp_path: Path, slope: float | None, intercept: float | None
) -> None:
    """A missing slope is 1 and a missing intercept 0; the result is float32."""
    ds = pydicom.dcmread(first_image(small_phantom))
    stored = ds.pixel_array.astype(np.float64)
    if slope is not None:
        ds.RescaleSlope = slope
    if intercept is not None:
        ds.RescaleIntercept = intercept
    ds.save_as(tmp_path / "1.dcm")
    pixels = decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm")
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels.astype(np.float64), stored * (slope or 1.0) + (intercept or 0.0), rtol=1e-6)
