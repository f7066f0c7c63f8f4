"""Numbers as people read them."""

from __future__ import annotations

from cmrpipe.nouns import counted, decimals


def test_numbers_agree_with_their_nouns() -> None:
    """One patient, two patients, a thousand images."""
    numbers = (0, 1, 2, 1140)
    assert [counted(n, "image", commas=True) for n in numbers] == ["0 images", "1 image", "2 images", "1,140 images"]
    assert counted(1140, "image") == "1140 images"


def test_no_number_is_an_empty_cell() -> None:
    """Not the word None."""
    assert [decimals(value) for value in (None, 0.0, 0.12349)] == ["", "0.000", "0.123"]
    assert decimals(-2.25, 1) == "-2.2"
