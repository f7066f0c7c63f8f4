"""Findings, missing items and clinical values on disk: CSV for people and spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.errors import InputError
from cmrpipe.files import write_json, write_text
from cmrpipe.model import Finding

FINDINGS_CSV, FINDINGS_JSON, MISSING_CSV = "findings.csv", "findings.json", "missing.csv"
CLINICAL_CSV = "clinical.csv"
FINDING_COLUMNS = ("severity", "code", "patient_id", "instance_number", "path", "message", "evidence")
MISSING_COLUMNS = ("patient_id", "what", "slice_index", "frame", "instance_number", "why")


def to_dict(found: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return asdict(found)


def from_dict(value: dict[str, Any]) -> Finding:
    """A finding from JSON."""
    return Finding(**{**value, "code": FindingCode(value["code"]), "severity": Severity(value["severity"])})


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return buffer.getvalue()


def write_findings(folder: Path, findings: Sequence[Finding]) -> None:
    """Write findings.csv and findings.json."""
    rows = (
        [f.severity, f.code, f.patient_id, f.instance_number, f.path, f.message, json.dumps(f.evidence, sort_keys=True)]
        for f in findings
    )
    write_text(folder / FINDINGS_CSV, _csv(FINDING_COLUMNS, rows))
    write_json(folder / FINDINGS_JSON, [to_dict(found) for found in findings])


def write_missing(folder: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write missing.csv."""
    write_text(folder / MISSING_CSV, _csv(MISSING_COLUMNS, ([row[name] for name in MISSING_COLUMNS] for row in rows)))


def write_clinical(folder: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write clinical.csv, a row a patient; values that cannot be had are empty, and `reason` says why."""
    write_text(folder / CLINICAL_CSV, _csv(columns, ([row[name] for name in columns] for row in rows)))


def read_findings(folder: Path) -> list[Finding]:
    """Read findings.json.

    Raises
    ------
    InputError : it is not there, or not ours
    """
    path = folder / FINDINGS_JSON
    try:
        return [from_dict(value) for value in json.loads(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"cannot be read ({error})", "Run `cmrpipe validate` first") from error
