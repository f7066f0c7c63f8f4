"""`forgotten.csv`: who was forgotten and must not land again, as salted hashes that git may keep.

A list of ids would keep what was to be forgotten. A hash of an id is no secret from somebody who has the ids to try
(that is what the list is for), so each try is made slow: scrypt, with a salt of the workspace's own. Ids are hashed
after normalisation: `SC-HF-I-01` is `SC-HF-I-1`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import secrets
from functools import lru_cache
from pathlib import Path

from cmrpipe.csvfile import csv_text
from cmrpipe.errors import InputError
from cmrpipe.files import write_text
from cmrpipe.readers.links import normalise_id

COLUMNS = ("salt", "hash", "kind", "when")
_COST = {"n": 1 << 13, "r": 8, "p": 1, "maxmem": 1 << 25, "dklen": 32}


@lru_cache(maxsize=100_000)
def _hash(salt: str, kind: str, name: str) -> str:
    text = f"{kind}/{normalise_id(name) or name}".encode()
    return hashlib.scrypt(text, salt=bytes.fromhex(salt), **_COST).hex()


class Forgotten:
    """The list of a workspace.

    Parameters
    ----------
    path : forgotten.csv; no file is an empty list
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._rows: list[tuple[str, ...]] = []
        if path is not None and path.is_file():
            try:
                rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
                good = tuple(rows[0]) == COLUMNS and all(len(row) == len(COLUMNS) for row in rows)
                for row in rows[1:]:
                    bytes.fromhex(row[0]), bytes.fromhex(row[1])
            except (OSError, ValueError, IndexError):
                good = False
            if not good:
                raise InputError(path, "is no list of forgotten patients", "`git checkout` it; never edit it by hand")
            self._rows = [tuple(row) for row in rows[1:]]
        self._hashes: dict[tuple[str, str], set[str]] = {}
        for salt, digest, kind, _ in self._rows:
            self._hashes.setdefault((salt, kind), set()).add(digest)

    def __len__(self) -> int:
        return len(self._rows)

    def holds(self, folder: str) -> bool:
        """Whether a folder (`dicoms/<patient_id>`, `contourfiles/<original_id>`) is that of somebody forgotten."""
        kind, _, name = folder.partition("/")
        return any(kind == of and _hash(salt, kind, name) in known for (salt, of), known in self._hashes.items())

    def add(self, folders: tuple[str, ...], when: str) -> None:
        """Write folders into the list, those that it does not hold yet."""
        if self._path is None:
            raise ValueError("a list without a file")
        salt = self._rows[0][0] if self._rows else secrets.token_hex(16)
        for folder in folders:
            if not self.holds(folder):
                kind, _, name = folder.partition("/")
                self._rows.append((salt, _hash(salt, kind, name), kind, when))
                self._hashes.setdefault((salt, kind), set()).add(self._rows[-1][1])
        write_text(self._path, csv_text((COLUMNS, *self._rows)))
