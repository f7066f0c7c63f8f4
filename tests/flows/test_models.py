"""Which model is current, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmrpipe.errors import InputError
from cmrpipe.files import write_json
from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.progress import silent
from cmrpipe.workspace import Workspace
from flows.judge import _compare
from flows.models import (
    CURRENT,
    LABELLED,
    VERDICTS,
    current,
    decide,
    keep,
    kept,
    made_of,
    model_id,
    new_slices,
    newest,
    verdict_of,
)


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
    assert verdict.why.endswith("old makes way" if becomes else "old is kept as current")
    assert (verdict.model, verdict.last, verdict.held_out) == ("new", "old", 3)
    assert decide("new", "old", contest(new, last), may_lose, 3).current is becomes


@pytest.mark.parametrize(
    "found",
    [
        contest(0.9, 0.1, 2),
        contest(None, None, 3),
        contest(None, None, 0),
        contest(0.9, None, 3),
        contest(None, 0.9, 3),
    ],
)
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


def test_a_figure_of_nothing_counts() -> None:
    """A model that finds no myocardium is worse, however well it finds the cavity."""
    found = contest(0.8, 0.7)
    found["figures"]["new"]["dice_myocardium"] = 0.0
    verdict = decide("new", "old", found, 0.0, 1)
    assert not verdict.current
    assert "mean Dice 0.400 against 0.700" in verdict.why


def test_no_record_is_no_model_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    """A record that cannot be read is never taken for none: a worse model would become current."""
    assert current(tmp_path) == ""
    assert verdict_of(tmp_path, "abc") is None
    (tmp_path / "models").mkdir()
    for name in ("current.json", "abc.json"):
        (tmp_path / "models" / name).write_text("{")
    with pytest.raises(InputError, match=r"git checkout models/current\.json"):
        current(tmp_path)
    (tmp_path / "models" / "current.json").write_text("{}")
    with pytest.raises(InputError, match=r"git checkout models/current\.json"):
        current(tmp_path)
    with pytest.raises(InputError, match=r"git checkout models/abc\.json"):
        verdict_of(tmp_path, "abc")


def write_model(text: str, folder: Path) -> Written:
    """Files of a model, one in a folder of its own."""
    for name in ("model.json", "members/1.pt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text} {name}")
    return Written(["model.json", "members/1.pt"])


def write_labels(patient: tuple[str, int], folder: Path) -> Written:
    """A patient with so many labelled slices."""
    (folder / patient[0]).write_text("labels")
    return Written([patient[0]], {"samples": patient[1]} if patient[1] else {})


def trained(root: Path, text: str) -> None:
    """A trained model is there."""
    refresh("train", Workspace(root).model, [Unit("model", text, text)], write_model, listen=silent)


def stored(root: Path, **patients: tuple[str, int]) -> None:
    """A store of these patients: fingerprint, and number of labelled slices."""
    units = [Unit(name, mark, (name, samples)) for name, (mark, samples) in patients.items()]
    refresh("store", Workspace(root).store, units, write_labels, listen=silent)


def test_a_kept_model_is_what_was_trained_and_of_which_labels(tmp_path: Path) -> None:
    """Its files as they are, and who had labels; once kept it stays as it is, and its id is that of its description."""
    stored(tmp_path, A=("1", 4), B=("2", 6), C=("3", 0))
    trained(tmp_path, "first")
    model = keep(tmp_path)
    names = {path.relative_to(kept(tmp_path, model)).as_posix() for path in kept(tmp_path, model).rglob("*.*")}
    assert names == {"model.json", "members/1.pt", LABELLED}
    assert (kept(tmp_path, model) / "members" / "1.pt").read_text() == "first members/1.pt"
    assert made_of(tmp_path, model) == {"A": ("1", 4), "B": ("2", 6)}
    stored(tmp_path, A=("9", 4))
    assert keep(tmp_path) == model
    assert made_of(tmp_path, model) == {"A": ("1", 4), "B": ("2", 6)}
    trained(tmp_path, "second")
    for name in ("old.pt", "members/1.pt"):  # a run was killed while it kept this one
        half = kept(tmp_path, f".tmp-{model_id(Workspace(tmp_path).model)}") / name
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_text("ha")
    assert {path.name for path in kept(tmp_path, keep(tmp_path)).rglob("*.*")} == {"model.json", "1.pt", LABELLED}
    assert keep(tmp_path) != model
    assert made_of(tmp_path, keep(tmp_path)) == {"A": ("9", 4)}


def test_slices_are_new_since_the_model_that_was_judged_last(tmp_path: Path) -> None:
    """All without one; then those of patients who came or changed; a model that was not judged yet does not count."""
    stored(tmp_path, A=("1", 4), B=("2", 6), C=("3", 0))
    assert (newest(tmp_path), new_slices(tmp_path)) == ("", 10)
    trained(tmp_path, "first")
    assert (newest(tmp_path), new_slices(tmp_path)) == ("", 10)
    first = keep(tmp_path)
    assert (newest(tmp_path), new_slices(tmp_path)) == (first, 0)
    stored(tmp_path, A=("1", 4), B=("7", 5), D=("8", 3))
    assert new_slices(tmp_path) == 8
    (tmp_path / VERDICTS).mkdir()
    write_json(tmp_path / VERDICTS / CURRENT, {"model": first})
    trained(tmp_path, "second")
    assert (newest(tmp_path), new_slices(tmp_path)) == (first, 8)
    second = keep(tmp_path)
    assert (newest(tmp_path), current(tmp_path), new_slices(tmp_path)) == (second, first, 0)


def test_of_a_list_of_labels_as_it_was_written_once_every_comma_is_the_ids(tmp_path: Path) -> None:
    """And one that is not there, or is none, is told with what brings it back."""
    kept(tmp_path, "m").mkdir(parents=True)
    path = kept(tmp_path, "m") / LABELLED
    path.write_text("patient_id,fingerprint,samples\nDoe,J,abc,7\n")
    assert made_of(tmp_path, "m") == {"Doe,J": ("abc", 7)}
    for text in ("patient_id,fingerprint,samples\nA,abc,many\n", "patient_id\nA\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="dvc pull"):
            made_of(tmp_path, "m")
    path.unlink()
    with pytest.raises(InputError, match="dvc pull"):
        made_of(tmp_path, "m")
