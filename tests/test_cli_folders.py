"""The command line: where it reads and where it writes; a folder that is validated by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import cmrpipe, workspace


@pytest.fixture(scope="module")
def validated(small_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with findings, and `link`, which leads to the raw folder; whatever is tried is refused."""
    place = workspace(tmp_path_factory.mktemp("validated") / "w", small_phantom)
    assert cmrpipe(place, "ingest").returncode == 0
    assert cmrpipe(place, "validate").returncode == 0
    (place / "link").symlink_to("data/raw")
    return place


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("ingest", "--out", "data/raw/dicoms/catalog"), "data/raw/dicoms/catalog"),
        (("ingest", "--out", "link/catalog"), "link/catalog"),
        (("ingest", "--state", "data/raw/state"), "data/raw/state"),
        (("validate", "--out", "data/raw/findings"), "data/raw/findings"),
        (("validate", "--quarantine", "data/raw/q.csv"), "data/raw/q.csv"),
        (("validate", "--tables", "data/raw/tables"), "data/raw/tables"),
        (("validate", "data/raw", "--out", "data/raw"), "data/raw/catalog"),
        (("overlay", "--out", "data/raw/contourfiles/../overlays"), "data/raw/contourfiles/../overlays"),
        (("store", "--out", "data/raw"), "data/raw"),
        (("replay", "0", "--direct", "--out", "data/raw/batch.npz"), "data/raw/batch.npz"),
        (("land", "data/raw", "--raw", "data/raw/landed"), "data/raw/landed"),
    ],
)
def test_nothing_is_written_into_the_raw_folder(validated: Path, arguments: tuple[str, ...], named: str) -> None:
    """It is only read: an output in it, by links, too, is refused before so much as a lock is there."""
    before = sorted(validated.rglob("*"))
    done = cmrpipe(validated, *arguments)
    assert done.returncode == 2, done.stdout
    assert named in done.stderr
    assert "is only read. Name " in done.stderr
    assert sorted(validated.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("store", "--out"),
        ("report", "--out"),
        ("suspects", "--out"),
        ("crossvalidate", "--out"),
        ("validate", "--tables"),
        ("validate", "data/raw", "--out"),
        ("tables", "--tables"),
    ],
)
def test_nothing_is_written_into_a_stages_output(validated: Path, arguments: tuple[str, ...]) -> None:
    """That stage would remove it again, and what it wrote itself could be lost."""
    before = sorted((validated / "data/catalog").rglob("*"))
    done = cmrpipe(validated, *arguments, "data/catalog")
    assert done.returncode == 2, done.stdout
    assert "data/catalog: is the output of `cmrpipe ingest`. Name another folder" in done.stderr
    assert sorted((validated / "data/catalog").rglob("*")) == before


def test_a_folder_is_not_checked_into_itself(raw: Path) -> None:
    """`cmrpipe validate .` has no place of its own for what it finds: it says which option names one."""
    before = sorted(raw.rglob("*"))
    done = cmrpipe(raw, "validate", ".")
    assert done.returncode == 2
    assert "validation/catalog: lies in ., which is only read. Name a place outside, with --out" in done.stderr
    assert sorted(raw.rglob("*")) == before
    assert cmrpipe(raw, "validate", ".", "--out", "../checked").returncode == 0
    assert sorted(raw.rglob("*")) == before


def test_a_folder_by_itself_takes_no_files_of_a_workspace(raw: Path) -> None:
    """Decisions in a file that is named but not read would be lost without a word."""
    done = cmrpipe(raw.parent, "validate", "raw", "--quarantine", "mine.csv")
    assert done.returncode == 2
    assert "--quarantine" in done.stderr
    assert "--out" in done.stderr
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]


def test_validate_works_on_a_folder_by_itself(small_phantom: Path, tmp_path: Path) -> None:
    """`cmrpipe validate FOLDER` needs no workspace; findings and tables stand below ./validation."""
    done = cmrpipe(tmp_path, "validate", str(small_phantom))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "validation/tables/findings.csv").is_file()
    assert "validation/tables" in done.stdout


def test_decisions_about_one_folder_hold_for_no_other(small_phantom: Path, raw: Path, tmp_path: Path) -> None:
    """The same place for another data set with the same names: not once a person has decided there."""
    quarantine = tmp_path / "validation" / "quarantine.csv"
    assert cmrpipe(tmp_path, "validate", str(small_phantom)).returncode == 0
    assert cmrpipe(tmp_path, "validate", str(raw)).returncode == 0, "rows of rules, or none, are made anew"
    (contour,) = sorted(raw.rglob("*-icontour-manual.txt"))[:1]
    row = f"contour,{contour.relative_to(raw).as_posix()},leaves the plane,ann,2026-11-30,leave-out,\n"
    with quarantine.open("a") as stream:
        stream.write(row)
    decided = quarantine.read_bytes()
    done = cmrpipe(tmp_path, "validate", str(small_phantom))
    assert done.returncode == 2
    assert f"has rows that people wrote about {raw}, not about {small_phantom}. Give another --out" in done.stderr
    assert quarantine.read_bytes() == decided
    assert cmrpipe(tmp_path, "validate", str(small_phantom), "--out", "other").returncode == 0
    assert cmrpipe(tmp_path, "validate", "raw").returncode == 0, "its own folder, however it is called"
    assert quarantine.read_text().splitlines()[1].startswith(row.rstrip())
    quarantine.write_text(quarantine.read_text().replace(",ann,", ",rule,"))
    assert cmrpipe(tmp_path, "validate", str(small_phantom)).returncode == 2, "by no rule that there is"
    quarantine.unlink()
    assert cmrpipe(tmp_path, "validate", str(small_phantom)).returncode == 0
