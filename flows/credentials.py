"""Credentials for a PACS from a Prefect block: a Secret with the keys user and password, or token."""

from __future__ import annotations

from typing import Any

from prefect.blocks.system import Secret

from cmrpipe.connect.credentials import Credentials, credentials_from, credentials_from_environment
from cmrpipe.errors import SourceError


def pacs_credentials(block: str) -> Credentials:
    """The environment's, else the block's, else none.

    Raises
    ------
    SourceError : the block holds something else
    """
    known = credentials_from_environment()
    if known or not block:
        return known
    try:
        loaded: Any = Secret.load(block)
    except ValueError:  # there is no such block
        return known
    value: Any = loaded.get()
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        mend = 'Save {"user": ..., "password": ...} or {"token": ...} in it'
        raise SourceError(f"Prefect block {block}", "is no JSON object of texts", mend)
    return credentials_from(value)
