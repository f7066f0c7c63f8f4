"""Link tables on their way into the raw folder: word for word, but for rows of forgotten patients."""

from __future__ import annotations

from collections.abc import Callable

from cmrpipe.errors import LinkError
from cmrpipe.readers.links import read_link_table


def without_rows(data: bytes, drop: Callable[[str, str], bool]) -> bytes:
    """A link table without the rows whose (patient id, original id) are to be dropped; what is no table as it is."""
    try:
        table = read_link_table(data, "link table")
    except LinkError:
        return data
    last = {link.line for link in table.links if drop(link.patient_id, link.original_id)}
    last |= {row.line for row in table.bad if any(row.ids) and drop(row.ids[0], row.ids[1])}
    if not last:
        return data
    lines = {line for end in last for line in range(table.begins.get(end, end), end + 1)}
    encoding = _encoding(data)
    kept = [line for i, line in enumerate(data.decode(encoding).splitlines(keepends=True), 1) if i not in lines]
    return "".join(kept).encode(encoding)


def _encoding(data: bytes) -> str:
    """What a link table is read as, so that lines are counted alike; every byte of it comes back."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def rows_of(data: bytes) -> frozenset[tuple[str, str]]:
    """(patient id, original id) of a link table's rows; none of what is no table."""
    try:
        return frozenset((link.patient_id, link.original_id) for link in read_link_table(data, "link table").links)
    except LinkError:
        return frozenset()
