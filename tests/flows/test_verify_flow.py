"""The flow `verify`: how long the commands that it runs wait for another writer."""

from __future__ import annotations

from pathlib import Path

import pytest

import flows.verify
from flows.command import CommandError
from tests.flows.test_lock import hold


def test_its_own_time_is_how_long_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the worker's environment says: it waits, and then finds that there is nothing to verify."""
    monkeypatch.setattr(flows.verify, "teller", lambda _: lambda *_: None)
    monkeypatch.setenv("CMRPIPE_LOCK_TIMEOUT", "0.1")
    nothing = pytest.raises(CommandError, match=r"params\.yaml: cannot be read")
    (tmp_path / "flows").mkdir()
    with hold(tmp_path, 4) as first, nothing:
        flows.verify.integrity_task.fn(tmp_path, "verify", None, 60.0)
    assert first.poll() == 0
