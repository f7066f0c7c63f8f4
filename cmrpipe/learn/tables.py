"""Tables of figures: one CSV row a value object, one column a field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING

from cmrpipe.csvfile import csv_text
from cmrpipe.files import write_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DIGITS = 6
"""Decimals of every figure."""


def write_table(path: Path, kind: type[DataclassInstance], rows: Iterable[DataclassInstance]) -> None:
    """Write rows of one dataclass atomically; None is an empty cell."""
    write_rows(path, [column.name for column in fields(kind)], (astuple(row) for row in rows))


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write rows of cells atomically, in the order of the columns; None is an empty cell."""
    cells = ([f"{value:.{DIGITS}f}" if isinstance(value, float) else value for value in row] for row in rows)
    write_text(path, csv_text((columns, *cells)))
