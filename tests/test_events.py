"""Events between a stage's command and its caller: what is written is what is read, and other lines are no events."""

from __future__ import annotations

import pytest

from cmrpipe.events import PREFIX, Ended, Event, Failed, emit, parse
from cmrpipe.progress import Progress


@pytest.mark.parametrize(
    "event",
    [
        Progress("ingest", "José\n@cmrpipe {}", 3, 10, "slow"),
        Ended({"stage": "train", "done": 1, "counts": {"images": 2}, "metrics": {"dice": 0.5}}),
        Failed("store", "data/catalog: is not there.\nRun `cmrpipe ingest`"),
    ],
)
def test_an_event_comes_back_from_its_line(event: Event, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a name or a message holds, it is one line."""
    emit(event)
    (line,) = capsys.readouterr().out.splitlines(keepends=True)
    assert parse(line) == event


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ingest 1/2\n",
        '{"event": "error", "stage": "x", "message": "y"}',
        PREFIX,
        f"{PREFIX}[1]",
        f"{PREFIX}{{}}",
        f'{PREFIX}{{"event": "dance"}}',
        f'{PREFIX}{{"event": ["error"]}}',
        f'{PREFIX}{{"event": "error", "stage": "x"}}',
        f'{PREFIX}{{"event": "progress", "stage": "x", "unit": "y", "done": 1, "total": 2, "more": 3}}',
        f'{PREFIX}{{"event": "error", "stage": "x", "mess',
    ],
)
def test_what_is_no_event_is_an_ordinary_line(line: str) -> None:
    """Another program's words, and a line that was cut short."""
    assert parse(line) is None
