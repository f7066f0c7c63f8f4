"""Which model is current, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmrpipe.errors import InputError
from flows.judge import _compare
from flows.models import current, decide, kept, verdict_of


def contest(new: float | None, last: float | None, held_out: int = 3) -> dict[str, Any]:
    """A comparison with these mean Dice values."""
    figures = {
        "new": {"dice_cavity": new, "dice_myocardium": new},
        "last": {"dice_cavity": last, "dice_myocardium": last},
    }
    return {"held_out": [f"P{i}" for i in range(held_out)], "figures": figures}


def test_the_first_model_is_current() -> None:
    """There is nothing to hold it against."""
    assert decide("new", "", None, 0.0, 5).current


def test_a_model_of_another_version_makes_way(tmp_path: Path) -> None:
    """It cannot be read any more, so nothing can be predicted with it either; the reason says so."""
    for name, schema in (("new", 4), ("old", 3)):
        (kept(tmp_path, name)).mkdir(parents=True)
        (kept(tmp_path, name) / "model.json").write_text(f'{{"schema": {schema}}}')
    found = _compare(tmp_path, "new", "old", lambda *_: None, 1.0)
    verdict = decide("new", "old", found, 0.0, 5)
    assert (verdict.current, verdict.last) == (True, "old")
    assert "another version" in verdict.why


@pytest.mark.parametrize(
    ("new", "last", "may_lose", "becomes"),
    [(0.9, 0.8, 0.0, True), (0.8, 0.8, 0.0, True), (0.79, 0.8, 0.0, False), (0.79, 0.8, 0.02, True)],
)
def test_a_model_becomes_current_when_it_loses_no_more_than_it_may(
    new: float, last: float, may_lose: float, becomes: bool
) -> None:
    """Equal is enough; what it may lose is a parameter; the reason has both figures."""
    verdict = decide("new", "old", contest(new, last), may_lose, 1)
    assert verdict.current is becomes
    assert f"{new:.3f} against {last:.3f} of old on the same 3 unseen patients" in verdict.why


@pytest.mark.parametrize("found", [contest(0.9, 0.1, 2), contest(None, None, 3), contest(None, None, 0)])
def test_too_few_common_patients_leave_the_last_model(found: dict[str, Any]) -> None:
    """However good the new one looks: a person may promote it, by the command that the reason names."""
    verdict = decide("abc", "old", found, 0.0, 3)
    assert not verdict.current
    assert "promote abc" in verdict.why


def test_a_figure_that_one_model_lacks_is_not_held_against_it() -> None:
    """Without epicardial contours only the cavity counts."""
    found = contest(0.8, 0.7)
    for who in ("new", "last"):
        found["figures"][who]["dice_myocardium"] = None
    assert decide("new", "old", found, 0.0, 1).current


def test_no_record_is_no_model_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    """A record that cannot be read is never taken for none: a worse model would become current."""
    assert current(tmp_path) == ""
    assert verdict_of(tmp_path, "abc") is None
    (tmp_path / "models").mkdir()
    for name in ("current.json", "abc.json"):
        (tmp_path / "models" / name).write_text("{")
    with pytest.raises(InputError, match=r"git checkout models/current\.json"):
        current(tmp_path)
    with pytest.raises(InputError, match=r"git checkout models/abc\.json"):
        verdict_of(tmp_path, "abc")
