"""What a table of finding codes says of one code."""

from __future__ import annotations

from dataclasses import dataclass

from cmrpipe.codes import FindingCode, Severity


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What the table says of one code; `param` names the keys in params.yaml that set its thresholds."""

    severity: Severity
    meaning: str
    measured: str
    action: str
    param: str = ""


Table = dict[FindingCode, CodeInfo]
