"""The command line: exit codes, messages, logs."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console
from rich.progress import Progress as Bars
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.cli.console import BAR_COLUMNS, bar_listener, guarded
from cmrpipe.progress import Progress
from cmrpipe.stages import STAGES
from tests.commands import cmrpipe, empty_workspace
from tests.conftest import missing

NAME, BIRTH_DATE = "Secret^Person", "19610412"


@pytest.mark.parametrize(
    "name", ["A\x1b]0;title\x07\x1b[31mB", "A\nerror [x] all is lost", "A\x9b2JB", "A\u202eB", "A[red]B"]
)
def test_names_do_nothing_to_a_screen(small_phantom: Path, tmp_path: Path, name: str) -> None:
    """A patient's folder may be called anything; nothing of it moves the cursor, begins a line or is markup."""
    source = Path(shutil.copytree(small_phantom, tmp_path / "set"))
    patient = sorted((source / "dicoms").iterdir())[0]
    (patient / "1.dcm").write_bytes(b"no image")
    patient.rename(patient.with_name(name))
    done = cmrpipe(tmp_path, "validate", "set")
    assert done.returncode == 1, done.stderr
    said = done.stdout + done.stderr
    assert ascii(name)[1:-1] in said
    assert all(line.isprintable() for line in said.split("\n"))
    assert not any(line.startswith("error [x]") for line in said.split("\n"))
    screen = io.StringIO()
    with Bars(*BAR_COLUMNS, console=Console(file=screen, force_terminal=True, width=200)) as bars:
        bar_listener(bars)(Progress("ingest", name, 1, 2))
        bars.refresh()
    assert ascii(name)[1:-1] in screen.getvalue()


def test_names_are_utf_8_whatever_the_locale(small_phantom: Path, tmp_path: Path) -> None:
    """Where the locale has another encoding, folders' names are read and stand in results as everywhere else."""
    source = Path(shutil.copytree(small_phantom, tmp_path / "set"))
    patient = sorted((source / "dicoms").iterdir())[0]
    patient.rename(patient.with_name("Zoë-ı"))
    here, there = tmp_path / "here", tmp_path / "there"
    assert cmrpipe(tmp_path, "validate", "set", "--out", str(here)).returncode == 1
    command = [sys.executable, "-m", "cmrpipe", "validate", "set", "--out", str(there)]
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    found, expected = ({p.name: p.read_bytes() for p in (base / "tables").iterdir()} for base in (there, here))
    assert found == expected
    assert "Zoë-ı" in done.stderr.decode()


def test_clean_data_leave_with_0(bench: Path) -> None:
    """Every stage up to the store leaves with 0 on a clean phantom, and says what it did in a line."""
    for stage in ("ingest", "validate", "overlay", "store"):
        done = cmrpipe(bench, stage)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{stage}: patients: 3 done")
        assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (("run", "--no-prefect"), "run"),
        (("land", "/x"), "land"),
        (("land", "/x", "--log-level", "debug", "--log-json"), "land"),
        (("forget", "X"), "forget"),
        (("verify", "X"), "integrity"),
        (("rebuild", "X"), "integrity"),
    ],
)
def test_what_works_through_dvc_is_the_process_that_was_started(
    tmp_path: Path, command: tuple[str, ...], module: str
) -> None:
    """Whoever ends `cmrpipe land` ends the landing, which would else go on with the write lock; its exit code comes."""
    empty_workspace(tmp_path)
    (tmp_path / "flows" / "__init__.py").touch()
    (tmp_path / "flows" / f"{module}.py").write_text(
        "import os, sys; print(os.getpid(), *sys.argv[1:], flush=True); sys.exit(7)"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "cmrpipe", *command], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as started:
        said, _ = started.communicate(timeout=60)
    assert said.split()[0] == str(started.pid)
    assert said.split()[-1] == command[-1]
    assert started.returncode == 7


def test_findings_leave_with_1_and_exit_zero_with_0(bench: Path) -> None:
    """A contour without image: validate leaves with 1 and names the file; with --exit-zero it leaves with 0."""
    contour = sorted((bench / "data/raw").glob("contourfiles/*/i-contours/*.txt"))[0]
    number = int(contour.name.split("-")[2])
    patient = sorted((bench / "data/raw/dicoms").iterdir())
    for folder in patient:
        (folder / f"{number}.dcm").unlink(missing_ok=True)
    assert cmrpipe(bench, "ingest").returncode == 0
    done = cmrpipe(bench, "validate")
    assert done.returncode == 1
    assert "contour-without-image" in done.stderr
    assert contour.name in done.stderr
    assert cmrpipe(bench, "validate", "--exit-zero").returncode == 0


@pytest.mark.parametrize("arguments", [("findings",), ("--help",), ("verify", "--help"), ("validate", "data/raw")])
def test_nobody_to_read_and_no_room_are_no_findings(bench: Path, arguments: tuple[str, ...]) -> None:
    """A pipe that the reader has closed leaves with 141, as of SIGPIPE, a full device with 2 and a word; never 1."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-W", "error", "-m", "cmrpipe", *arguments]
    done = subprocess.run(command, cwd=bench, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, "error" in done.stderr, "Traceback" in done.stderr) == (141, False, False), done.stderr
    full = Path("/dev/full")
    if not full.is_char_device():
        missing("/dev/full", "mknod -m 666 /dev/full c 1 7")
    with full.open("w") as stream:
        done = subprocess.run(command, cwd=bench, stdout=stream, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2
        assert "standard output: cannot be used (No space left on device)" in done.stderr
        assert "Traceback" not in done.stderr
        assert subprocess.run(command, cwd=bench, stdout=stream, stderr=stream, check=False).returncode == 2


def test_errors_that_nobody_reads_are_errors_all_the_same(bench: Path) -> None:
    """Also where standard error is the pipe that is closed: not 1."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "cmrpipe", "ingest", "--raw", "nowhere"]
    assert subprocess.run(command, cwd=bench, stdout=writer, stderr=writer, check=False).returncode == 141
    os.close(writer)


def test_a_bug_shows_its_traceback_and_leaves_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 means findings: a job that is gated by it must not take a defect for them."""
    with pytest.raises(typer.Exit) as ended, guarded("ingest"):
        raise ZeroDivisionError("a defect")
    assert ended.value.exit_code == 2
    assert "ZeroDivisionError: a defect" in capsys.readouterr().err


def test_land_in_a_workspace_takes_no_other_parameters(tmp_path: Path) -> None:
    """It is the workspace's params.yaml that counts there: another one is refused, not passed over."""
    empty_workspace(tmp_path)
    done = cmrpipe(tmp_path, "land", "somewhere", "--params", "other.yaml")
    assert done.returncode == 2
    assert "other.yaml: does not count in a workspace" in done.stderr


def test_faults_are_listed_without_a_folder(tmp_path: Path) -> None:
    """`cmrpipe phantom --list-faults` asks for nothing else, and writes nothing."""
    done = cmrpipe(tmp_path, "phantom", "--list-faults")
    assert done.returncode == 0, done.stderr
    assert "contour-of-other-patient" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", [("--store", "there"), ("--store=there",)])
def test_verify_takes_a_store_by_itself_in_a_workspace_too(tmp_path: Path, option: tuple[str, ...]) -> None:
    """However the option is written, the store's own manifest is what counts, not DVC's records."""
    empty_workspace(tmp_path)
    done = cmrpipe(tmp_path, "verify", *option)
    assert done.returncode == 2
    assert "there: holds no store" in done.stderr


def test_logs_are_json_lines_on_request_and_name_nobody(bench: Path) -> None:
    """With --log-json all of standard error is JSON lines: progress, findings, the end. They name nobody.

    Nor do the outputs.
    """
    import pydicom

    image = sorted((bench / "data/raw").glob("dicoms/*/7.dcm"))[0]
    dataset = pydicom.dcmread(image)
    dataset.PatientName, dataset.PatientBirthDate = NAME, BIRTH_DATE
    dataset.save_as(image)
    (bench / "data/raw/link.csv").write_text("nothing useful\n")
    ingested = cmrpipe(bench, "ingest", "--log-json")
    lines = [json.loads(line) for line in ingested.stderr.splitlines()]
    assert any(line["level"] == "error" and "link.csv" in line["reason"] for line in lines if "reason" in line)
    steps = [line for line in lines if line["event"] == "progress"]
    assert sorted(line["done"] for line in steps) == [*range(1, steps[0]["total"] + 1)]
    assert [line["done"] for line in lines if line["event"] == "done"] == [3]
    done = cmrpipe(bench, "validate", "--log-json")
    found = [line for line in map(json.loads, done.stderr.splitlines()) if line["event"] == "finding"]
    assert {line["code"] for line in found} >= {"link-table-unreadable", "patient-without-link"}
    assert {line["level"] for line in found} == {"error"}
    written = b"".join(p.read_bytes() for p in (bench / "data").rglob("*") if p.is_file() and "raw" not in p.parts)
    for secret in ("Secret", BIRTH_DATE):
        assert secret not in "".join((ingested.stderr, ingested.stdout, done.stderr, done.stdout))
        assert secret.encode() not in written


def test_a_refusal_is_a_json_line_on_request(tmp_path: Path) -> None:
    """What could not run says so in the log, too."""
    done = cmrpipe(tmp_path, "validate", "nosuch", "--log-json")
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (done.returncode, line["level"], line["stage"]) == (2, "error", "validate")
    assert "nosuch: is not a folder" in line["reason"]


@pytest.mark.parametrize("options", [("--log-json", "--log-level"), ("--log-level", "--log-json")])
def test_json_lines_have_the_level_that_is_named(bench: Path, options: tuple[str, ...]) -> None:
    """In whatever order both are given; without a level it is info."""
    given = [word for option in options for word in ((option, "error") if option == "--log-level" else (option,))]
    assert cmrpipe(bench, "ingest", *given).stderr == ""
    assert cmrpipe(bench, "validate", "--log-json").stderr != ""


def test_every_command_that_logs_has_the_same_two_options_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that only print, and those that another command line stands behind, have none; a bad level is refused."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    ends = {name: [option.name for option in command.params[-2:]] for name, command in commands.items()}
    without = {name for name, end in ends.items() if end != ["log_level", "log_json"]}
    assert without == {"phantom", "findings", "params", "tables", "run", "verify", "rebuild", "forget"}
    monkeypatch.setenv("CMRPIPE_LOG_LEVEL", "loud")
    done = CliRunner().invoke(app, ["ingest"])
    assert (done.exit_code, "use debug, info, warning or error" in done.output) == (2, True)


def test_stages_before_training_do_not_import_torch(bench: Path) -> None:
    """Stages from ingest to store run in a process in which torch, prefect and dvc cannot be imported."""
    script = (
        "import sys\n"
        "for name in ('torch', 'lightning', 'monai', 'prefect', 'dvc'): sys.modules[name] = None\n"
        "from cmrpipe.cli import app\n"
        "for stage in sys.argv[1:]:\n"
        "    try:\n"
        "        app([stage])\n"
        "    except SystemExit as left:\n"
        "        print(stage, left.code)\n"
    )
    stages = ("ingest", "validate", "overlay", "store", "report", "train")
    done = subprocess.run(
        [sys.executable, "-c", script, *stages], cwd=bench, capture_output=True, text=True, check=False
    )
    left = [line for line in done.stdout.splitlines() if line.split()[0] in stages]
    assert left == [*(f"{stage} 0" for stage in stages[:-1]), "train 2"], done.stderr
    assert "cmrpipe[train]" in done.stderr


def test_findings_table_explains_every_code(tmp_path: Path) -> None:
    """`cmrpipe findings` prints each code with its meaning."""
    from cmrpipe.codes import FindingCode
    from cmrpipe.codetable import CODES

    assert set(CODES) == set(FindingCode)
    printed = cmrpipe(tmp_path, "findings").stdout
    assert all(code.value in printed and info.meaning in printed for code, info in CODES.items())


def test_help_begins_with_the_whole_pipeline() -> None:
    """Then come the stages, in the order of the data's flow."""
    told = CliRunner().invoke(app, ["--help"]).output.partition("Commands:")[2]
    assert [line.split()[0] for line in told.splitlines() if line.strip()][:8] == ["run", *list(STAGES)]
