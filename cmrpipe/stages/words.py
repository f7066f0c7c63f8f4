"""What a stage did, in words: the same on the command line and in a run's log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cmrpipe.nouns import counted

WHOLE_STAGES = ("train", "evaluate", "report")
"""Stages whose unit is not the patient."""


def describe(summary: Mapping[str, Any]) -> str:
    """One line of what a stage did, from a `Summary` as a mapping."""
    parts = []
    work = [f"{summary[name]} {name}" for name in ("done", "unchanged", "gone") if summary[name]]
    if summary["stage"] in WHOLE_STAGES:
        parts += ["unchanged"] if summary["unchanged"] else []
    elif work:
        parts.append(f"patients: {', '.join(work)}")
    parts += [f"{name.replace('_', ' ')} {count:,}" for name, count in summary["counts"].items() if count]
    found = [
        counted(count, name, commas=True) if name != "info" else f"{count:,} info"
        for name, count in summary["findings"].items()
    ]
    if found:
        parts.append("findings: " + ", ".join(found))
    parts += [f"{name.replace('_', ' ')} {value:.3f}" for name, value in summary["metrics"].items()]
    return "; ".join(parts) or "nothing to do"
