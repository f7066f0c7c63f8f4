"""What part of a complex image an image shows, by its ImageType (0008,0008): its magnitude, or another one."""

from __future__ import annotations

from cmrpipe.model import ImageRecord

_OTHER_PARTS = {
    "PHASE MAP": "a phase map",
    "PHASE": "a phase map",
    "VELOCITY MAP": "velocities",
    "VELOCITY": "velocities",
    "P": "a phase map",
    "R": "the real part of a complex image",
    "REAL": "the real part of a complex image",
    "I": "the imaginary part of a complex image",
    "IMAGINARY": "the imaginary part of a complex image",
}
"""By values of ImageType: the standard's, Siemens' (ORIGINAL, PRIMARY, P, ND), Philips' (..., VELOCITY MAP, P, PCA;
..., R FFE, R, FFE)."""


def code_strings(text: str) -> list[str]:
    """Values of a header's element of code strings, with spaces for underscores."""
    return [value.strip() for value in text.upper().replace("_", " ").split("\\")]


def other_part(record: ImageRecord) -> str:
    """What an image shows in place of the magnitude; "" where it does not say so."""
    values = code_strings(record.image_type)
    return next((what for word, what in _OTHER_PARTS.items() if word in values), "")
