"""What a run hears from its commands' output."""

from __future__ import annotations

import json

import pytest

from cmrpipe.events import Failed
from flows.told import Said, heard


def test_events_and_logs_are_heard() -> None:
    """An event as it was written; a log line with its level, and its values in words."""
    assert heard('@cmrpipe {"event": "error", "stage": "ingest", "message": "no"}\n') == Failed("ingest", "no")
    line = {"event": "passed over", "level": "warning", "timestamp": "2026-01-01", "path": "a.dcm"}
    told = heard(json.dumps(line))
    assert isinstance(told, Said)
    assert told.level == "warning"
    assert "passed over" in told.message
    assert "a.dcm" in told.message


@pytest.mark.parametrize(
    "line", ["Running stage 'ingest':\n", "{", "[]", '{"level": "debug", "event": "x"}', '{"level": ["info"]}', "{}"]
)
def test_other_lines_are_not(line: str) -> None:
    """DVC's words, and what is only debugging."""
    assert heard(line) is None
