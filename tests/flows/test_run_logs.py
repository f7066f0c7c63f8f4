"""What `cmrpipe run --log-json` writes to standard error of its steps."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from cmrpipe import logs
from cmrpipe.cli import console
from cmrpipe.progress import Progress
from flows.logs import to_run
from flows.run import Watcher
from flows.told import Arrived, Done, Said


@pytest.fixture
def json_lines() -> Iterator[None]:
    """JSON lines are asked for, and are not any more after the test."""
    logs.configure(json_lines=True, level="info")
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("json_lines")
def test_a_runs_steps_are_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress, warnings and each stage's end, although Prefect takes over what is logged from then on."""
    with console.progress() as listen:
        watch = Watcher(listen)
        to_run()
        watch("land", Arrived("here", {"new": 1, "unchanged": 2}))
        watch("ingest", Progress("ingest", "A", 1, 1))
        watch("ingest", Said("warning", "look at it"))
        watch(
            "ingest",
            Done(
                "ran",
                {"stage": "ingest", "done": 1, "unchanged": 2, "gone": 0, "counts": {}, "findings": {}, "metrics": {}},
            ),
        )
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["stage"], line["level"]) for line in lines] == [
        ("done", "land", "info"),
        ("progress", "ingest", "info"),
        ("look at it", "ingest", "warning"),
        ("done", "ingest", "info"),
    ]
    assert lines[0]["counts"] == {"new": 1, "unchanged": 2}
    assert (lines[-1]["state"], lines[-1]["done"]) == ("ran", 1)
