"""The table of finding codes as a page: docs/findings.md is this text, and a test holds it to that."""

from __future__ import annotations

from cmrpipe.codes import FindingCode
from cmrpipe.codetable import CODES, CodeInfo
from cmrpipe.params import Params

_HEAD = """# Findings

Written by `python -m cmrpipe.reference > docs/findings.md` from `cmrpipe/codetable/`; `cmrpipe findings` prints it
without thresholds' values and without marks.

An error spoils labels or loses data, a warning may, an info does not. Thresholds stand with their parameter and its
default; `validate.severity` changes a severity, and codes marked with * are in `validate.quarantine`: what they are
about is left out of the store unless a person decides otherwise in `quarantine.csv`.
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
