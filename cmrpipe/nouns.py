"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str, *, commas: bool = False) -> str:
    """A number of things: "1 image", "2 images", with `commas` "1,140 images"."""
    return f"{number:{',' if commas else ''}} {noun}{'' if number == 1 else 's'}"
