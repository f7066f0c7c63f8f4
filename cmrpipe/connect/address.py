"""What a user names as a source: a folder or a URL."""

from __future__ import annotations

import re
from pathlib import Path

from cmrpipe.connect.credentials import MEND
from cmrpipe.errors import SourceError
from cmrpipe.readers.items import real

_PARTS = re.compile(r"\s*([a-z][a-z0-9+.-]*://)([^/?#]*)[^?#]*([?#]?)", re.IGNORECASE)
"""Scheme, host with a user before it perhaps, and what tells that something comes behind the path."""
_URL = re.compile(r"(dicomweb\+)?(https?://)", re.IGNORECASE)


def is_url(address: str) -> bool:
    """Whether an address is that of a server, not a folder."""
    return _URL.match(address) is not None


def plain_url(address: str) -> str:
    """A server's URL without the word before it that says what it speaks."""
    return _URL.sub(r"\2", address)


def check_named(address: str) -> None:
    """Refuse an empty address: as a path it would be the current folder; and one with a secret in it.

    Addresses are kept, in the ledger and as parameters of Prefect's runs, and shown.

    Raises
    ------
    SourceError : it is empty, or holds a user, a password or a query, none of which is shown
    """
    parts = _PARTS.match(address)
    if parts and ("@" in parts[2] or parts[3]):
        cause = f"the address holds a {'user or password' if '@' in parts[2] else 'query'}"
        shown = "..." if "@" in address else parts[2]  # a password may have any sign in it, too
        raise SourceError(parts[1] + shown, cause, f"Take it out. {MEND}")
    if not address.strip():
        raise SourceError(
            f"source {address!r}", "names no folder", "Name a folder or a URL; a variable that is not set is empty"
        )


def full_address(address: str) -> str:
    """A folder's absolute path, a URL as it is: right from whatever working directory.

    Raises
    ------
    SourceError : see `check_named`
    """
    check_named(address)
    return address if is_url(address) else str(real(Path(address)))
