"""`quarantine.csv`: what the store leaves out and why; filled by rules, overruled by people.

Columns: what (contour, image, patient), name (path relative to the raw folder, or patient id), why, by, when, decision
(leave-out or keep). Rows by `rule` are written anew by every validation. Rows by anybody else are a person's and are
never touched; a person's `keep` beats a rule's `leave-out`. A row that says `rule`, and that no rule gives nor gave in
the last validation, is a person's too: nobody else can have written it. It stays and is told.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.errors import InputError
from cmrpipe.files import write_text
from cmrpipe.model import Quarantine

COLUMNS = ("what", "name", "why", "by", "when", "decision")
KINDS = ("contour", "image", "patient")
RULE = "rule"
KEEP, LEAVE_OUT = "keep", "leave-out"


def read_quarantine(path: Path) -> list[Quarantine]:
    """Read the file; no file is an empty one.

    Raises
    ------
    InputError : a row that cannot be understood; nothing is guessed where labels are at stake
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "Save it as UTF-8 comma-separated text") from error
    reader = csv.DictReader(io.StringIO(text))
    try:
        if reader.fieldnames is None or tuple(reader.fieldnames) != COLUMNS:
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
        rows.append(
            Quarantine(row["what"], row["name"], row["why"], row["by"], row["when"] or "", row["decision"] == KEEP)
        )
    return rows


def unsigned(
    rows: Iterable[Quarantine], by_rule: Iterable[Quarantine], before: Iterable[Quarantine]
) -> list[Quarantine]:
    """Rows by `rule` that no rule wrote: neither among what rules give now, nor among what they gave before."""
    known = {*by_rule, *before}
    return [row for row in rows if row.by == RULE and row not in known]


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
    return sorted(rows, key=lambda r: (r.what, r.name, r.by != RULE, r.by, r.why, r.when, r.keep))


def write_quarantine(path: Path, rows: Sequence[Quarantine]) -> None:
    """Write the file atomically, unless it says the same already."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([row.what, row.name, row.why, row.by, row.when, KEEP if row.keep else LEAVE_OUT])
    if not path.is_file() or path.read_text(encoding="utf-8") != buffer.getvalue():
        write_text(path, buffer.getvalue())


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the store leaves out: names (paths, patient ids) with the row that decided."""

    rows: dict[str, Quarantine]

    def __contains__(self, name: object) -> bool:
        return name in self.rows


def left_out(rows: Iterable[Quarantine]) -> LeftOut:
    """Resolve the rows: whatever is listed is left out, unless a person decided to keep it."""
    listed = list(rows)
    kept = {row.name for row in listed if row.keep and row.by != RULE}
    found: dict[str, Quarantine] = {}
    for row in listed:
        if not row.keep and row.name not in kept:
            found.setdefault(row.name, row)
    return LeftOut(found)
