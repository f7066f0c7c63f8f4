"""Making findings: severity from the code table unless a parameter says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.codetable import CODES
from cmrpipe.model import Evidence, Finding

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def finding(
    code: FindingCode,
    message: str,
    *,
    patient_id: str = "",
    number: int | None = None,
    path: str = "",
    more: Mapping[str, float | int | str | bool | None] | None = None,
    **evidence: float | int | str | bool | None,
) -> Finding:
    """A finding with its code's own severity; `more` is evidence whose names are not known beforehand."""
    kept: Evidence = {**evidence, **(more or {})}
    return Finding(code, CODES[code].severity, patient_id, number, path, message, kept)


def rank(found: Finding) -> tuple[int, str, int, str, str, str]:
    """Sort key: worst first, then patient, image number, code, path."""
    number = -1 if found.instance_number is None else found.instance_number
    return _RANK[found.severity], found.patient_id, number, found.code, found.path, found.message


def count_by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each severity, all three always present."""
    counts = {severity.value: 0 for severity in Severity}
    for found in findings:
        counts[found.severity.value] += 1
    return counts
