"""What stands in a folder, to be held against what stood there before, or in another."""

from __future__ import annotations

from pathlib import Path


def snapshot(folder: Path, *without: str) -> dict[str, bytes]:
    """All files below a folder by their path in it, but those whose name begins with one of `without`."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(without))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
