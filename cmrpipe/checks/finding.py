"""Making findings: severity from the code table unless a parameter says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.codetable import CODES
from cmrpipe.model import Evidence, Finding


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


def count_by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each severity, all three always present."""
    counts = {severity.value: 0 for severity in Severity}
    for found in findings:
        counts[found.severity.value] += 1
    return counts
