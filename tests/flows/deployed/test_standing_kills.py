"""SIGKILL of every part of a standing set-up at random moments: the next run ends with an undisturbed one's bytes."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import new_space
from tests.flows.standing import ZOMBIE_S, Standing, processes_in, wait_until

pytestmark = pytest.mark.slow

STAGES = ("ingest", "validate", "overlay", "store")
FOLDERS = ("raw", "catalog", "findings", "overlays", "store")
MOMENTS = random.Random(23)
SCALES = (1, 2)
"""The two states between which runs go, so that each has pictures to draw."""

State = dict[int, dict[str, str]]


@pytest.fixture(scope="module")
def undisturbed(four_patients: Path, tmp_path_factory: pytest.TempPathFactory) -> State:
    """Hashes of the outputs at either scale, from a workspace in which nothing is ever killed."""
    base = tmp_path_factory.mktemp("undisturbed")
    alone = new_space(base / "space", base / "home")
    found = {}
    for scale in SCALES:
        alone.set_param("overlay", "scale", scale)
        alone.set_param("ingest", "frames_per_slice", 20 + scale)
        alone.call("cmrpipe", "land", str(four_patients))
        alone.call("dvc", "repro", "-q", *STAGES)
        found[scale] = alone.hashes(*FOLDERS)
    assert found[1] != found[2]
    return found


def begin(standing: Standing, source: Path, scale: int) -> str:
    """Ask for a run that has work in every stage; returns once its first stage is under way."""
    standing.space.set_param("overlay", "scale", scale)
    standing.space.set_param("ingest", "frames_per_slice", 20 + scale)
    log = standing.space.root / ".cmrpipe" / "logs" / "ingest.log"
    log.unlink(missing_ok=True)
    run = ask(standing, source)
    wait_until(log.exists, 90, "the first stage begins")
    time.sleep(MOMENTS.uniform(0.0, 6.0))
    return run


def ask(standing: Standing, source: Path) -> str:
    """Ask for a run of the data stages."""
    return standing.run("pipeline/pipeline", source=str(source), stages=list(STAGES), judge=False)


def children(standing: Standing, word: str) -> list[int]:
    """Processes in the checkout whose command line has a word."""
    return [pid for pid, line in processes_in(standing.space.root).items() if word in line]


def end(pids: list[int]) -> None:
    """SIGKILL processes that may be gone already."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def check(standing: Standing, source: Path, wanted: dict[str, str]) -> None:
    """The next run ends well with the same bytes; nothing is left running, here or in the server's books."""
    run = standing.wait(ask(standing, source), seconds=300)
    assert run["state_type"] == "COMPLETED", f"{run['state']}\n{standing.log_of(run['id'])}"
    assert standing.space.hashes(*FOLDERS) == wanted
    wait_until(lambda: not standing.runs(type="RUNNING"), 2 * ZOMBIE_S, "no run stays Running")
    wait_until(lambda: not processes_in(standing.space.root), 30, "no process is left in the checkout")


def test_a_killed_stage_is_done_again_by_its_own_run(
    standing: Standing, four_patients: Path, undisturbed: State
) -> None:
    """DVC and the stage die at a random moment: the flow is tried again and ends well by itself."""
    run = begin(standing, four_patients, 1)
    wait_until(lambda: children(standing, "dvc repro") or standing.state(run) == "COMPLETED", 60, "a stage runs")
    end(children(standing, "dvc repro") + children(standing, "bin/cmrpipe"))
    assert standing.wait(run, seconds=300)["state_type"] == "COMPLETED"
    check(standing, four_patients, undisturbed[1])


def test_a_killed_flow_is_told_as_crashed(standing: Standing, four_patients: Path, undisturbed: State) -> None:
    """Its worker notices, its stage ends with it, and the next run goes on."""
    run = begin(standing, four_patients, 2)
    end(
        [pid for pid in children(standing, "prefect") if "worker" not in processes_in(standing.space.root).get(pid, "")]
    )
    assert standing.wait(run, seconds=2 * ZOMBIE_S + 60)["state_type"] in ("CRASHED", "COMPLETED")
    check(standing, four_patients, undisturbed[2])


def test_a_run_whose_worker_died_with_it_is_crashed_by_the_automation(
    standing: Standing, four_patients: Path, undisturbed: State
) -> None:
    """Nobody is left to tell: the missed heartbeats do, and the next run, which waits behind it, begins."""
    run = begin(standing, four_patients, 1)
    end([standing.workers["cpu"].pid, *children(standing, "prefect")])
    standing.workers["cpu"].wait(10)
    standing.start_worker("cpu")
    check(standing, four_patients, undisturbed[1])
    found: dict[str, Any] = standing.wait(run, seconds=2 * ZOMBIE_S)
    assert found["state_type"] in ("CRASHED", "COMPLETED")
    if found["state_type"] == "CRASHED":
        assert "no sign of life" in found["state"]["message"]


def test_a_killed_server_costs_no_data(standing: Standing, four_patients: Path, undisturbed: State) -> None:
    """The stages go on without it; when it is back, its books come right and the next run ends well."""
    run = begin(standing, four_patients, 2)
    standing.kill_server()
    time.sleep(MOMENTS.uniform(1.0, 5.0))
    standing.start_server()
    assert standing.wait(run, seconds=300)["state_type"] in ("COMPLETED", "CRASHED", "FAILED")
    for pool, worker in standing.workers.items():
        if worker.poll() is not None:  # as systemd or Docker would
            standing.start_worker(pool)
    check(standing, four_patients, undisturbed[2])
