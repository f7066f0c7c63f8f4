"""The whole pipeline, for real: Prefect's server, DVC, every stage."""

from __future__ import annotations

import json
import random
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from cmrpipe.incremental.manifest import read_manifest
from cmrpipe.report.outcome import outcome
from cmrpipe.stages import STAGES, UP_TO_STORE
from cmrpipe.workspace import Workspace
from tests.flows.conftest import OUTPUTS, Space, new_space

pytestmark = pytest.mark.slow


def stage_lines(printed: str) -> dict[str, str]:
    """The line that a run prints for each stage."""
    found = (re.match(r"(\w+)\s+[\d.]+ s  (.*)", line) for line in printed.splitlines())
    return {match[1]: match[2] for match in found if match}


def test_run_ends_with_every_output_and_a_clean_console(finished: tuple[Space, str], small_phantom: Path) -> None:
    """All outputs are there; the console holds a line a stage, the table, and no traceback, advert or warning."""
    space, printed = finished
    assert list(stage_lines(printed)) == ["land", *STAGES]
    for name in OUTPUTS:
        assert any((space.root / "data" / name).iterdir()), name
    assert not re.search(r"Traceback|Warning|💡|Error|prefect\.|lightning\.|GPU available", printed), printed
    assert "report.html" in printed
    assert not any("prefect" in line and "server" in line for line in orphans(space))
    raw, source = space.hashes("raw"), {p.name for p in small_phantom.rglob("*.dcm")}
    assert {Path(name).name for name in raw if name.endswith(".dcm")} == source


def orphans(space: Space) -> list[str]:
    """Command lines of live processes that were started in a workspace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink().is_relative_to(space.root):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


def test_printed_table_agrees_with_the_files(finished: tuple[Space, str]) -> None:
    """Every figure of the table is that of the file behind it."""
    space, printed = finished
    short = outcome(Workspace(space.root))
    assert short.table() in printed
    metrics = json.loads((space.root / "data/evaluation/metrics.json").read_text())
    findings = json.loads((space.root / "data/tables/findings.json").read_text())
    store = read_manifest(space.root / "data/store")
    assert short.dice_cavity == metrics["test_dice_cavity"]
    assert sum(short.findings.values()) == len(findings)
    assert short.samples == sum(unit["info"].get("samples", 0) for unit in store.values())
    assert (short.patients, short.images) == (3, 120)


def test_prefect_knows_the_run(finished: tuple[Space, str]) -> None:
    """Prefect's database holds the flow run, a task run a stage, all completed, progress and findings artifacts."""
    space, _ = finished
    with closing(sqlite3.connect(space.root / ".cmrpipe/prefect/prefect.db")) as database:
        flows = database.execute("select name, state_type from flow_run").fetchall()
        tasks = dict(database.execute("select name, state_type from task_run").fetchall())
        artifacts = {key for (key,) in database.execute("select key from artifact").fetchall()}
    assert flows == [("pipeline: 3 patients, 3 new", "COMPLETED")]
    assert set(tasks) == {"land", *STAGES}
    assert set(tasks.values()) == {"COMPLETED"}
    assert {"findings", "pipeline", "ingest-progress", "store-progress", "model", "report"} <= artifacts


def test_dvc_has_nothing_to_do_and_a_second_run_says_so(finished: tuple[Space, str], tmp_path: Path) -> None:
    """After a run, `dvc repro` and a second run find every stage unchanged; no output is touched."""
    space = finished[0].copy(tmp_path / "space")
    before = space.hashes("raw", *OUTPUTS)
    assert "Data and pipelines are up to date" in space.call("dvc", "repro")
    lines = stage_lines(space.run())
    assert lines.pop("land").startswith("no new source")
    assert set(lines.values()) == {"unchanged"}
    assert space.hashes("raw", *OUTPUTS) == before


def test_changed_parameter_runs_its_stage_and_those_below_only(finished: tuple[Space, str], tmp_path: Path) -> None:
    """`dvc repro` after a change of `overlay` runs overlay and report; the pipeline then has nothing to do."""
    space = finished[0].copy(tmp_path / "space")
    space.set_param("overlay", "scale", 2)
    printed = space.call("dvc", "repro")
    ran = re.findall(r"Running stage '(\w+)'", printed)
    assert ran == ["overlay", "report"]
    assert set(list(stage_lines(space.run()).values())[1:]) == {"unchanged"}


def test_a_new_patient_is_the_only_one_processed(
    finished: tuple[Space, str], four_patients: Path, tmp_path: Path
) -> None:
    """One more patient in the source: each per-patient stage does one and keeps three; raw files stay as they were."""
    space = finished[0].copy(tmp_path / "space")
    space.call("cmrpipe", "ingest", "--exit-zero")  # sees that copies have other change times, and reads them once
    raw, store = space.hashes("raw"), space.hashes("store")
    assert "1 new, 3 unchanged" in space.call("cmrpipe", "land", str(four_patients))
    said = space.call("dvc", "repro", *UP_TO_STORE)
    for stage in UP_TO_STORE:
        assert f"{stage}: patients: 1 done, 3 unchanged" in said, said
    after, new_store = space.hashes("raw"), space.hashes("store")
    assert {name: after[name] for name in raw if "/dicoms/" in name} == {
        n: h for n, h in raw.items() if "/dicoms/" in n
    }
    assert all(new_store[name] == digest for name, digest in store.items() if "/patients/" in name)
    assert len([name for name in new_store if "/patients/" in name]) == 4


def kill_during(space: Space, step: str, source: Path, delay_s: float) -> None:
    """Start a run (validate: under Prefect), kill its process, and no other, `delay_s` after a step's child began."""
    log = space.root / ".cmrpipe" / "logs" / f"{'add-raw' if step == 'land' else step}.log"
    log.unlink(missing_ok=True)
    supervision = "--prefect" if step == "validate" else "--no-prefect"
    process = space.start("flows.run", supervision, "--source", str(source))
    deadline = time.monotonic() + 120
    while not log.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    if not log.exists():
        pytest.fail(f"{step} never began:\n{process.communicate()[0]}")
    time.sleep(delay_s)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while orphans(space) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert orphans(space) == []


def test_run_killed_at_every_step_ends_with_the_same_bytes(
    finished: tuple[Space, str], small_phantom: Path, tmp_path: Path
) -> None:
    """SIGKILL at a random moment of every step in turn, nothing left running; outputs equal an undisturbed run's."""
    wanted = finished[0].hashes("raw", *OUTPUTS)
    space = new_space(tmp_path / "space", tmp_path / "home", code=finished[0].root)
    moments = random.Random(11)
    for step in ("land", *STAGES):
        kill_during(space, step, small_phantom, moments.uniform(0.0, 2.0))
    space.run("--source", str(small_phantom))
    assert space.hashes("raw", *OUTPUTS) == wanted


def test_unreadable_source_is_told_and_changes_nothing(finished: tuple[Space, str], tmp_path: Path) -> None:
    """A source without patients: exit code 2, a message that names it, and nothing landed."""
    space = finished[0].copy(tmp_path / "space")
    before = space.hashes("raw", *OUTPUTS)
    (tmp_path / "empty").mkdir()
    printed = space.call("cmrpipe", "run", "--no-prefect", "--source", str(tmp_path / "empty"), code=2)
    assert "empty" in printed
    assert "dicoms" in printed
    assert "Traceback" not in printed
    assert space.hashes("raw", *OUTPUTS) == before
