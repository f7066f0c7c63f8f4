"""`.dvcignore`: verify leaves out what DVC leaves out, by DVC's own judgement."""

import json
import subprocess
import sys
from pathlib import Path

from flows.integrity.records import Out
from flows.integrity.survey import files_of

PATTERNS = r"""
# editors' leftovers
*.swp
/data/raw/top.txt
cache/
**/deep/*.tmp
*.log
!keep.log
draft?.csv
\#odd
data/raw/[ab].dcm
"""
FILES = (
    "a.dcm",
    "c.dcm",
    "top.txt",
    "x/top.txt",
    "x/1.swp",
    "x/cache/1.dcm",
    "cache",
    "x/deep/1.tmp",
    "x/deep/y/2.tmp",
    "x/1.log",
    "x/keep.log",
    "draft1.csv",
    "draft12.csv",
    "#odd",
    "y/1.dcm",
    "y/2.dcm",
    "y/z/2.dcm",
    ".git/1.dcm",
)


def test_what_dvc_records_is_what_verify_looks_at(tmp_path: Path) -> None:
    """Directories, places, wildcards, negations, escapes, and patterns of a folder further down."""
    raw = tmp_path / "data/raw"
    for name in FILES:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text(name)
    (tmp_path / ".dvcignore").write_text(PATTERNS)
    (tmp_path / "data" / ".dvcignore").write_text("/raw/y/2.dcm\n")
    for command in (["init", "--no-scm", "-q"], ["add", "-q", "data/raw"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=tmp_path, check=True)
    (listed,) = (tmp_path / ".dvc/cache/files/md5").rglob("*.dir")
    expected = sorted(f"data/raw/{entry['relpath']}" for entry in json.loads(listed.read_text()))
    out = Out("data/raw", f"{listed.parent.name}{listed.name}", None, "data/raw.dvc", "", True)
    assert files_of(tmp_path, out) == expected
    assert 5 < len(expected) < len(FILES)
