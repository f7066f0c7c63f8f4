"""A patient is named in a text or not, whatever the encoding."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from cmrpipe.dvclist import list_bytes
from flows.forget.person import Person
from flows.forget.places import erase

NAME = "Müller01"
ENCODERS: list[Callable[[str], bytes]] = [
    lambda text: text.encode(),
    lambda text: text.encode("latin-1"),
    lambda text: text.encode("cp1252"),
    lambda text: text.encode("utf-16"),
    lambda text: list_bytes({f"dicoms/{text.split()[1]}": "md5"}),
]


def table(name: str) -> str:
    """A link table with one row."""
    return f"patient_id,original_id\n{name},SC-1\n"


@pytest.mark.parametrize("encoded", ENCODERS)
@pytest.mark.parametrize("name", [NAME, "PH-N-01", "Zoë"])
def test_an_id_is_found_however_it_is_written(encoded: Callable[[str], bytes], name: str) -> None:
    """As the patient or as their contours, in tables and in DVC's lists; nobody else is."""
    for person in (Person(name, ()), Person("P1", (name,))):
        assert person.named_in(encoded(table(name)))
        for other in (f"{name}1", f"X{name}", name[:-1], "P10", "Muller01"):
            assert not person.named_in(encoded(table(other)))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("encoded", [str, ENCODERS[0], ENCODERS[-2], ENCODERS[-1]])
def test_one_character_or_two_are_one_name(
    form: Literal["NFC", "NFD"], written: Literal["NFC", "NFD"], encoded: Callable[[str], str | bytes]
) -> None:
    """As macOS names a folder, and as a keyboard writes it; in paths and in bytes."""
    person = Person(unicodedata.normalize(form, NAME), ())
    assert person.named_in(encoded(table(unicodedata.normalize(written, NAME))))
    assert not person.named_in(encoded(table(unicodedata.normalize(written, f"{NAME}1"))))


@pytest.mark.parametrize("encoded", [str, *ENCODERS])
@pytest.mark.parametrize(
    ("name", "other"),
    [("Jos", "José"), ("Jos", "éJos"), ("Mu", "Müller"), ("ller", "Müller"), ("P1", "ÄP1"), ("P1", "P1Ž")],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_id_that_goes_on_with_a_letter_beyond_ascii_is_another(
    encoded: Callable[[str], str | bytes], name: str, other: str, form: Literal["NFC", "NFD"]
) -> None:
    """Before or behind it, as one character or as two; blanks and quotes beyond ASCII are borders as commas are."""
    person = Person(name, ())
    try:
        assert not person.named_in(encoded(table(unicodedata.normalize(form, other))))
        assert person.named_in(encoded(f"patient_id\n/»{name}\xa0/x\n"))
    except UnicodeEncodeError:  # two characters, or a letter that Latin-1 does not have
        assert encoded in ENCODERS[1:3]


def test_bytes_that_are_part_of_another_character_name_nobody() -> None:
    """What is â for a spreadsheet of old is the first byte of a dash in UTF-8."""
    assert Person("Josâ", ()).named_in("Josâ,1".encode("cp1252"))
    assert not Person("Josâ", ()).named_in("Jos–,1".encode())


def test_a_name_that_is_no_text_names_nobody_else() -> None:
    """As the command line gives it."""
    assert Person("caf\udce9", ()).named_in(b"dicoms/caf\xe9/1.dcm")
    assert not Person("caf\udce9", ()).named_in(table(NAME).encode())


def test_rows_of_others_stay_who_have_one_more_letter(tmp_path: Path) -> None:
    """José's, when Jos is forgotten, as a keyboard writes it and as macOS does."""
    rows = "".join(f"{unicodedata.normalize(form, 'José')},HYP\n" for form in ("NFC", "NFD"))
    (tmp_path / "pathology.csv").write_text(f"patient_id,pathology\nJos,HF-I\n{rows}")
    erase(tmp_path, Person("Jos", ()))
    assert (tmp_path / "pathology.csv").read_text() == f"patient_id,pathology\n{rows}"


def test_lists_that_people_edit_lose_the_patient_in_either_spelling(tmp_path: Path) -> None:
    """quarantine.csv and pathology.csv, typed on a keyboard, of a folder that came from a Mac."""
    row = "image,dicoms/{}/1.dcm,blurred,ann,2026-11-30,leave-out,\n"
    head = "what,name,why,by,when,decision,seen\n"
    (tmp_path / "quarantine.csv").write_text(head + row.format(NAME) + row.format("Muller01"))
    (tmp_path / "pathology.csv").write_text(f"patient_id,pathology\n{NAME},HF-I\nMuller01,HYP\n")
    erase(tmp_path, Person(unicodedata.normalize("NFD", NAME), ()))
    assert (tmp_path / "quarantine.csv").read_text() == head + row.format("Muller01")
    assert (tmp_path / "pathology.csv").read_text() == "patient_id,pathology\nMuller01,HYP\n"
