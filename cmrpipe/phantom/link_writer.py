"""The link table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

HEADER = ("patient_id", "original_id")


def link_table(
    rows: Iterable[Sequence[str]], *, separator: str = ",", line_end: str = "\n", byte_order_mark: bool = False
) -> bytes:
    """Bytes of link.csv: the header and a line for every row; plain UTF-8 with commas unless told otherwise."""
    text = "".join(separator.join(row) + line_end for row in [HEADER, *rows])
    return text.encode("utf-8-sig" if byte_order_mark else "utf-8")
