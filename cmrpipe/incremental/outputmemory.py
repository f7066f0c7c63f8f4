"""Which bytes a stage's own files had when they were last hashed on this machine.

A file that kept size, modification time, change time and inode since then is taken to hold the same bytes: the change
time cannot be set back by a program. What escapes is rot below the file system; readers of the store and `cmrpipe
verify` hash everything and find it. The memory may be lost at any time; it then costs one hashing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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
            with self._anew_if_damaged(), closing(sqlite3.connect(database)) as connection:
                self._rows = {name: (stat, sha256) for name, stat, sha256 in connection.execute("select * from seen")}

    @contextmanager
    def _anew_if_damaged(self) -> Iterator[None]:
        """Take away a memory that cannot be read or written: it is no record."""
        try:
            yield
        except (sqlite3.Error, LookupError, TypeError, ValueError):
            self._database.unlink(missing_ok=True)

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
        self._write("delete from seen where name = ?", gone)

    def _keep(self, rows: Mapping[str, tuple[str, str]]) -> None:
        self._write("replace into seen values (?, ?, ?)", [(name, *row) for name, row in rows.items()])

    def _write(self, statement: str, rows: Sequence[tuple[str, ...]]) -> None:
        if not rows:
            return
        with self._anew_if_damaged(), closing(sqlite3.connect(self._database)) as connection, connection:
            connection.execute("pragma synchronous = off")
            connection.execute(_TABLE)
            connection.executemany(statement, rows)
