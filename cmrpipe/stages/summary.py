"""What a stage says when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Summary:
    """Outcome of one stage.

    Attributes
    ----------
    stage : its name
    done, unchanged, gone : patients processed, kept as they were, and no longer there
    counts : further whole numbers worth a line ("images": 1140)
    findings : number of findings by severity, for stages that find
    metrics : figures (Dice)
    """

    stage: str
    done: int = 0
    unchanged: int = 0
    gone: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
