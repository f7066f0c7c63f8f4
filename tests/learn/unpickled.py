"""What a file must not be able to do when it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


class Runs:
    """Touches a file when it is unpickled by a reader that runs code."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        """What pickle writes: call this with that."""
        return Path.touch, (self.mark,)
