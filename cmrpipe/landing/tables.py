"""Link tables on their way into the raw folder: word for word, but for rows of forgotten patients."""

from __future__ import annotations

from collections.abc import Callable

from cmrpipe.errors import LinkError
from cmrpipe.links import read_link_table


def without_rows(data: bytes, drop: Callable[[str, str], bool]) -> bytes:
    """A link table without the rows whose (patient id, original id) are to be dropped; what is no table as it is."""
    try:
        table = read_link_table(data, "link table")
    except LinkError:
        return data
    lines = {link.line for link in table.links if drop(link.patient_id, link.original_id)}
    lines |= {row.line for row in table.bad if len(row.ids) == 2 and drop(*row.ids)}
    if not lines:
        return data
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "utf-16" if utf16 else "latin-1"  # latin-1 keeps every byte of what is no UTF-16
    kept = [line for i, line in enumerate(data.decode(encoding).splitlines(keepends=True), 1) if i not in lines]
    return "".join(kept).encode(encoding)


def rows_of(data: bytes) -> frozenset[tuple[str, str]]:
    """(patient id, original id) of a link table's rows; none of what is no table."""
    try:
        return frozenset((link.patient_id, link.original_id) for link in read_link_table(data, "link table").links)
    except LinkError:
        return frozenset()
