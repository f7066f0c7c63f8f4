"""The command line: bad input, missing input and empty names, each with one clear message."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from cmrpipe.cli.options import given_path
from tests.commands import cmrpipe


@pytest.mark.parametrize(
    ("harm", "code", "words"),
    [
        ("no raw folder", 2, ("data/raw", "is not a folder", "dicoms/")),
        ("empty folder", 2, ("data/raw", "has no folder dicoms/", "Put each patient")),
        ("unknown key", 2, ("params.yaml", "unknown key ingest.contour_orign", "Mend or remove")),
        ("text image", 1, ("unreadable 1",)),
        ("truncated image", 1, ("unreadable 1",)),
        ("one point", 1, ("unreadable 1",)),
        ("letters", 1, ("unreadable 1",)),
    ],
)
def test_bad_input_of_ingest(bench: Path, harm: str, code: int, words: tuple[str, ...]) -> None:
    """Each bad input has its exit code and a message; whatever can be read is read."""
    raw = bench / "data" / "raw"
    image = sorted(raw.glob("dicoms/*/7.dcm"))[0]
    contour = sorted(raw.glob("contourfiles/*/i-contours/*.txt"))[0]
    if harm == "no raw folder":
        raw.rename(bench / "elsewhere")
    elif harm == "empty folder":
        raw.rename(bench / "elsewhere")
        raw.mkdir()
    elif harm == "unknown key":
        (bench / "params.yaml").write_text("ingest: {contour_orign: 1.0}\n")
    elif harm == "text image":
        image.write_text("no image")
    elif harm == "truncated image":
        image.write_bytes(image.read_bytes()[:4000])
    elif harm == "one point":
        contour.write_text("12.0 13.0\n")
    else:
        contour.write_text("12.0 13.0\nabc 14\n13 15\n")
    done = cmrpipe(bench, "ingest")
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert all(word in said for word in words), said
    assert "Traceback" not in said
    if code == 1:
        checked = cmrpipe(bench, "validate")
        assert checked.returncode == 1
        bad = contour if harm in ("one point", "letters") else image
        assert bad.relative_to(raw).as_posix() in checked.stderr
        assert cmrpipe(bench, "store").returncode == 0


def test_missing_link_table_is_one_clear_finding(bench: Path) -> None:
    """Without link table nothing can be paired: the finding says what to add."""
    (bench / "data/raw/link.csv").unlink()
    cmrpipe(bench, "ingest")
    done = cmrpipe(bench, "validate")
    assert done.returncode == 1
    assert "link-table-missing" in done.stderr
    assert "patient_id,original_id" in done.stderr


def test_a_stage_without_its_input_says_what_to_run(bench: Path) -> None:
    """Validate before ingest: exit code 2, and the command to run first."""
    done = cmrpipe(bench, "validate")
    assert done.returncode == 2
    assert "cmrpipe ingest" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "--out", "file"),
        ("ingest", "--state", "file"),
        ("validate", "data/raw", "--out", "file"),
        ("land", "data/raw", "--raw", "file"),
        ("phantom", "file/phantom"),
    ],
)
def test_a_file_where_a_folder_belongs_is_named(bench: Path, arguments: tuple[str, ...]) -> None:
    """What the system refuses leaves with 2 and a message that names the file, not with a traceback and 1."""
    (bench / "file").write_text("mine")
    done = cmrpipe(bench, *arguments)
    assert done.returncode == 2, done.stderr
    assert "file" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert (bench / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate", ""),
        ("validate", "data/raw", "--out", ""),
        ("predict", "", "-o", "out"),
        ("predict", "in", "-o", ""),
        ("phantom", ""),
        ("land", ""),
    ],
)
def test_an_empty_name_is_not_the_current_folder(bench: Path, arguments: tuple[str, ...]) -> None:
    """A variable of the shell that is not set: nothing is read, nothing written."""
    before = sorted(bench.rglob("*"))
    done = cmrpipe(bench, *arguments)
    assert done.returncode == 2
    assert "is empty; is a variable of the shell not set?" in " ".join(done.stderr.split())
    assert sorted(bench.rglob("*")) == before


@pytest.mark.parametrize(
    "module",
    [
        "cmrpipe.cli.app",
        *(f"flows.{name}" for name in ("forget.__main__", "integrity.__main__", "judge", "land", "run")),
    ],
)
def test_no_path_is_taken_from_an_empty_name(module: str) -> None:
    """By whatever option of whatever command."""
    paths = 0
    for command in import_module(module).app.registered_commands:
        assert command.callback is not None
        hints = get_type_hints(command.callback, include_extras=True)
        of_paths = {name: hint for name, hint in hints.items() if Path in (hint, *_all_types(hint))}
        assert [name for name, hint in of_paths.items() if hint.__metadata__[0].parser is not given_path] == []
        paths += len(of_paths)
    assert paths


def _all_types(hint: object) -> Iterator[object]:
    for part in get_args(hint):
        yield part
        yield from _all_types(part)
