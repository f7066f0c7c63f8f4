"""DICOM files: the header as an `ImageRecord`; `pixels` has the pixels as an array.

Headers are read with pydicom's element reader rather than into a `Dataset`: only the tags below are converted, which
makes a header three times cheaper and leaves identifying tags (PatientName, PatientBirthDate, ...) unread.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from pydicom.errors import InvalidDicomError
from pydicom.filereader import data_element_generator, read_preamble
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
)

from cmrpipe.files import sha256_bytes
from cmrpipe.model import ImageRecord
from cmrpipe.readers.charset import decode_text
from cmrpipe.readers.mends import COLOUR, DEFLATED, NO_IMAGE, NO_MARK, NO_SYNTAX, SEVERAL
from cmrpipe.readers.pixels import blank_rows

Raw = Mapping[int, tuple[str | None, bytes]]

_NUMBERED = re.compile(r"(?:IM-\d+-)?(\d+)", re.ASCII | re.IGNORECASE)
_FLOAT_PIXELS = {0x7FE00008: "Float Pixel Data", 0x7FE00009: "Double Float Pixel Data"}
_OF_PIXELS = (b"OW", b"OB", b"UN")
"""VRs of pixels; where there is none in the file, these bytes begin the length, which is even and so none of them."""
_COMPRESSED_PREFIX = "1.2.840.10008.1.2.4"

_TRANSFER_SYNTAX = 0x00020010
_CHARACTER_SET = 0x00080005
_TEXT = {
    "modality": 0x00080060,
    "image_type": 0x00080008,
    "scanning_sequence": 0x00180020,
    "sequence_name": 0x00180024,
    "series_description": 0x0008103E,
    "acquisition_time": 0x00080032,
    "photometric": 0x00280004,
    "header_patient_id": 0x00100020,
    "study_uid": 0x0020000D,
    "series_uid": 0x0020000E,
    "frame_of_reference_uid": 0x00200052,
    "sop_uid": 0x00080018,
}
_WHOLE = {"instance_number": 0x00200013, "series_number": 0x00200011, "frames_per_slice": 0x00181090}
_SHORT = {"rows": 0x00280010, "columns": 0x00280011, "bits_allocated": 0x00280100, "pixel_representation": 0x00280103}
_NUMBER = {
    "trigger_time_ms": 0x00181060,
    "slice_location_mm": 0x00201041,
    "slice_thickness_mm": 0x00180050,
    "spacing_between_slices_mm": 0x00180088,
    "nominal_interval_ms": 0x00181062,
    "heart_rate_bpm": 0x00181088,
    "inversion_time_ms": 0x00180082,
    "rescale_slope": 0x00281053,
    "rescale_intercept": 0x00281052,
    "patient_weight_kg": 0x00101030,
    "patient_size_m": 0x00101020,
}
_TRIGGER_DELAY = 0x00209153
"""NominalCardiacTriggerDelayTime, the trigger time of enhanced images and of what they were split into."""
_VECTOR = {"position_mm": (0x00200032, 3), "orientation": (0x00200037, 6), "pixel_spacing_mm": (0x00280030, 2)}
_SAMPLES_PER_PIXEL = 0x00280002
_LARGEST = 2**31 - 1
_FARTHEST, _FINEST = 1e9, 1e-6
"""No measure of a patient, mm or ms, is larger, no pixel smaller: such numbers are fillers, and as good as none."""
_MOST_PIXELS = 1 << 24
"""Pixels of an image, at most: MR images have 1,024 by 1,024, and what a few compressed bytes unpack to has to fit in
memory several times."""
_BESIDE = 1 << 20
"""Bytes that may stand around compressed pixels."""
_LONGEST = 64
"""Digits of a file name beyond which it is not looked at: Python refuses to read numbers of thousands of them."""
_NUMBER_OF_FRAMES = 0x00280008
_UNREADABLE = (
    InvalidDicomError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    KeyError,
    struct.error,
    RecursionError,
)
_WANTED = frozenset(
    Tag(tag)
    for tag in (
        *_TEXT.values(),
        *_WHOLE.values(),
        *_SHORT.values(),
        *_NUMBER.values(),
        *(tag for tag, _ in _VECTOR.values()),
        _CHARACTER_SET,
        _SAMPLES_PER_PIXEL,
        _NUMBER_OF_FRAMES,
        _TRIGGER_DELAY,
    )
)


def file_number(path: str) -> int | None:
    """The image number in a file name: 7 for `7.dcm` and `IM-0003-0007.dcm`; None for other names and huge numbers."""
    stem = path.rpartition("/")[2].rpartition(".")[0] or path.rpartition("/")[2]
    match = _NUMBERED.fullmatch(stem)
    return _whole(int(match[1])) if match and len(match[1]) <= _LONGEST else None


def _whole(value: float) -> int | None:
    """A whole number as DICOM (VR IS) and the store can hold it, else None."""
    return int(value) if abs(value) <= _LARGEST else None


def _past_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int.__gt__(tag, 0x0002FFFF)


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int.__ge__(tag, min(_FLOAT_PIXELS))


def _elements(
    stream: BinaryIO, implicit: bool, little: bool, tags: frozenset[BaseTag] | None
) -> dict[int, tuple[str | None, bytes]]:
    """Values of elements (of the file meta group, all, with `tags` None); the stream is left at what lies beyond."""
    found: dict[int, tuple[str | None, bytes]] = {}
    wanted: list[BaseTag | int] | None = None if tags is None else list(tags)
    stop = _past_meta if tags is None else _at_pixels
    for element in data_element_generator(stream, implicit, little, stop_when=stop, specific_tags=wanted):
        value = getattr(element, "value", None)
        if isinstance(value, bytes):
            found[int(element.tag)] = (element.VR, value)
    return found


def _text(raw: Raw, tag: int) -> str:
    entry = raw.get(tag)
    return decode_text(entry[1], raw[_CHARACTER_SET][1] if _CHARACTER_SET in raw else b"") if entry else ""


def _numbers(raw: Raw, tag: int) -> tuple[float, ...] | None:
    text = _text(raw, tag)
    if not text:
        return None
    try:
        values = tuple(float(part) for part in text.split("\\"))
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None


def _measure(raw: Raw, tag: int) -> tuple[float, ...] | None:
    """The numbers of an element, None where there are none or one is beyond any measure."""
    values = _numbers(raw, tag)
    return values if values and max(map(abs, values)) <= _FARTHEST else None


def _double(raw: Raw, tag: int, order: str) -> float | None:
    """The measure in an element of VR FD, None where there is none."""
    value = raw[tag][1] if tag in raw else b""
    if len(value) != 8:
        return None
    (number,) = struct.unpack(">d" if order == "big" else "<d", value)
    return number if abs(number) <= _FARTHEST else None


def _read(data: bytes, tags: frozenset[BaseTag]) -> tuple[dict[int, tuple[str | None, bytes]], str, int]:
    """Values of elements before the pixels; transfer syntax; offset of the pixel element."""
    stream = BytesIO(data)
    read_preamble(stream, force=False)
    meta = _elements(stream, implicit=False, little=True, tags=None)
    syntax = _text(meta, _TRANSFER_SYNTAX)
    if syntax == DeflatedExplicitVRLittleEndian:
        raise NotImplementedError(DEFLATED)
    first = data[stream.tell() + 4 : stream.tell() + 6]
    implicit = not (first.isalpha() and first.isupper())  # some files name the other syntax; pydicom looks, too
    raw = _elements(stream, implicit, syntax != ExplicitVRBigEndian, tags)
    return raw, syntax, stream.tell()


def study_uid(data: bytes) -> str:
    """StudyInstanceUID of a DICOM file's bytes; "" where there is none, or the file cannot be read."""
    try:
        return _text(_read(data, frozenset({Tag(_TEXT["study_uid"])}))[0], _TEXT["study_uid"])
    except _UNREADABLE:
        return ""


def _header(data: bytes) -> tuple[dict[str, Any], int, int, int]:
    """Wanted tags as `ImageRecord` fields; samples a pixel; number of frames; offset of the pixel element."""
    raw, syntax, offset = _read(data, _WANTED)
    values: dict[str, Any] = {name: _text(raw, tag) for name, tag in _TEXT.items()}
    values["transfer_syntax_uid"] = syntax
    for name, tag in _WHOLE.items():
        numbers = _numbers(raw, tag)
        values[name] = _whole(numbers[0]) if numbers else None
    order = "big" if syntax == ExplicitVRBigEndian else "little"
    for name, tag in _SHORT.items():
        entry = raw.get(tag)
        values[name] = int.from_bytes(entry[1][:2], order) if entry and entry[1] else None  # type: ignore[arg-type]
    for name, tag in _NUMBER.items():
        numbers = _measure(raw, tag)
        values[name] = numbers[0] if numbers else None
    if values["trigger_time_ms"] is None:
        values["trigger_time_ms"] = _double(raw, _TRIGGER_DELAY, order)
    for name, (tag, length) in _VECTOR.items():
        numbers = _measure(raw, tag)
        values[name] = numbers if numbers and len(numbers) == length else None
    if any(number < _FINEST for number in values["pixel_spacing_mm"] or ()):
        values["pixel_spacing_mm"] = None
    samples = raw.get(_SAMPLES_PER_PIXEL)
    frames = _numbers(raw, _NUMBER_OF_FRAMES)
    return (
        values,
        int.from_bytes(samples[1][:2], order) if samples else 1,  # type: ignore[arg-type]
        int(frames[0]) if frames else 1,
        offset,
    )


def _compressed_problem(there: int, expected: int) -> str:
    """What is wrong with so many bytes of compressed pixels for an image of `expected` bytes."""
    if there > 2 * expected + _BESIDE:
        return f"{there:,} bytes of compressed pixels, far more than the image's {expected:,}"
    return "" if there > 0 else "truncated: it ends before its pixels"


def _pixels(data: bytes, offset: int, values: Mapping[str, Any]) -> tuple[dict[str, int], str]:
    """Facts of the stored pixels whose element starts at `offset`, and what is wrong with them."""
    syntax = values["transfer_syntax_uid"]
    order = "big" if syntax == ExplicitVRBigEndian else "little"
    group, element = (int.from_bytes(data[at : at + 2], order) for at in (offset, offset + 2))  # type: ignore[arg-type]
    if floating := _FLOAT_PIXELS.get(group << 16 | element):
        return {}, f"pixels that are no integers ({floating}) are not supported"
    bits = values["bits_allocated"]
    expected = values["rows"] * values["columns"] * (bits or 0) // 8
    if syntax.startswith(_COMPRESSED_PREFIX) or syntax == RLELossless:
        return {}, _compressed_problem(len(data) - offset, expected)
    if bits not in (8, 16, 32):
        return {}, f"{bits} bits a pixel are not supported"
    explicit = data[offset + 4 : offset + 6] in _OF_PIXELS
    start = offset + (12 if explicit else 8)
    missing = expected - max(0, len(data) - start)
    if missing > 0:
        return {}, f"truncated: {missing:,} bytes of the pixels are missing"
    length = int.from_bytes(data[start - 4 : start], order)  # type: ignore[arg-type]
    if length >= 2 * expected:
        return {}, f"its pixels are those of {length // expected} images; {SEVERAL}"
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    pixels = np.frombuffer(
        data, f"{order}{'i' if values['pixel_representation'] else 'u'}{bits // 8}", expected * 8 // bits, start
    )
    stored = data[start : start + expected]
    return {
        "pixel_min": int(pixels.min()),
        "pixel_max": int(pixels.max()),
        "pixel_crc32": zlib.crc32(stored),
        "blank_rows": blank_rows(stored, values["rows"]),
    }, ""


def read_header(data: bytes, path: str, patient_id: str) -> ImageRecord:
    """Describe one DICOM file.

    Parameters
    ----------
    data : the file's bytes
    path : its path relative to the raw folder, kept in the record
    patient_id : name of the patient folder it lies in

    Returns
    -------
    the record; for a file that cannot be used, `error` says why and the header fields are empty
    """
    base: dict[str, Any] = {
        "path": path,
        "sha256": sha256_bytes(data),
        "bytes": len(data),
        "patient_id": patient_id,
        "file_number": file_number(path),
    }
    if not data:
        return ImageRecord(**base, error="the file is empty")
    try:
        values, samples, frames, offset = _header(data)
    except InvalidDicomError:
        return ImageRecord(**base, error=NO_MARK)
    except _UNREADABLE as error:
        return ImageRecord(**base, error=f"the header cannot be read: {str(error) or type(error).__name__}")
    problem = ""
    if not values["rows"] or not values["columns"]:
        problem = f"{NO_IMAGE} (Rows and Columns are absent or 0)"
    elif (pixels := values["rows"] * values["columns"]) > _MOST_PIXELS:
        problem = f"{pixels:,} pixels, more than any MR image ({_MOST_PIXELS:,} are read at most)"
    elif frames > 1:
        problem = f"a multi-frame object of {frames} frames; {SEVERAL}"
    elif samples != 1:
        problem = f"{COLOUR}{samples} samples a pixel)"
    elif values["photometric"].startswith("PALETTE"):
        problem = f"{COLOUR}its pixels are places in a palette)"
    elif not values["transfer_syntax_uid"]:
        problem = NO_SYNTAX
    else:
        facts, problem = _pixels(data, offset, values)
        values.update(facts)
    return ImageRecord(**base, **values, error=problem)


def unreadable_image(path: str, patient_id: str, size: int, why: str) -> ImageRecord:
    """Describe a file whose bytes cannot be had (see `read_header`), or a whole archive; it has no hash."""
    number = file_number(path) if path.count("/") > 1 else None
    return ImageRecord(path=path, sha256="", bytes=size, patient_id=patient_id, file_number=number, error=why)
