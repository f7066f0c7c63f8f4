"""DICOM files: their headers, and what is told of those that cannot be used."""

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from cmrpipe.errors import DicomError
from cmrpipe.model import ImageRecord
from cmrpipe.readers.dicom import file_number, read_header, study_uid
from cmrpipe.readers.mends import NO_SYNTAX
from cmrpipe.readers.pixels import decode_pixels, with_decoded
from tests.readers.images import first_image


def header(path: Path) -> ImageRecord:
    """The record of a file."""
    return read_header(path.read_bytes(), f"dicoms/P/{path.name}", "P")


def test_header_equals_pydicoms_on_real_data(final_data: Path) -> None:
    """Every field that is read equals what pydicom's Dataset says, for images of every patient."""
    for path in sorted(final_data.glob("dicoms/*/*.dcm"))[::37]:
        record = header(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(path)
            assert record.error == ""
            assert record.instance_number == ds.InstanceNumber
            assert record.trigger_time_ms == pytest.approx(float(ds.TriggerTime))
            assert record.position_mm == tuple(map(float, ds.ImagePositionPatient))
            assert record.orientation == tuple(map(float, ds.ImageOrientationPatient))
            assert record.pixel_spacing_mm == tuple(map(float, ds.PixelSpacing))
            assert (record.rows, record.columns) == (ds.Rows, ds.Columns)
            assert (record.series_uid, record.sop_uid) == (ds.SeriesInstanceUID, ds.SOPInstanceUID)
            assert record.frames_per_slice == ds.CardiacNumberOfImages
            assert record.heart_rate_bpm == float(ds.HeartRate)
            assert record.modality == "MR"
            pixels = ds.pixel_array
        assert (record.pixel_min, record.pixel_max) == (pixels.min(), pixels.max())
        np.testing.assert_array_equal(decode_pixels(path.read_bytes(), path), pixels)
        assert decode_pixels(path.read_bytes(), path).dtype == np.int16


def test_identifying_tags_never_leave_the_file(small_phantom: Path, tmp_path: Path) -> None:
    """A record holds neither name nor birth date of the patient."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.PatientName, ds.PatientBirthDate = "Secret^Person", "19610412"
    ds.save_as(tmp_path / "1.dcm")
    text = repr(header(tmp_path / "1.dcm"))
    assert "Secret" not in text
    assert "19610412" not in text


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_transfer_syntaxes_say_the_same(small_phantom: Path, tmp_path: Path, syntax: UID) -> None:
    """Implicit and big-endian files give the same record but for bytes and syntax."""
    path = first_image(small_phantom)
    ds = pydicom.dcmread(path)
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = ds.pixel_array.astype(">i2").tobytes()
        ds["PixelData"].VR = "OW"
    ds.file_meta.TransferSyntaxUID = syntax
    del ds._pixel_array
    target = tmp_path / path.name
    pydicom.dcmwrite(
        target, ds, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian
    )
    ours, theirs = header(target), header(path)
    for name in ("rows", "columns", "position_mm", "trigger_time_ms", "sop_uid", "pixel_min", "pixel_max", "error"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("named", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, None])
def test_a_file_that_names_another_syntax_than_it_has(small_phantom: Path, named: UID | None) -> None:
    """Implicit where it says explicit, or the reverse: read as it is. Where it names none, that is what is told."""
    path = first_image(small_phantom)
    ds = pydicom.dcmread(path)
    meta = ds.file_meta
    ds.file_meta = FileMetaDataset()
    body, head = io.BytesIO(), DicomBytesIO()
    ds.save_as(body, implicit_vr=named != ImplicitVRLittleEndian, little_endian=True, enforce_file_format=False)
    del meta.TransferSyntaxUID
    if named is not None:
        meta.TransferSyntaxUID = named
    write_file_meta_info(head, meta, enforce_standard=False)
    data = b"\0" * 128 + b"DICM" + head.getvalue() + body.getvalue().removeprefix(b"\0" * 128 + b"DICM")
    ours, theirs = read_header(data, path.name, "P"), read_header(path.read_bytes(), path.name, "P")
    assert ours.error == ("" if named else NO_SYNTAX)
    for name in ("rows", "position_mm", "trigger_time_ms", "sop_uid", *(("pixel_crc32", "pixel_max") if named else ())):
        assert getattr(ours, name) == getattr(theirs, name)
    if named:
        np.testing.assert_array_equal(decode_pixels(data, "1.dcm"), decode_pixels(path.read_bytes(), "1.dcm"))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(("tag", "expected"), [(None, 41.5), (7.0, 7.0)])
def test_the_trigger_time_of_what_was_enhanced(
    small_phantom: Path, tmp_path: Path, syntax: UID, tag: float | None, expected: float
) -> None:
    """NominalCardiacTriggerDelayTime stands in for a TriggerTime that is not there."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.NominalCardiacTriggerDelayTime = 41.5
    ds.TriggerTime = tag
    ds.file_meta.TransferSyntaxUID = syntax
    little = syntax != ExplicitVRBigEndian
    pydicom.dcmwrite(tmp_path / "1.dcm", ds, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little)
    assert header(tmp_path / "1.dcm").trigger_time_ms == expected
    ds.NominalCardiacTriggerDelayTime = float("nan")
    ds.TriggerTime = None
    pydicom.dcmwrite(tmp_path / "1.dcm", ds, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little)
    assert header(tmp_path / "1.dcm").trigger_time_ms is None


def test_compressed_pixels_have_the_same_facts(small_phantom: Path, tmp_path: Path) -> None:
    """Decoded once, so that constant and equal images are seen in them, too."""
    path = first_image(small_phantom)
    ds = pydicom.dcmread(path)
    ds.compress(RLELossless)
    ds.save_as(tmp_path / path.name)
    record = header(tmp_path / path.name)
    assert record.pixel_crc32 is None
    record, plain = with_decoded(record, (tmp_path / path.name).read_bytes()), header(path)
    for name in ("error", "pixel_min", "pixel_max", "pixel_crc32"):
        assert getattr(record, name) == getattr(plain, name)
    assert with_decoded(plain, b"") is plain


def test_compressed_pixels_that_cannot_be_decoded_are_told(small_phantom: Path, tmp_path: Path) -> None:
    """Not by the first stage that wants them: by the record."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.compress(RLELossless)
    ds.PixelData = pydicom.encaps.encapsulate([b"no such thing"])
    ds.save_as(tmp_path / "1.dcm")
    record = with_decoded(header(tmp_path / "1.dcm"), (tmp_path / "1.dcm").read_bytes())
    assert "its pixels cannot be read" in record.error


@pytest.mark.parametrize("compressed", [False, True])
def test_an_image_beyond_memory_is_told(small_phantom: Path, tmp_path: Path, compressed: bool) -> None:
    """A few bytes that would unpack to gigabytes: nobody tries."""
    ds = pydicom.dcmread(first_image(small_phantom))
    if compressed:
        ds.compress(RLELossless)
    ds.Rows = ds.Columns = 65535
    ds.save_as(tmp_path / "1.dcm")
    record = header(tmp_path / "1.dcm")
    assert "4,294,836,225 pixels, more than any MR image" in record.error
    assert with_decoded(record, b"") is record


def test_compressed_pixels_that_unpack_to_more_than_an_image_are_told(small_phantom: Path, tmp_path: Path) -> None:
    """A decoder unpacks all that there is, and takes what it needs."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.compress(RLELossless)
    ds.PixelData = pydicom.encaps.encapsulate([b"\1\0\0\0\x40" + b"\0" * 59 + b"\x81\0" * (1 << 20)])
    ds.save_as(tmp_path / "1.dcm")
    assert "bytes of compressed pixels, far more than" in header(tmp_path / "1.dcm").error


@pytest.mark.parametrize("implicit", [False, True])
def test_more_pixels_than_one_image_has_are_told(small_phantom: Path, tmp_path: Path, implicit: bool) -> None:
    """Frames that the header does not count."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.PixelData = ds.PixelData * 3
    if implicit:
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "1.dcm", ds, implicit_vr=implicit, little_endian=True)
    assert "pixels are those of 3 images" in header(tmp_path / "1.dcm").error


def test_palette_colours_are_no_grey_values(small_phantom: Path, tmp_path: Path) -> None:
    """One sample a pixel, and yet no image of intensities."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.PhotometricInterpretation = "PALETTE COLOR"
    ds.save_as(tmp_path / "1.dcm")
    assert "palette" in header(tmp_path / "1.dcm").error


@pytest.mark.parametrize(("data", "cause"), [(b"", "empty"), (b"hello, not an image\n" * 20, "not a DICOM file")])
def test_other_files_are_told(tmp_path: Path, data: bytes, cause: str) -> None:
    """A file that is no DICOM is a record with an error, not an exception."""
    (tmp_path / "7.dcm").write_bytes(data)
    record = header(tmp_path / "7.dcm")
    assert cause in record.error
    assert record.file_number == 7


def behind_meta(data: bytes, more: bytes) -> bytes:
    """A file's bytes with others in front of its first element behind the file meta group."""
    start = 144 + int.from_bytes(data[140:144], "little")
    return data[:start] + more + data[start:]


_INTO = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
_OUT = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"


@pytest.mark.parametrize("deep", [400, 5000])
@pytest.mark.parametrize("closed", [0, 1])
def test_sequences_without_end_are_told(small_phantom: Path, tmp_path: Path, deep: int, closed: int) -> None:
    """Sequences within sequences, as deep as nobody can follow."""
    data = behind_meta(first_image(small_phantom).read_bytes(), _INTO * deep + _OUT * deep * closed)
    (tmp_path / "1.dcm").write_bytes(data)
    assert "header cannot be read" in header(tmp_path / "1.dcm").error
    assert study_uid(data) == ""


def test_a_length_that_is_cut_off_is_told(small_phantom: Path, tmp_path: Path) -> None:
    """The file ends within the length of an element."""
    data = first_image(small_phantom).read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    (tmp_path / "1.dcm").write_bytes(data[:start] + b"\x08\0\x60\0OB\0\0\x01")
    assert "header cannot be read" in header(tmp_path / "1.dcm").error


@pytest.mark.filterwarnings("ignore")
def test_a_number_with_a_byte_too_many_is_told(small_phantom: Path) -> None:
    """Of an element that only the pixels need, BitsStored."""
    data = first_image(small_phantom).read_bytes()
    at = data.index(b"\x28\0\x01\x01US") + 6
    with pytest.raises(DicomError, match=r"1\.dcm"):
        decode_pixels(data[:at] + b"\x03\0\x10\0\0" + data[at + 4 :], "1.dcm")


@pytest.mark.parametrize("implicit", [False, True])
def test_floating_point_pixels_are_not_called_truncated(small_phantom: Path, tmp_path: Path, implicit: bool) -> None:
    """They are another element, which is named."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.FloatPixelData = ds.pixel_array.astype("<f4").tobytes()
    ds.BitsAllocated = 32
    del ds.PixelData
    if implicit:
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "1.dcm", ds, implicit_vr=implicit, little_endian=True)
    assert header(tmp_path / "1.dcm").error == "pixels that are no integers (Float Pixel Data) are not supported"


@pytest.mark.parametrize("name", ["Rows", "Columns"])
def test_an_image_without_extent_is_told(small_phantom: Path, tmp_path: Path, name: str) -> None:
    """No row or no column: a record with an error, not an exception."""
    ds = pydicom.dcmread(first_image(small_phantom))
    setattr(ds, name, 0)
    ds.save_as(tmp_path / "1.dcm")
    assert "absent or 0" in header(tmp_path / "1.dcm").error


def test_a_number_that_no_image_has_is_none(small_phantom: Path, tmp_path: Path) -> None:
    """An InstanceNumber beyond what DICOM allows is as good as none."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds["InstanceNumber"]._value = "99999999999999999999"
    ds.save_as(tmp_path / "1.dcm")
    record = header(tmp_path / "1.dcm")
    assert (record.instance_number, record.error) == (None, "")


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("PixelSpacing", ["1e308", "1e308"], "pixel_spacing_mm"),
        ("PixelSpacing", ["1.5", "1e-300"], "pixel_spacing_mm"),
        ("PixelSpacing", ["0", "0"], "pixel_spacing_mm"),
        ("PixelSpacing", ["1.5", "-1.5"], "pixel_spacing_mm"),
        ("ImagePositionPatient", ["0", "0", "-1e300"], "position_mm"),
        ("TriggerTime", ["1e200"], "trigger_time_ms"),
    ],
)
def test_a_measure_beyond_any_patient_is_none(
    small_phantom: Path, tmp_path: Path, name: str, text: list[str], field: str
) -> None:
    """Its square is infinite, or no pixel has it; the image itself is as good as any."""
    ds = pydicom.dcmread(first_image(small_phantom))
    ds.add_new(name, "DS", text)
    ds.save_as(tmp_path / "1.dcm")
    record = header(tmp_path / "1.dcm")
    assert (getattr(record, field), record.error) == (None, "")


@pytest.mark.parametrize("keep", [0.995, 0.5, 0.05])
def test_truncation_is_told(small_phantom: Path, tmp_path: Path, keep: float) -> None:
    """Wherever a file is cut, its record has an error, and its pixels are refused."""
    data = first_image(small_phantom).read_bytes()
    (tmp_path / "1.dcm").write_bytes(data[: int(len(data) * keep)])
    assert header(tmp_path / "1.dcm").error
    with pytest.raises(DicomError, match=r"1\.dcm"):
        decode_pixels((tmp_path / "1.dcm").read_bytes(), "1.dcm")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("7.dcm", 7),
        ("0048.dcm", 48),
        ("a7.dcm", None),
        ("7", 7),
        ("x", None),
        ("IM-0003-0048.dcm", 48),
        ("IM-3.dcm", None),
        ("20231231123456789.dcm", None),
        (f"{'9' * 200}.dcm", None),
    ],
)
def test_number_in_the_file_name(name: str, number: int | None) -> None:
    """The number is the whole stem, or the last one in names as the contours have them; or there is none."""
    assert file_number(f"dicoms/P/{name}") == number
