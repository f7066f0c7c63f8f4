"""Arrays whose header is damaged: what reads it raises whatever comes of it."""

from __future__ import annotations

from pathlib import Path

HEADERS = (b"((", b"99999999999,16), }", b"'''", b"\0")
"""What stands in the header of an array in place of its shape."""


def spoil_header(path: Path, new: bytes) -> None:
    """Damage the header of an array."""
    old = path.read_bytes()
    at = old.index(b"(") + 1
    path.write_bytes(old[:at] + new + old[at + len(new) :])
