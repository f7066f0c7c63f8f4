"""How stages tell how far they are, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of a stage are finished; `unit` names the one that was (a patient id, an epoch)."""

    stage: str
    unit: str
    done: int
    total: int
    note: str = ""


Listener: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Listen to nothing."""
