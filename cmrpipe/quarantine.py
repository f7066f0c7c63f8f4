"""`quarantine.csv`: what the store leaves out and why; filled by rules, overruled by people.

Columns: what (contour, image, patient), name (path relative to the raw folder, or patient id), why, by, when, decision
(leave-out or keep), seen (fingerprint of the bytes). Rows by `rule` are written anew by every validation. Rows by
anybody else are a person's and stay as they are; a person's `keep` beats a rule's `leave-out`. A row that says `rule`,
and that no rule gives nor gave in the last validation, is a person's too: nobody else can have written it. It stays and
is told.

A person's row is about the bytes that its person saw: the next validation writes their fingerprint into its empty cell
`seen`. A `keep` overrules what was said of these bytes alone; where a rule, or another person, speaks against others of
that name later, that holds, and it is told.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cmrpipe.csvfile import csv_text
from cmrpipe.errors import InputError
from cmrpipe.files import write_text
from cmrpipe.model import Quarantine
from cmrpipe.readers.layouts import folder_of

COLUMNS = ("what", "name", "why", "by", "when", "decision", "seen")
KINDS = ("contour", "image", "patient")
RULE = "rule"
KEEP, LEAVE_OUT = "keep", "leave-out"
SEEN = re.compile("x[0-9a-f]{16}")
"""A fingerprint (see `cmrpipe.checks.subjects`)."""


def read_quarantine(path: Path) -> list[Quarantine]:
    """Read the file.

    Raises
    ------
    InputError : it is not there, or a row cannot be understood; nothing is guessed where labels are at stake
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        mend = "Run `cmrpipe validate`, which writes it, or name another one with --quarantine"
        raise InputError(path, "is not there", mend) from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "Check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"cannot be read ({error})", "Save it as UTF-8 comma-separated text") from error
    reader = csv.DictReader(io.StringIO(text))
    try:
        if tuple(reader.fieldnames or ()) not in (COLUMNS, COLUMNS[:-1]):  # `seen` may be missing
            raise InputError(path, "does not have the expected columns", f"Its first line must be {','.join(COLUMNS)}")
        table = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(path, f"is no table ({error})", "Look for a quotation mark that is not closed") from error
    rows = []
    for line, row in table:
        where = f"{path} line {line}"
        if row["what"] not in KINDS:
            raise InputError(where, f"what is {row['what']!r}", f"Use one of {', '.join(KINDS)}")
        if row["decision"] not in (KEEP, LEAVE_OUT):
            raise InputError(where, f"decision is {row['decision']!r}", f"Use {LEAVE_OUT} or {KEEP}")
        if not row["name"] or not row["by"]:
            raise InputError(where, "name or by is empty", "Say what it is about and who decided")
        cells = (row["what"], row["name"], row["why"], row["by"], row["when"] or "")
        seen = (row.get("seen") or "").strip().lower()
        if seen and not SEEN.fullmatch(seen):
            raise InputError(where, f"seen is {row['seen']!r}", "Empty the cell; the next validation fills it in")
        rows.append(Quarantine(*cells, keep=row["decision"] == KEEP, seen=seen))
    return rows


def known_quarantine(path: Path) -> list[Quarantine]:
    """Read the file where there is one: for those who write it, or count what is in it."""
    return read_quarantine(path) if path.exists() else []


def unsigned(
    rows: Iterable[Quarantine], by_rule: Iterable[Quarantine], before: Iterable[Quarantine]
) -> list[Quarantine]:
    """Rows by `rule` that no rule wrote: neither among what rules give now, nor among what they gave before."""
    known = {_decision(row) for row in (*by_rule, *before)}
    return [row for row in rows if row.by == RULE and _decision(row) not in known]


def _decision(row: Quarantine) -> Quarantine:
    """A row whatever bytes it is about."""
    return replace(row, seen="")


def sealed(
    rows: Iterable[Quarantine], before: Iterable[Quarantine], fingerprint: Callable[[str], str]
) -> list[Quarantine]:
    """Rows with the bytes of every person's row that does not say them: those of the last validation, else of now.

    Parameters
    ----------
    before : what rules gave in the last validation, which is what its person has seen
    fingerprint : of what a name stands for now; empty where it stands for nothing
    """
    known = {row.name: row.seen for row in before}
    return [replace(row, seen=known.get(row.name) or fingerprint(row.name)) if _open(row) else row for row in rows]


def _open(row: Quarantine) -> bool:
    return row.by != RULE and not row.seen


def people_keep(rows: Iterable[Quarantine]) -> Mapping[str, Sequence[Quarantine]]:
    """The `keep` rows of people, by name."""
    found: dict[str, list[Quarantine]] = defaultdict(list)
    for row in rows:
        if row.keep and row.by != RULE:
            found[row.name].append(row)
    return found


def overruled(row: Quarantine, keeps: Iterable[Quarantine]) -> bool:
    """Whether one of these `keep` rows of its name is not about other bytes."""
    return any(not row.seen or not keep.seen or keep.seen == row.seen for keep in keeps)


def merge(old: Iterable[Quarantine], by_rule: Iterable[Quarantine], before: Iterable[Quarantine]) -> list[Quarantine]:
    """New rows of the rules and untouched rows of people, sorted.

    Parameters
    ----------
    old : the file as it is
    by_rule : what the rules give now
    before : what they gave in the last validation; of these, what they do not give any more goes
    """
    listed, given = list(old), list(by_rule)
    people = [row for row in listed if row.by != RULE]
    rows = {*people, *unsigned(listed, given, before), *given}
    return sorted(rows, key=lambda r: (r.what, r.name, r.by != RULE, r.by, r.why, r.when, r.keep, r.seen))


def write_quarantine(path: Path, rows: Sequence[Quarantine]) -> None:
    """Write the file atomically, unless it says the same already."""
    cells = ((r.what, r.name, r.why, r.by, r.when, KEEP if r.keep else LEAVE_OUT, r.seen) for r in rows)
    text = csv_text((COLUMNS, *cells))
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the store leaves out.

    Attributes
    ----------
    rows : names (paths, patient ids) with the row that decided
    people : those of these names that no rule speaks against: a person alone decided
    """

    rows: dict[str, Quarantine]
    people: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def by_folder(self) -> dict[str, dict[str, Quarantine]]:
        """The rows by the folder that each name lies in; those of patients by the patient's id."""
        found: dict[str, dict[str, Quarantine]] = defaultdict(dict)
        for name, row in self.rows.items():
            found[folder_of(name)][name] = row
        return found


def left_out(rows: Iterable[Quarantine]) -> LeftOut:
    """Resolve the rows: whatever is listed is left out, unless a person decided to keep those bytes."""
    listed = list(rows)
    keeps = people_keep(listed)
    holding = [row for row in listed if not row.keep and not overruled(row, keeps.get(row.name, ()))]
    found: dict[str, Quarantine] = {}
    for row in holding:
        found.setdefault(row.name, row)
    return LeftOut(found, frozenset(found) - {row.name for row in holding if row.by == RULE})
