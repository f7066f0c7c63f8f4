"""`cmrpipe sources` tells what is wrong with a link table before anything lands, as validate would afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cmrpipe.cli import app
from cmrpipe.findings import read_findings
from cmrpipe.landing import Forgotten, land
from cmrpipe.progress import silent

HEADER = "patient_id,original_id\n"
GOOD = f"{HEADER}A,SC-1\nB,SC-2\n"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two patients with contours, in a folder where nothing has landed."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("source: {settle_s: 0.0}\n")
    for patient, original in (("A", "SC-1"), ("B", "SC-2")):
        for folder, name in ((f"dicoms/{patient}", "1.dcm"), (f"contourfiles/{original}", "1.txt")):
            (tmp_path / "source" / folder).mkdir(parents=True)
            (tmp_path / "source" / folder / name).write_text(f"{folder}\n")
    (tmp_path / "source" / "link.csv").write_text(GOOD)
    return tmp_path / "source"


def looked(source: Path) -> Result:
    """What the command says."""
    return CliRunner().invoke(app, ["sources", str(source), "--raw", "raw"])


def told(result: Result) -> list[str]:
    """The lines about findings."""
    return sorted(line for line in result.output.splitlines() if line.startswith(("error [", "warning [", "info [")))


def test_a_table_in_order_is_not_spoken_of(source: Path) -> None:
    """Before and after landing, and for a source whose other half has landed."""
    assert told(looked(source)) == []
    land(source, Path("raw"), listen=silent)
    found = looked(source)
    assert (told(found), found.exit_code) == ([], 0)
    shutil.rmtree(source / "contourfiles")
    assert told(looked(source)) == []


@pytest.mark.parametrize(
    ("table", "code", "words"),
    [
        (None, "error [link-table-missing]", "There is no link table, so no contour can be given to an image."),
        ("", "error [link-table-unreadable]", "link.csv: is empty."),
        ("a,b\nA,SC-1\n", "error [link-table-unreadable]", "does not name the columns patient_id and original_id"),
        (f"{GOOD}C,SC-2\n", "error [link-without-patient]", "link.csv line 4: patient_id 'C' has no folder dicoms/C."),
        (f"{GOOD}A,SC-9\n", "error [link-without-contours]", "line 4: original_id 'SC-9' has no folder contourfiles/"),
        (f"{GOOD}A\n", "error [link-row-invalid]", "link.csv line 4 names no pair (no original_id)"),
        (f"{GOOD}Jan-3,SC-2\n", "error [link-id-mangled]", "'Jan-3' looks changed by a spreadsheet"),
        (f"{GOOD}A,SC-1\n", "warning [link-duplicate]", "A is linked to SC-1 2 times"),
        (f"{HEADER}A,SC-1\n", "error [patient-without-link]", "B has images, and no link gives contours to it."),
        (f"{HEADER}A,SC-1\n", "error [contours-without-link]", "The contours of SC-2 are linked to no patient"),
        (f"{HEADER}A,SC-1\nB,sc_02\n", "warning [link-normalised]", "B,sc_02 was taken for B,SC-2"),
        (f"{GOOD}A,SC-2\n", "error [link-ambiguous]", "A is linked to 2 contour folders: SC-1, SC-2."),
    ],
)
def test_what_is_wrong_with_a_table_is_told(source: Path, table: str | None, code: str, words: str) -> None:
    """Also where all folders have landed, and nothing else is left to do."""
    land(source, Path("raw"), listen=silent)
    (source / "link.csv").unlink()
    if table is not None:
        (source / "link.csv").write_text(table)
    shutil.rmtree("raw/links")
    found = looked(source)
    assert any(line.startswith(f"{code} ") and words in line for line in told(found))
    assert found.exit_code == int(code.startswith("error"))


def test_what_is_told_is_what_validate_says_once_it_has_landed(source: Path) -> None:
    """Word for word, but for the name of the table, which lands as links/<source>.csv."""
    (source / "link.csv").write_text(f"{HEADER}A,SC-1\nC,SC-2\nB\nA,SC-1\n")
    before = [line.replace("link.csv", "links/source.csv") for line in told(looked(source))]
    land(source, Path("raw"), listen=silent)
    CliRunner().invoke(app, ["validate", "raw", "--out", "checked"])
    after = [f"{f.severity.value} [{f.code.value}] {f.message}" for f in read_findings(Path("checked/findings"))]
    assert before == sorted(
        line
        for line in after
        if line.split()[1].startswith(("[link-", "[patient-without-link")) or "[contours-without-link]" in line
    )
    assert len(before) == 5


def test_another_sources_table_links_what_this_one_has(source: Path) -> None:
    """Its contours may have come without a table, or be linked by one that has landed."""
    land(source, Path("raw"), name="other", listen=silent)
    (source / "link.csv").unlink()
    assert told(looked(source)) == []
    (source / "link.csv").write_text(f"{HEADER}A,SC-1\n")
    assert told(looked(source)) == []


def test_forgotten_patients_are_passed_over(source: Path) -> None:
    """Their rows and folders do not land: nothing is said of them, there or not."""
    Forgotten(Path("forgotten.csv")).add(("dicoms/B", "contourfiles/SC-2"), "2026-01-01")
    assert told(looked(source)) == []
    shutil.rmtree(source / "dicoms/B")
    shutil.rmtree(source / "contourfiles/SC-2")
    assert told(looked(source)) == []
    (source / "dicoms/B").mkdir()
    (source / "dicoms/B/1.dcm").write_text("again")
    (source / "link.csv").write_text(f"{HEADER}A,SC-1\n")
    assert told(looked(source)) == []


def test_images_alone_need_no_table(source: Path) -> None:
    """Without contours there is nothing to link."""
    shutil.rmtree(source / "contourfiles")
    (source / "link.csv").unlink()
    assert told(looked(source)) == []
