"""The landing ledger, `data/landings.csv`: a line for every folder that entered `data/raw` or changed.

It is this workspace's own (git and DVC do not have it): it names patients, and `cmrpipe forget` must be able to take
their lines out. Losing it loses the history and nothing else: a landing without it looks at the bytes again.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from cmrpipe.csvfile import csv_text
from cmrpipe.files import write_text

NEW, CHANGED, SAME, RECORD = "new", "changed", "same", "record"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line.

    Attributes
    ----------
    when : UTC, ISO 8601
    event : new, changed, same (another source, or a new token, has the landed bytes), record (they stand again, or come
        from elsewhere: another record of the raw folder was brought, by git say)
    folder : `dicoms/<patient_id>`, `contourfiles/<original_id>`, or `links/<source>` for a link table
    source : address of the source, without secrets
    token : what the source called this version
    old, new : digest of the folder's content before and after (see `connect.source.content_digest`; of a link table its
        SHA-256), "" for none
    kept : where the old version is: `dvc` (in its cache, recorded), or a folder beside raw
    """

    when: str
    event: str
    folder: str
    source: str
    token: str
    old: str
    new: str
    kept: str = ""


COLUMNS = tuple(field.name for field in fields(Entry))


def ledger_file(raw: Path) -> Path:
    """Where the ledger of a raw folder is."""
    return raw.parent / "landings.csv"


def now() -> str:
    """The time as the ledger has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Ledger:
    """The ledger of a raw folder: what it says last of each folder, and how to add to it."""

    def __init__(self, raw: Path) -> None:
        self.path = ledger_file(raw)
        self.entries = read_ledger(self.path)
        self._know_all()

    def _know_all(self) -> None:
        self._last: dict[str, Entry] = {}
        self._placed: dict[str, Entry] = {}
        self._by_source: dict[tuple[str, str], Entry] = {}
        for entry in self.entries:
            self._know(entry)

    def _know(self, entry: Entry) -> None:
        self._last[entry.folder] = entry
        if entry.event != SAME:
            self._placed[entry.folder] = entry
        self._by_source[entry.folder, entry.source] = entry

    def last(self, folder: str) -> Entry | None:
        """The newest line of a folder."""
        return self._last.get(folder)

    def placed(self, folder: str) -> Entry | None:
        """The newest line of a folder that says what was put there; `same` only says what somebody else has."""
        return self._placed.get(folder)

    def older(self, folder: str, source: str) -> Entry | None:
        """A source's own newest line of a folder where something else has come since; None where nothing has."""
        ours, last = self._by_source.get((folder, source)), self._last.get(folder)
        return ours if ours is not None and last is not None and last.new not in ("", ours.new) else None

    def take(self, folder: str, content: str, record: str) -> None:
        """Write what stands now that another record of the raw folder was brought, where it is not what landed last.

        Sources that brought just this earlier, or replaced it, are the ones it is from: what they have had since may
        land again.

        Parameters
        ----------
        content : digest of what stands
        record : what is named where no source brought it
        """
        last = self._last.get(folder)
        if last is None or content in ("", last.new):
            return
        lines = [entry for entry in self.entries if entry.folder == folder]
        had = {entry.source: "" for entry in lines if entry.event == CHANGED and entry.old == content}
        had |= {entry.source: entry.token for entry in lines if entry.new == content}
        for source, token in (had or {record: ""}).items():
            self.add(Entry(now(), RECORD, folder, source, token, last.new, content))

    def brought(self, folder: str, source: str) -> bool:
        """Whether what landed last is this source's newest version, whoever else brought it."""
        ours, last = self._by_source.get((folder, source)), self._last.get(folder)
        return ours is not None and last is not None and ours.new == last.new != ""

    def others(self, folder: str, source: str) -> bool:
        """Whether what landed last is known to come from another source, and not from this one."""
        last = self._last.get(folder)
        return last is not None and last.new != "" and not self.brought(folder, source)

    def has(self, folder: str, source: str, token: str) -> bool:
        """Whether this version of this source is what landed last, whoever brought it."""
        return self.brought(folder, source) and self._by_source[folder, source].token == token

    def landed_from(self, source: str) -> list[str]:
        """Folders, and its link table, that stand as this source has brought them, sorted."""
        return sorted(folder for folder, whose in self._by_source if whose == source and self.brought(folder, source))

    def add(self, entry: Entry) -> None:
        """Append a line, durable; a line that a kill cut short is closed first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as stream:
            end = stream.seek(0, os.SEEK_END)
            if end == 0:
                stream.write(_line(COLUMNS))
            else:
                stream.seek(end - 1)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
            stream.write(_line(astuple(entry)))
            stream.flush()
            os.fsync(stream.fileno())
        self.entries.append(entry)
        self._know(entry)

    def without(self, drop: Callable[[Entry], bool]) -> int:
        """Write the ledger anew without some lines; how many they were."""
        kept = [entry for entry in self.entries if not drop(entry)]
        dropped = len(self.entries) - len(kept)
        if dropped:
            write_text(self.path, b"".join(map(_line, (COLUMNS, *map(astuple, kept)))).decode())
            self.entries = kept
            self._know_all()
        return dropped


def _line(cells: tuple[str, ...]) -> bytes:
    return csv_text([cells]).encode()


def read_ledger(path: Path) -> list[Entry]:
    """All whole lines; one that a kill cut short is passed over."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    rows = [row for row in csv.reader(io.StringIO(text)) if len(row) == len(COLUMNS)]
    return [Entry(*row) for row in rows if tuple(row) != COLUMNS]
