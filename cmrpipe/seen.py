"""What stood in each folder when it was last read: the reason why unchanged files are not read again.

Sizes, modification and change times decide, as in git; they are of this machine only and so are kept outside the
versioned outputs. The change time tells what the others do not, two files of one size and time (as archives and exports
leave them) whose names were exchanged. The memory may be lost or stale at any time: it then costs a second reading,
never a wrong row, save for bytes that rot below the file system, which `cmrpipe verify` is there to find.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrpipe.files import sha256_bytes, write_bytes
from cmrpipe.layouts import Entry, Listing

INDEX = "seen.json"


def _state(entry: Entry) -> str:
    return f"{entry.bytes} {entry.mtime_ns} {entry.ctime_ns}"


def signature(listing: Listing, context: str) -> str:
    """Digest of names, sizes and times, and of the context (parameters and code) that they are read in."""
    lines = [f"{entry.path}\0{_state(entry)}" for entry in listing.entries]
    return sha256_bytes("\n".join((context, *lines, *listing.stray, *(path for path, _ in listing.refused))).encode())


def _load(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _details(state: Path, unit: str) -> Path:
    return state / "seen" / f"{unit.replace('/', '+')}.json"


def remember_files(state: Path, unit: str, listing: Listing, hashes: Mapping[str, str], context: str) -> None:
    """Keep the hash of every file of a folder, as read under `context` (parameters and code)."""
    files = {entry.path: [_state(entry), hashes[entry.path]] for entry in listing.entries}
    write_bytes(_details(state, unit), json.dumps({"context": context, "files": files}).encode())


def known_files(state: Path, unit: str, listing: Listing, context: str) -> dict[str, str]:
    """Hashes (path → sha256) of files that kept size and times since they were read under `context`."""
    memory = _load(_details(state, unit))
    if memory.get("context") != context:
        return {}
    files = memory["files"]
    return {
        entry.path: files[entry.path][1]
        for entry in listing.entries
        if entry.path in files and files[entry.path][0] == _state(entry)
    }


class Seen:
    """The folder-level memory: signature → content fingerprint, a line a folder."""

    def __init__(self, state: Path) -> None:
        self._path = state / INDEX
        self._folders = _load(self._path)

    def content(self, unit: str, mark: str) -> str:
        """Fingerprint of a folder's content when its signature is still `mark`, else ""."""
        entry = self._folders.get(unit)
        return entry[1] if entry and entry[0] == mark else ""

    def save(self, folders: Mapping[str, tuple[str, str]]) -> None:
        """Replace the memory by `folders`: unit → (signature, content fingerprint)."""
        value = {unit: list(pair) for unit, pair in folders.items()}
        if value != self._folders:
            write_bytes(self._path, json.dumps(value).encode())
