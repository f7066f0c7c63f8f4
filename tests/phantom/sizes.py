"""Sizes of phantoms."""

from __future__ import annotations

from typing import TypedDict


class Size(TypedDict):
    """As `write_phantom` and `Grid` take it."""

    slices: int
    frames: int
    rows: int
    columns: int
