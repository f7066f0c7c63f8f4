"""A file to alter."""

from __future__ import annotations

from pathlib import Path


def first_image(folder: Path) -> Path:
    """Some image of a folder in the layout."""
    return sorted(folder.glob("dicoms/*/*.dcm"))[0]
