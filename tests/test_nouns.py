"""Numbers with their nouns."""

from __future__ import annotations

from cmrpipe.nouns import counted


def test_numbers_agree_with_their_nouns() -> None:
    """One patient, two patients, a thousand images."""
    numbers = (0, 1, 2, 1140)
    assert [counted(n, "image", commas=True) for n in numbers] == ["0 images", "1 image", "2 images", "1,140 images"]
    assert counted(1140, "image") == "1140 images"
