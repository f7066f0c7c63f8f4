"""`aside/*.csv` in the raw folder: images, and other things, that a source has and that did not land, with the reason.

A file a patient, one for what belongs to no patient of a source. The images themselves stay in the source.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from cmrpipe.csvfile import csv_text
from cmrpipe.errors import InputError
from cmrpipe.files import as_text, write_text
from cmrpipe.readers.layouts import ASIDE


@dataclass(frozen=True, slots=True)
class Aside:
    """An image, or another file or folder, that a source has and that did not land; it stays where it is.

    Attributes
    ----------
    patient_id : whose it is, "" where the header does not say
    what : the file's path in the source, or the instance's UID
    series_uid : its series, "" where unknown
    reason : why, in words
    """

    patient_id: str
    what: str
    series_uid: str
    reason: str


COLUMNS = tuple(field.name for field in fields(Aside))


def write_asides(raw: Path, name: str, asides: Sequence[Aside]) -> None:
    """Write the list of a patient (or, `name` with a leading underscore, of a source); an empty one is removed."""
    path = raw / ASIDE / f"{name}.csv"
    if not asides:
        path.unlink(missing_ok=True)
        return
    text = as_text(csv_text((COLUMNS, *sorted(map(astuple, asides)))))
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def read_asides(raw: Path) -> list[Aside]:
    """All lists of a raw folder.

    Raises
    ------
    InputError : a list that is not ours
    """
    found: list[Aside] = []
    for path in sorted((raw / ASIDE).glob("*.csv")):
        try:
            rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        except (UnicodeDecodeError, csv.Error):
            rows = []
        if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
            raise InputError(path, "is no list of images put aside", "Remove it and land again")
        found += [Aside(*row) for row in rows[1:]]
    return found
