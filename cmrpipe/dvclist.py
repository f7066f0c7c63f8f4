"""DVC's list of a folder's files, as DVC 3 writes it: an object named by its MD5 and `.dir`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def list_bytes(entries: Mapping[str, str]) -> bytes:
    """The list, from the MD5 of each file by its path relative to the folder."""
    return json.dumps([{"md5": entries[path], "relpath": path} for path in sorted(entries)]).encode()


def md5_bytes(data: bytes) -> str:
    """Hexadecimal MD5 of `data`, by which DVC names it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
