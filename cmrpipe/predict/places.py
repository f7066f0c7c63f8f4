"""Names of what predict writes, and how it knows its own output again: that is never read as somebody's images."""

from __future__ import annotations

import os
from pathlib import Path

from cmrpipe.readers.layouts import CONTOURS, LINK_TABLE

PATIENTS, SUMMARY, RESULT = "patients", "summary.csv", "result.json"
OWN = frozenset({CONTOURS, PATIENTS, LINK_TABLE, SUMMARY})
"""All that lies directly in an output folder."""

_LONGEST = 255
"""Bytes of a file's name that Linux' file systems take."""


def fits(patient_id: str) -> bool:
    """Whether a folder can have a patient's name; in that of a name that is no text each byte takes four characters."""
    return len(os.fsencode(patient_id)) <= _LONGEST


def is_output(folder: Path) -> bool:
    """Whether a folder holds what predict wrote."""
    return any((folder / PATIENTS).glob(f"*/{RESULT}"))
