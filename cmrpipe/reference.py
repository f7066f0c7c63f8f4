"""The table of finding codes as a page: docs/findings.md is this text, and a test holds it to that."""

from __future__ import annotations

from cmrpipe.codes import FindingCode
from cmrpipe.codetable import CODES, CodeInfo
from cmrpipe.params import Params

_HEAD = """# Findings

Every code that `validate` and the report name: what it means, how it is measured, and what to do. `cmrpipe findings`
prints the same without the values of thresholds. How the checks work: [validation.md](validation.md).

- **Severity**: an error spoils labels or loses data, a warning may, an info does not. `validate.severity` changes it.
- **Codes with \\***: what they are about is left out of the store, unless a person decides otherwise in
  `quarantine.csv`. They are listed in `validate.quarantine`.
- **Thresholds** stand with their parameter and its default.

This page is written by `python -m cmrpipe.reference > docs/findings.md` from `cmrpipe/codetable/`.
"""


def _threshold(key: str) -> str:
    section, _, name = key.partition(".")
    value = getattr(getattr(Params(), f"{section}_" if section == "validate" else section), name)
    text = " to ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else f"{value:g}"
    return f"`{key}` = {text}"


def _row(code: FindingCode, info: CodeInfo, left_out: bool) -> str:
    keys = [key.strip() for key in info.param.split(",") if key.strip()]
    cells = (
        f"`{code.value}`{' *' if left_out else ''}",
        info.severity.value,
        info.meaning,
        "<br>".join([info.measured, *map(_threshold, keys)]),
        info.action,
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def findings_page() -> str:
    """The page in Markdown: every code with meaning, severity, measure, threshold and what to do."""
    left_out = frozenset(Params().validate_.quarantine)
    rows = [_row(code, info, code in left_out) for code, info in CODES.items()]
    table = ["| code | severity | meaning | measured by | what to do |", "| --- | --- | --- | --- | --- |", *rows]
    return "\n".join([_HEAD, *table, ""])


if __name__ == "__main__":
    import sys

    sys.stdout.write(findings_page())
