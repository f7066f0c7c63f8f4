"""Text of DICOM headers: bytes in the character set that the header declares, SpecificCharacterSet (0008,0005)."""

from __future__ import annotations

import unicodedata
import warnings

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import TEXT_VR_DELIMS

_ESCAPE = b"\x1b"
"""Begins a change to another set, in sets that change within a text."""


def decode_text(data: bytes, declared: bytes = b"") -> str:
    """A text of a header, without the blanks and zeros that fill it up; this never fails.

    Parameters
    ----------
    data : the text's bytes
    declared : those of SpecificCharacterSet; where there are none, or what they name does not fit `data`, each byte is
        a character of its own (Latin-1), so that texts that differ stay different
    """
    if data.isascii() and _ESCAPE not in data:
        return data.decode("ascii").strip(" \0")
    names = [name.strip(" \0") for name in declared.decode("latin-1").split("\\")]
    with warnings.catch_warnings():
        try:
            warnings.simplefilter("ignore")  # of names that are misspelt, or unknown and so taken for Latin-1
            encodings = convert_encodings(names)
            warnings.simplefilter("error")  # of bytes that would be replaced by question marks
            text = decode_bytes(data, encodings, TEXT_VR_DELIMS)
        except (ValueError, LookupError, UserWarning):
            text = data.decode("latin-1")
    return unicodedata.normalize("NFC", text).strip(" \0")
