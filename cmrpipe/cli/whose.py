"""Whose results lie where `cmrpipe validate FOLDER` puts them: decisions on one data set hold for no other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cmrpipe.errors import InputError
from cmrpipe.files import write_bytes
from cmrpipe.model import Quarantine
from cmrpipe.readers.items import real

SOURCE = "source.txt"
"""File beside the results: where the data set lay that they are about."""


def refuse_others(results: Path, raw: Path, quarantine: Path, people: Sequence[Quarantine]) -> None:
    """Refuse results about another data set that people have decided on; where nobody knows, they are about this one.

    Raises
    ------
    InputError : the quarantine has rows of people, and about another folder
    """
    known = results / SOURCE
    about = Path(os.fsdecode(known.read_bytes().removesuffix(b"\n"))) if known.is_file() else real(raw)
    if people and about != real(raw):
        cause = f"has rows that people wrote about {about}, not about {raw}"
        mend = f"Give another --out, or move it away; if the same data lie elsewhere now, remove {known}"
        raise InputError(quarantine, cause, mend)


def remember(results: Path, raw: Path) -> None:
    """Say which data set the results are about from now on."""
    write_bytes(results / SOURCE, os.fsencode(real(raw)) + b"\n")
