"""Texts of headers in the character set that the header declares."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmrpipe.readers.charset import decode_text
from cmrpipe.readers.dicom import read_header


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("Müller01", "ISO_IR 192"),
        ("Müller01", "ISO_IR 100"),
        ("Müller01", None),
        ("Иванов", "ISO_IR 144"),
        ("王小東", "GB18030"),
        ("ﾔﾏﾀﾞ", "ISO_IR 13"),
        ("Yamada 山田", ["", "ISO 2022 IR 87"]),
        ("김희중 01", ["ISO 2022 IR 6", "ISO 2022 IR 149"]),
    ],
)
def test_a_patient_id_is_read_as_it_was_written(
    small_phantom: Path, tmp_path: Path, text: str, declared: str | list[str] | None
) -> None:
    """Whatever set the header declares; Latin-1 where it declares none."""
    image = pydicom.dcmread(sorted(small_phantom.glob("dicoms/*/*.dcm"))[0])
    image.SpecificCharacterSet = declared
    image.PatientID = text
    image.save_as(tmp_path / "1.dcm")
    record = read_header((tmp_path / "1.dcm").read_bytes(), "dicoms/P/1.dcm", "P")
    assert (record.header_patient_id, record.error) == (text, "")


@given(st.binary(max_size=20), st.sampled_from([b"ISO_IR 192", b"hex", b"a\0b", b"\\", b"\\ISO 2022 IR 87", b"\xff"]))
def test_bytes_that_are_no_text_are_read_all_the_same(data: bytes, declared: bytes) -> None:
    """Nothing is raised, and no warning given."""
    assert isinstance(decode_text(data, declared), str)


def test_bytes_that_do_not_fit_the_set_are_single_characters() -> None:
    """UTF-8 is declared and Latin-1 was written: two patients stay two."""
    assert [decode_text(data, b"ISO_IR 192") for data in (b"M\xfcller", b"M\xf6ller ")] == ["Müller", "Möller"]


def test_a_misspelt_set_is_understood() -> None:
    """As pydicom understands it."""
    assert decode_text("Müller".encode(), b"ISO-IR 192 ") == "Müller"


def test_letters_with_their_marks_beside_them_become_one() -> None:
    """One patient's images are not those of two."""
    assert decode_text(unicodedata.normalize("NFD", "Müller").encode(), b"ISO_IR 192") == "Müller"
