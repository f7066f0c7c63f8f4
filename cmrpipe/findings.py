"""What validate finds, on disk: in pieces for the pipeline, as whole tables for people.

    <findings>/pieces/3f.json     findings, missing items and clinical values of the patients whose id's SHA-256 starts
                                  with 3f, so that one patient's change rewrites one small piece
    <findings>/by-rule.json       what rules left out, [what, name, why, seen]: other rows by `rule` are a person's
    <tables>/findings.csv, findings.json, missing.csv, clinical.csv      all of them, made from the pieces; in CSV,
                                  a text that a spreadsheet would take for a formula has an apostrophe before it

The pieces are versioned and what later stages read; the tables are a view that can be made again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.csvfile import text_for_people
from cmrpipe.errors import InputError
from cmrpipe.files import write_json, write_text
from cmrpipe.incremental.manifest import shard_of
from cmrpipe.model import Finding

FINDINGS_CSV, FINDINGS_JSON, MISSING_CSV = "findings.csv", "findings.json", "missing.csv"
CLINICAL_CSV = "clinical.csv"
FINDING_COLUMNS = ("severity", "code", "patient_id", "instance_number", "path", "message", "evidence")
MISSING_COLUMNS = ("patient_id", "what", "slice_index", "frame", "instance_number", "why")
PIECES = "pieces"
BY_RULE = "by-rule.json"
PIECE_FILES = tuple(f"{PIECES}/{number:02x}.json" for number in range(256))
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """All that validate says: findings, worst first; missing items and clinical values, by patient."""

    findings: Sequence[Finding]
    missing: Sequence[Row]
    clinical: Sequence[Row]


def rank(found: Finding) -> tuple[int, str, int, str, str, str]:
    """Sort key: worst first, then patient, image number, code, path."""
    number = -1 if found.instance_number is None else found.instance_number
    return _RANK[found.severity], found.patient_id, number, found.code, found.path, found.message


def to_dict(found: Finding) -> Row:
    """A finding as JSON."""
    return asdict(found)


def from_dict(value: Row) -> Finding:
    """A finding from JSON."""
    return Finding(**{**value, "code": FindingCode(value["code"]), "severity": Severity(value["severity"])})


def write_pieces(folder: Path, report: Report) -> None:
    """Bring the pieces up to date; those that stay the same are not touched."""
    pieces: dict[str, dict[str, list[Row]]] = {}
    rows = {"findings": map(to_dict, report.findings), "missing": report.missing, "clinical": report.clinical}
    for table, members in rows.items():
        for row in members:
            piece = pieces.setdefault(f"{PIECES}/{shard_of(row['patient_id'])}.json", {name: [] for name in rows})
            piece[table].append(row)
    for name in PIECE_FILES:
        if name not in pieces:
            (folder / name).unlink(missing_ok=True)
        elif _read(folder / name) != pieces[name]:
            write_json(folder / name, pieces[name])


def _read(piece: Path) -> Any:
    """A piece's content; None where it is not there, or no JSON."""
    try:
        return json.loads(piece.read_bytes())
    except (OSError, ValueError):
        return None


def is_validated(folder: Path) -> bool:
    """Whether a folder holds what validate writes."""
    return (folder / PIECES).is_dir()


def read_report(folder: Path) -> Report:
    """All pieces.

    Raises
    ------
    InputError : they are not there, or not ours
    """
    mend = "Run `cmrpipe validate` first"
    if not is_validated(folder):
        raise InputError(folder, "holds no findings", mend)
    findings: list[Finding] = []
    missing: list[Row] = []
    clinical: list[Row] = []
    for path in sorted((folder / PIECES).glob("*.json")):
        try:
            piece = json.loads(path.read_bytes())
            findings += [from_dict(value) for value in piece["findings"]]
            missing += piece["missing"]
            clinical += piece["clinical"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(path, f"cannot be read ({error})", mend) from error
    return Report(sorted(findings, key=rank), sorted(missing, key=_patient), sorted(clinical, key=_patient))


def _patient(row: Row) -> str:
    return str(row["patient_id"])


def read_findings(folder: Path) -> list[Finding]:
    """The findings alone, worst first (see `read_report`)."""
    return list(read_report(folder).findings)


def _cells(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterable[list[Any]]:
    return ([row[name] for name in columns] for row in rows)


def write_findings(folder: Path, findings: Sequence[Finding]) -> None:
    """Write findings.csv and findings.json."""
    rows = (
        [f.severity, f.code, f.patient_id, f.instance_number, f.path, f.message, json.dumps(f.evidence, sort_keys=True)]
        for f in findings
    )
    write_text(folder / FINDINGS_CSV, text_for_people((FINDING_COLUMNS, *rows)))
    write_json(folder / FINDINGS_JSON, [to_dict(found) for found in findings])


def write_tables(folder: Path, report: Report, clinical_columns: Sequence[str]) -> None:
    """Write the whole tables; of clinical values that cannot be had the cells are empty, and `reason` says why."""
    write_findings(folder, report.findings)
    write_text(folder / MISSING_CSV, text_for_people((MISSING_COLUMNS, *_cells(report.missing, MISSING_COLUMNS))))
    write_text(folder / CLINICAL_CSV, text_for_people((clinical_columns, *_cells(report.clinical, clinical_columns))))
