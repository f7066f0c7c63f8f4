"""Every table of ours: its text, and tables of figures in files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING

from cmrpipe.files import write_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
DIGITS = 6
"""Decimals of every figure."""


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV, the heading among them: line feeds, quotes where a cell needs them, None an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def text_for_people(rows: Iterable[Iterable[object]]) -> str:
    """Rows as `csv_text`, of a table that no program of ours reads back.

    A text that a spreadsheet would run as a formula, a patient's folder called `=HYPERLINK(...)` say, has an apostrophe
    before it, which makes it text there.
    """
    return csv_text(
        [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in row] for row in rows
    )


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write rows of cells atomically, in the order of the columns, figures to `DIGITS`; None is an empty cell."""
    cells = ([f"{value:.{DIGITS}f}" if isinstance(value, float) else value for value in row] for row in rows)
    write_text(path, csv_text((columns, *cells)))


def write_table(path: Path, kind: type[DataclassInstance], rows: Iterable[DataclassInstance]) -> None:
    """Write rows of one dataclass as `write_rows` does, one column a field."""
    write_rows(path, [column.name for column in fields(kind)], (astuple(row) for row in rows))
