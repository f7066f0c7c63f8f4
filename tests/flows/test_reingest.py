"""The flow `reingest`: what it lands, and what it says of itself."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flows.reingest
import flows.tasks
from cmrpipe.errors import InputError
from flows.git import GitError
from flows.reingest import SOURCE, reingest
from flows.summary import State
from flows.versions import Versioned


class Steps:
    """Takes the place of all that the flow lets work, and notes what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.landings: list[dict[str, Any]] = []
        self.committed: list[str] = []
        self.page = ""
        self.slices = 0
        self.fail = 0
        quiet = ("to_run", "stage_task", "report_task", "show_report", "teller", "report_link", "get_run_logger")
        for name in quiet:
            monkeypatch.setattr(flows.reingest, name, lambda *_: SimpleNamespace(info=print))
        monkeypatch.setattr(flows.reingest, "writing", lambda *_: nullcontext())
        monkeypatch.setattr(flows.reingest, "flow_run", SimpleNamespace(get_id=lambda: "one run"))
        monkeypatch.setattr(flows.reingest, "new_slices", lambda _: 0)
        monkeypatch.setattr(flows.reingest, "land_task", self.land)
        monkeypatch.setattr(flows.reingest, "record_task", self.record)
        monkeypatch.setattr(flows.reingest, "show_text", self.show)
        monkeypatch.setattr(flows.reingest, "state_of", lambda _: State(slices=self.slices))
        monkeypatch.setattr(flows.tasks, "name_run", lambda *_: None)
        monkeypatch.delenv(SOURCE, raising=False)

    def land(self, *_: object) -> dict[str, Any]:
        """What comes next; every patient has four labelled slices."""
        landed = self.landings.pop(0)
        self.slices += 4 * landed["new"]
        return {"source": "inbox", **landed}

    def record(self, _: Path, message: str, *__: object) -> Versioned:
        """Fail as often as is wanted."""
        if self.fail:
            self.fail -= 1
            raise GitError("git push", "failed", "Again")
        self.committed.append(message)
        return Versioned("abc", pushed=False, text="committed as abc")

    def show(self, _: str, page: str, __: str) -> None:
        """Keep the page."""
        self.page = page


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Nothing works, all is noted."""
    return Steps(monkeypatch)


def patients(root: Path, count: int) -> None:
    """Folders of landed patients."""
    for number in range(count):
        folder = root / "data/raw/dicoms" / f"P{number}"
        folder.mkdir(parents=True)
        (folder / "1.dcm").touch()


def test_without_source_and_patients_there_is_nothing_to_do(steps: Steps, tmp_path: Path) -> None:
    """No phantom lands in a workspace whose worker was not told where patients arrive; what has landed is enough."""
    with pytest.raises(InputError, match=SOURCE):
        reingest.fn(workspace=str(tmp_path))
    assert not steps.committed
    patients(tmp_path, 1)
    steps.landings = [{"new": 0, "unchanged": 1}]
    reingest.fn(workspace=str(tmp_path))
    assert steps.committed == ["Data: reingest: 1 patient"]


def test_another_attempt_tells_who_came_in_the_first(steps: Steps, tmp_path: Path) -> None:
    """Name, commit and page are about the run; the next run is another one."""
    patients(tmp_path, 5)
    steps.landings = [{"new": 1, "unchanged": 3}, {"new": 1, "changed": 1, "unchanged": 3}, {"new": 0, "unchanged": 5}]
    steps.fail = 1
    with pytest.raises(GitError):
        reingest.fn(workspace=str(tmp_path))
    reingest.fn(workspace=str(tmp_path))
    assert steps.committed == ["Data: reingest: 5 patients, 2 new, 1 changed"]
    for said in ("2 new", "1 changed", "2 unchanged"):
        assert f"- patients: {said}" in steps.page
    assert "8 labelled slices of 0 patients (+8)" in steps.page
    reingest.fn(workspace=str(tmp_path))
    assert steps.committed[1:] == ["Data: reingest: 5 patients"]
    assert "(+" not in steps.page


def test_contours_and_tables_are_told_as_such(steps: Steps, tmp_path: Path) -> None:
    """In name and page, beside patients."""
    patients(tmp_path, 2)
    steps.landings = [{"new": 0, "unchanged": 2, "contours_changed": 1, "contours_withdrawn": 1, "table_withdrawn": 1}]
    reingest.fn(workspace=str(tmp_path))
    assert steps.committed == ["Data: reingest: 2 patients, 1 contour set changed"]
    for said in (
        "patients: 2 unchanged\n",
        "contour sets: 1 changed\n",
        "contour sets: 1 gone",
        "link table: gone from",
    ):
        assert f"- {said}" in steps.page
    assert "What was withdrawn is kept" in steps.page
