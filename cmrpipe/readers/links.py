"""Link tables: which patient's images carry which folder's contours."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cmrpipe.errors import LinkError
from cmrpipe.model import Link

HEADER = ("patient_id", "original_id")
_NUMBER = re.compile(r"\d{1,1000}")
"""Longer ones are taken as they stand: Python refuses to read numbers of thousands of digits."""
_SHEET_ERROR = re.compile(r"#(#+|NAME\?|REF!|VALUE!|NUM!|NULL!|N/A|DIV/0!)")
"""What a spreadsheet shows in place of an id."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that names no pair: its line (from 1), its text, what is wrong, and its ids, "" for one that is not there.

    There are none where a quotation mark is not closed: nobody knows where they end.
    """

    line: int
    text: str
    cause: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkTable:
    """A link table as it was read.

    Attributes
    ----------
    path : relative to the raw folder
    links : the pairs, in file order; ids with surrounding white space taken off
    bad : rows that are no pair
    oddities : departures of the format that were read all the same ("BOM", "CRLF line ends", "semicolons", ...)
    begins : of rows that run over several lines (a cell in quotation marks may) the first line, by their last
    """

    path: str
    links: tuple[Link, ...]
    bad: tuple[BadRow, ...]
    oddities: tuple[str, ...]
    begins: Mapping[int, int]


def composed(text: str) -> str:
    """Text as keyboards write it, ü as one character: macOS names folders with a u and two dots for it."""
    return unicodedata.normalize("NFC", text)


def normalise_id(text: str) -> str:
    """An id without differences of case, separators and leading zeros: `SC-HF-I-01` and `sc_hf_i_1` become one.

    Numbers keep their place between the letters, so that `A-1-2` and `A-12` stay apart. However an ü is written, it is
    one (see `composed`).
    """
    parts = re.findall(r"\d+|[^\W\d_]+", composed(text.casefold()))
    return "-".join(str(int(part)) if _NUMBER.fullmatch(part) else part for part in parts)


def _decode(data: bytes, path: str) -> tuple[str, list[str]]:
    oddities = []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        oddities.append("UTF-16")
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
        if data.startswith(b"\xef\xbb\xbf"):
            oddities.append("byte order mark")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError as error:
            raise LinkError(path, f"is not text ({error.reason})", "Save it as UTF-8 comma-separated text") from error
        oddities.append("not UTF-8")
    if "\r\n" in text:
        oddities.append("CRLF line ends")
    return text, oddities


def _rows(text: str, separator: str, path: str) -> Iterator[tuple[int, int, list[str]]]:
    """Rows with the numbers, from 1, of the lines that each begins and ends in."""
    reader, before = csv.reader(io.StringIO(text), delimiter=separator), 0
    try:
        for row in reader:
            yield before + 1, reader.line_num, row
            before = reader.line_num
    except csv.Error as error:
        raise LinkError(path, f"is no table ({error})", "Look for a quotation mark that is not closed") from error


def _taken_out(first: str) -> bool:
    """Whether a row is commented out, by its first cell."""
    return first.startswith("#") and _SHEET_ERROR.fullmatch(first) is None


def read_link_table(data: bytes, path: str) -> LinkTable:
    """Read a link table: header `patient_id,original_id`, then a pair a line; further columns are passed over.

    Comma, semicolon and tab are taken as separators, whichever the header has; departures from plain UTF-8 with
    commas are listed as oddities.

    Raises
    ------
    LinkError : it is not text, is empty, or its header does not name both columns
    """
    text, oddities = _decode(data, path)
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise LinkError(path, "is empty", f"Its first line must be {','.join(HEADER)}, then one pair a line")
    separator = max(",;\t", key=lines[first].count)
    if separator != ",":
        oddities.append({";": "semicolons", "\t": "tabs"}[separator])
    header = [name.strip().strip('"').casefold() for name in lines[first].split(separator)]
    try:
        columns = [header.index(name) for name in HEADER]
    except ValueError:
        raise LinkError(
            path,
            f"its first line {lines[first].strip()[:60]!r} does not name the columns {' and '.join(HEADER)}",
            f"Make the first line {','.join(HEADER)}",
        ) from None
    links: list[Link] = []
    bad: list[BadRow] = []
    begins: dict[int, int] = {}
    for begin, end, row in _rows("\n".join(lines[first + 1 :]), separator, path):
        line = first + 1 + end
        if begin < end:
            begins[line] = first + 1 + begin
        if not any(cell.strip() for cell in row):
            continue
        cells = [row[i].strip() if i < len(row) else "" for i in columns]
        if _taken_out(row[0].strip()):
            cause = "it starts with #, like a row that somebody took out; remove the row, or the # where it is to count"
            bad.append(BadRow(line, separator.join(row)[:80], cause, tuple(cell.lstrip("# ") for cell in cells)))
        elif not all(cells):
            missing = " and ".join(name for name, cell in zip(HEADER, cells, strict=True) if not cell)
            bad.append(BadRow(line, separator.join(row)[:80], f"no {missing}", tuple(cells)))
        elif any("\n" in cell for cell in cells):
            bad.append(BadRow(line, separator.join(row)[:80], "a quotation mark is not closed"))
        elif any(character in cell for cell in cells for character in "/\\\0"):
            bad.append(BadRow(line, separator.join(row)[:80], "an id holds a path separator", tuple(cells)))
        else:
            links.append(Link(cells[0], cells[1], path, line))
    return LinkTable(path, tuple(links), tuple(bad), tuple(oddities), begins)
