"""Deployments on a standing server: a real Prefect server on a real PostgreSQL, real workers for both pools."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cmrpipe.stages import STAGES
from flows.lock import write_lock
from tests.flows.conftest import OUTPUTS, new_space
from tests.flows.standing import Standing, processes_in, refused, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, small_phantom: Path) -> Path:
    """A folder that patients arrive in; three are there."""
    folder = tmp_path_factory.mktemp("arrivals") / "source"
    shutil.copytree(small_phantom, folder)
    return folder


def test_a_client_without_the_secret_is_refused(standing: Standing) -> None:
    """The API answers 401 to no secret and to a wrong one; health alone is open, as a health check needs."""
    query: dict[str, Any] = {"flow_runs": {}}
    assert refused(lambda: standing.api("/flow_runs/filter", query, secret=None)) == 401
    assert refused(lambda: standing.api("/flow_runs/filter", query, secret="admin:guess")) == 401
    assert standing.api("/flow_runs/filter", query) is not None
    assert standing.healthy()
    assert "401" in standing.call("prefect", "deployment", "ls", secret=None, code=1)


def test_pipeline_runs_to_the_end_and_a_schedule_fires(standing: Standing, source: Path) -> None:
    """`prefect deployment run` brings every stage up to date, `dvc repro` has nothing to do, and cron starts a run."""
    run = standing.good(standing.run_by_command("pipeline/pipeline", source=str(source)))
    assert "Data and pipelines are up to date" in standing.space.call("dvc", "repro")

    assert run["name"] == "pipeline: 3 patients, 3 new"
    assert {"patients:3", "new:3", "cmrpipe"} <= set(run["tags"])
    shown = standing.artifacts(run["id"])
    assert {"findings", "training", "model", "report", "judgement", "pipeline"} <= set(shown)
    assert all(shown[f"{stage}-progress"] == 100.0 for stage in STAGES)
    assert "report.html" in shown["report"]
    model = {row["figure"]: row["value"] for row in json.loads(shown["model"])}
    assert (
        model["test_dice_cavity"]
        == json.loads((standing.space.root / "data/evaluation/metrics.json").read_text())["test_dice_cavity"]
    )
    standing.logged(run["id"], "landed (folder dicoms/PHA0000101", "store: patients: 3 done", "committed as")
    commits = subprocess.run(
        ["git", "log", "--format=%s"], cwd=standing.space.root, capture_output=True, text=True, check=True
    )
    assert commits.stdout.splitlines() == ["Data: pipeline: 3 patients, 3 new", "Code"]

    standing.call("prefect", "deployment", "schedule", "create", "verify/verify", "--cron", "* * * * *")

    def fired() -> list[str]:
        return [run["id"] for run in standing.runs() if run["auto_scheduled"] and run["start_time"]]

    scheduled = wait_until(fired, 90, "a run that cron asked for has begun")
    standing.call("prefect", "deployment", "schedule", "clear", "-y", "verify/verify")
    done = standing.wait(scheduled[0])
    assert (done["state_type"], done["name"]) == ("COMPLETED", "verify: 0 bad files, 0 brought back")


def test_a_failed_run_is_told_to_the_webhook(standing: Standing) -> None:
    """A verify of a remote that is not there fails at once, and the automation tells the webhook which and why."""
    run = standing.wait(standing.run("verify/verify", remote="nowhere"))
    assert run["state_type"] == "FAILED"
    body = wait_until(
        lambda: [body for body in standing.webhook.bodies if "nowhere" in body["message"]], 60, "the webhook is told"
    )[0]
    assert body["state"] == "Failed"


def test_verify_mends_what_is_damaged_and_tells(standing: Standing) -> None:
    """A flipped byte in the store comes back, the run names it, and what is lost for good fails the run."""
    file = next((standing.space.root / "data/store/patients").rglob("*.h5"))
    whole = file.read_bytes()
    stat = file.stat()
    file.chmod(0o644)
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    run = standing.finish("verify/verify")
    assert file.read_bytes() == whole
    assert run["name"] == "verify: 1 bad file, 1 brought back"
    assert file.name in standing.artifacts(run["id"])["integrity"]


def test_reingestion_of_a_new_patient_starts_a_training(standing: Standing, source: Path, four_patients: Path) -> None:
    """One patient more: only it is processed, the summary says so, and the GPU pool trains and judges the model."""
    shutil.copytree(four_patients, source, dirs_exist_ok=True)
    run = standing.finish("reingest/reingest", source=str(source), train_after=1)
    assert run["name"] == "reingest: 4 patients, 1 new"
    told = wait_until(
        lambda: [body for body in standing.webhook.bodies if body["run"] == run["name"]], 60, "the webhook is told"
    )
    assert [(body["state"], body["page"].endswith(f"/{run['id']}")) for body in told] == [("Completed", True)]
    page = standing.artifacts(run["id"])["summary"]
    assert "- patients: 1 new" in page
    assert "- patients: 3 unchanged" in page
    assert "32 labelled slices of 4 patients (+8)" in page
    assert "8 labelled slices are new or changed since the last model: a training was started" in page
    standing.logged(run["id"], "store: patients: 1 done, 3 unchanged")

    trainings = [found for found in standing.runs() if "new-slices:8" in found["tags"]]
    assert len(trainings) == 1
    training = standing.wait(trainings[0]["id"])
    assert training["state_type"] == "COMPLETED", standing.log_of(training["id"])
    assert training["work_pool_name"] == "gpu"
    root = standing.space.root
    listed = standing.call("flows.judge", "list").splitlines()
    assert len(listed) == 2
    verdicts = [json.loads(path.read_text()) for path in (root / "models").glob("*.json") if path.stem != "current"]
    second = next(verdict for verdict in verdicts if verdict["last"])
    assert second["last"] in {verdict["model"] for verdict in verdicts}
    assert re.search(f"model {second['model']}, (not )?current", training["name"])
    assert json.loads((root / "models/current.json").read_text())["model"] == (
        second["model"] if second["current"] else second["last"]
    )
    assert (root / "data/models" / second["last"] / "model.pt").is_file()
    assert "Data and pipelines are up to date" in standing.space.call("dvc", "repro")

    again = standing.finish("reingest/reingest", source=str(source), train_after=1)
    assert "0 labelled slices are new or changed" in standing.artifacts(again["id"])["summary"]


def test_two_deployments_at_once_run_one_after_the_other(standing: Standing, source: Path, tmp_path: Path) -> None:
    """Different deployments wait for the write lock, runs of one deployment queue; the bytes are those of one run."""
    standing.space.set_param("overlay", "scale", 2)
    with write_lock(standing.space.root):  # held until a run waits for it, so that they do meet
        runs = [standing.run(name, source=str(source)) for name in ("pipeline/pipeline", "reingest/reingest")]
        runs.append(standing.run("reingest/reingest", source=str(source)))
        wait_until(
            lambda: sum("waiting for process" in standing.log_of(run) for run in runs) >= 2, 120, "two runs wait"
        )
    ended = [standing.wait(run) for run in runs]
    assert [run["state_type"] for run in ended] == ["COMPLETED"] * 3, [standing.log_of(run) for run in runs]
    first, second = sorted(ended[1:], key=lambda run: run["start_time"])
    assert second["start_time"] >= first["end_time"]
    for run in runs:
        standing.logged(run, "Finished in state Completed", "report:")
    logs = [standing.log_of(run) for run in runs]
    assert sum("overlay: patients: 4 done" in log for log in logs) == 1

    alone = new_space(tmp_path / "space", tmp_path / "home", code=standing.space.root)
    alone.set_param("overlay", "scale", 2)
    alone.run("--source", str(source))
    assert standing.space.hashes("raw", *OUTPUTS) == alone.hashes("raw", *OUTPUTS)
    assert not [line for line in processes_in(standing.space.root).values() if "cmrpipe" in line]
