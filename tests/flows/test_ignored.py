"""`.dvcignore`: verify leaves out what DVC leaves out, by DVC's own judgement."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from cmrpipe.connect.copying import hash_tree
from cmrpipe.landing import land
from cmrpipe.progress import silent
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


def recorded(root: Path) -> tuple[str, list[str]]:
    """Let DVC record `data/raw` of a new workspace: the name of its list of files, and what that has."""
    for command in (["init", "--no-scm", "-q"], ["add", "-q", "data/raw"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=root, check=True)
    (listed,) = (root / ".dvc/cache/files/md5").rglob("*.dir")
    names = sorted(entry["relpath"] for entry in json.loads(listed.read_text()))
    return f"{listed.parent.name}{listed.name}", names


def test_what_lands_is_what_dvc_records(raw: Path, tmp_path: Path) -> None:
    """Under the workspace's own patterns; what DVC minds in a patient's folder spoils nothing, other strays land."""
    clean = hash_tree(raw).keys() - {"link.csv", "phantom.json"}
    folder = sorted((raw / "dicoms").iterdir())[0]
    for name in ("__pycache__/1.dcm", ".git/1.dcm", ".hg/1.dcm", ".tmp-1.dcm", "dvc.yaml", "1.dcm.dvc", ".DS_Store"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"1")
    for contours in (raw / "contourfiles").iterdir():
        (contours / ".dvcignore").write_text("*.txt")
        (contours / ".git").write_text("gitdir: elsewhere")
    target = tmp_path / "space" / "data" / "raw"
    land(raw, target, listen=silent)
    shutil.copy(Path(__file__).parents[2] / ".dvcignore", tmp_path / "space")
    names = recorded(tmp_path / "space")[1]
    assert names == sorted(hash_tree(target))
    assert set(names) == {*clean, f"dicoms/{folder.name}/.DS_Store", "phantom.json", "links/raw.csv"}


def test_what_dvc_records_is_what_verify_looks_at(tmp_path: Path) -> None:
    """Directories, places, wildcards, negations, escapes, and patterns of a folder further down."""
    raw = tmp_path / "data/raw"
    for name in FILES:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text(name)
    (tmp_path / ".dvcignore").write_text(PATTERNS)
    (tmp_path / "data" / ".dvcignore").write_text("/raw/y/2.dcm\n")
    listed, names = recorded(tmp_path)
    expected = [f"data/raw/{name}" for name in names]
    out = Out("data/raw", listed, None, "data/raw.dvc", "", True)
    assert files_of(tmp_path, out) == expected
    assert 5 < len(expected) < len(FILES)
