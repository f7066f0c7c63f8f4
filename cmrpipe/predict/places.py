"""Names of what predict writes, and how it knows its own output again: that is never read as somebody's images."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.layouts import CONTOURS, LINK_TABLE

PATIENTS, SUMMARY, RESULT = "patients", "summary.csv", "result.json"
OWN = frozenset({CONTOURS, PATIENTS, LINK_TABLE, SUMMARY})
"""All that lies directly in an output folder."""


def is_output(folder: Path) -> bool:
    """Whether a folder holds what predict wrote."""
    return any((folder / PATIENTS).glob(f"*/{RESULT}"))
