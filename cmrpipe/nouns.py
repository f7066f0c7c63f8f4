"""Numbers as people read them."""

from __future__ import annotations


def counted(number: int, noun: str, *, commas: bool = False) -> str:
    """A number of things: "1 image", "2 images", with `commas` "1,140 images"."""
    return f"{number:{',' if commas else ''}} {noun}{'' if number == 1 else 's'}"


def decimals(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals, "" where there is none."""
    return "" if value is None else f"{value:.{digits}f}"
