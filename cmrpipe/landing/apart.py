"""A source and the raw folder lie apart: a source is only read, and nothing lands from what has landed."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.connect.address import is_url
from cmrpipe.errors import LandingError
from cmrpipe.readers.items import real
from cmrpipe.readers.layouts import CONTOURS, DICOMS


def check_apart(address: str, raw: Path) -> None:
    """Refuse a source that lies in the raw folder, and a raw folder that lies in the source.

    Nothing is touched before; links are followed.

    Parameters
    ----------
    address : of the source
    raw : the raw folder, which need not be there

    Raises
    ------
    LandingError : they overlap, or `raw` has no name of its own (`.`, or an empty one)
    """
    if raw.name in ("", ".."):
        raise LandingError(f"raw folder {str(raw)!r}", "has no name", "Give it one; files are kept beside it, too")
    if is_url(address):
        return
    where, here, beside = Path(address), real(raw), real(raw.parent)
    for place in map(real, (where, where / DICOMS, where / CONTOURS)):
        if here in (place, *place.parents):
            raise LandingError(where, f"lies in the raw folder ({raw})", "Name the folder that new data arrive in")
        if place in (*here.parents, beside, *beside.parents):  # `raw` may be a link; landing works where it stands
            raise LandingError(
                where,
                f"holds the raw folder ({raw}), and a source is only read",
                "Name the folder that new data arrive in, or a raw folder outside of it (--raw)",
            )


def check_text(address: str, name: str) -> None:
    """Refuse what the ledger, the link table's name or DVC could not write.

    Raises
    ------
    LandingError : the source's path, or its name, is no text
    """
    for text, mend in (
        (address, "Rename the folder, or land from a place it is mounted at as well"),
        (name, "Give it another one with --name"),
    ):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise LandingError(ascii(text), "is a name that is no text (UTF-8)", mend) from None
