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

from cmrpipe.files import sha256_bytes, write_bytes
from cmrpipe.readers.layouts import Entry, Listing

INDEX = "seen.json"
_CONTEXT = ""
"""In a folder's memory the name, which no file has, of what its files were read under."""


def _state(entry: Entry) -> str:
    return f"{entry.bytes} {entry.mtime_ns} {entry.ctime_ns}"


def signature(listing: Listing, context: str) -> str:
    """Digest of names, sizes and times, and of the context (parameters and code) that they are read in."""
    lines = [f"{entry.path}\0{_state(entry)}" for entry in listing.entries]
    return sha256_bytes("\n".join((context, *lines, *listing.stray, *(path for path, _ in listing.refused))).encode())


def _load(path: Path) -> dict[str, tuple[str, str]]:
    """Name → (state, hash) as they were kept; nothing where the memory is lost, damaged or of another layout."""
    try:
        value = json.loads(path.read_bytes())
        return {name: (str(state), str(digest)) for name, (state, digest) in value.items()}
    except (OSError, AttributeError, TypeError, ValueError):
        return {}


def _details(state: Path, unit: str) -> Path:
    return state / "seen" / f"{unit.replace('/', '+')}.json"


def remember_files(state: Path, unit: str, listing: Listing, hashes: Mapping[str, str], context: str) -> None:
    """Keep the hash of every file of a folder, as read under `context` (parameters and code)."""
    files = {entry.path: (_state(entry), hashes[entry.path]) for entry in listing.entries}
    write_bytes(_details(state, unit), json.dumps({_CONTEXT: (context, ""), **files}).encode())


def known_files(state: Path, unit: str, listing: Listing, context: str) -> dict[str, str]:
    """Hashes (path → sha256) of files that kept size and times since they were read under `context`."""
    memory = _load(_details(state, unit))
    if memory.get(_CONTEXT) != (context, ""):
        return {}
    known = {entry.path: memory.get(entry.path, ("", "")) for entry in listing.entries}
    return {entry.path: known[entry.path][1] for entry in listing.entries if known[entry.path][0] == _state(entry)}


class Seen:
    """The folder-level memory: signature → content fingerprint, a line a folder."""

    def __init__(self, state: Path) -> None:
        self._path = state / INDEX
        self._folders = _load(self._path)

    def content(self, unit: str, mark: str) -> str:
        """Fingerprint of a folder's content when its signature is still `mark`, else ""."""
        known, content = self._folders.get(unit, ("", ""))
        return content if known == mark else ""

    def save(self, folders: Mapping[str, tuple[str, str]]) -> None:
        """Replace the memory by `folders`: unit → (signature, content fingerprint)."""
        if folders != self._folders:
            write_bytes(self._path, json.dumps(dict(folders)).encode())
