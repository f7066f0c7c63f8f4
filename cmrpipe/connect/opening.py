"""From what a user names, a folder or a URL, to a source."""

from __future__ import annotations

import re
from pathlib import Path

from cmrpipe.connect.folder import FolderSource
from cmrpipe.connect.source import Source
from cmrpipe.params import SourceParams

_URL = re.compile(r"(dicomweb\+)?https?://", re.IGNORECASE)


def is_url(address: str) -> bool:
    """Whether an address is that of a server, not a folder."""
    return _URL.match(address) is not None


def full_address(address: str) -> str:
    """A folder's absolute path, a URL as it is: right from whatever working directory."""
    return address if is_url(address) else str(Path(address).resolve())


def open_source(address: str, params: SourceParams, *, name: str = "") -> Source:
    """The source that an address names.

    Parameters
    ----------
    address : a folder
    params : the source section
    name : of its link table; the folder's name by default
    """
    return FolderSource(Path(address), name, params.settle_s)
