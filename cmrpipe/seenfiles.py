"""Which bytes a stage's own files had when they were last hashed on this machine.

A file that kept size, modification time, change time and inode since then is taken to hold the same bytes: the change
time cannot be set back by a program. What escapes is rot below the file system; readers of the store and `cmrpipe
verify` hash everything and find it. The memory may be lost at any time; it then costs one hashing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from cmrpipe.files import sha256_file

_TABLE = "create table if not exists seen (name text primary key, stat text not null, sha256 text not null)"


def _stat(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


class SeenFiles:
    """The memory of one output folder.

    Parameters
    ----------
    folder : the output folder
    database : SQLite file beside it
    """

    def __init__(self, folder: Path, database: Path) -> None:
        self._folder = folder
        self._database = database
        self._rows: dict[str, tuple[str, str]] = {}
        if database.exists():
            try:
                with closing(sqlite3.connect(database)) as connection:
                    self._rows = {row[0]: (row[1], row[2]) for row in connection.execute("select * from seen")}
            except sqlite3.DatabaseError:
                database.unlink()  # a memory, not a record

    def intact(self, files: Mapping[str, str]) -> bool:
        """Whether all `files` (name → sha256) are there with these bytes; remembers what it had to hash."""
        fresh = {}
        for name, digest in files.items():
            try:
                stat = _stat(self._folder / name)
                if self._rows.get(name) == (stat, digest):
                    continue
                if sha256_file(self._folder / name) != digest:
                    return False
            except OSError:
                return False
            fresh[name] = (stat, digest)
        self._rows.update(fresh)
        self._keep(fresh)
        return True

    def remember(self, files: Mapping[str, str]) -> None:
        """Note files that were just put in place with bytes that were hashed before."""
        fresh = {name: (_stat(self._folder / name), digest) for name, digest in files.items()}
        self._rows.update(fresh)
        self._keep(fresh)

    def forget(self, names: Iterable[str]) -> None:
        """Drop files that are gone."""
        gone = [(name,) for name in names if self._rows.pop(name, None)]
        if gone:
            with closing(sqlite3.connect(self._database)) as connection, connection:
                connection.executemany("delete from seen where name = ?", gone)

    def _keep(self, rows: Mapping[str, tuple[str, str]]) -> None:
        if not rows:
            return
        with closing(sqlite3.connect(self._database)) as connection, connection:
            connection.execute("pragma synchronous = off")
            connection.execute(_TABLE)
            connection.executemany("replace into seen values (?, ?, ?)", [(n, *row) for n, row in rows.items()])
