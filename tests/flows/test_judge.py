"""Judging models in a workspace with DVC: what is kept, what is recorded, and whose word holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import flows.judge
from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.progress import silent
from flows.dvc import run_dvc
from flows.folders import UnrecordedError
from flows.judge import app, judge
from flows.models import KEPT, VERDICTS, ModelVerdict, current, keep, kept, made_of, verdict_of

BETTER = {"new": {"dice_cavity": 0.9}, "last": {"dice_cavity": 0.8}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a remote, in which every new model is better than the last."""
    for variable in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    root = tmp_path / "space"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(
        f"[core]\n    no_scm = True\n    remote = box\n['remote \"box\"']\n    url = {tmp_path / 'box'}\n"
    )
    found: dict[str, Any] = {"held_out": ["P1", "P2"], "figures": BETTER}
    monkeypatch.setattr(flows.judge, "_compare", lambda *_: found)
    return root


def train(root: Path, weights: str) -> None:
    """Leave a trained model, of a store with one patient."""

    def model(_: str, out: Path) -> Written:
        (out / "model.json").write_text(json.dumps({"schema": 1, "weights": weights}))
        (out / "weights.pt").write_text(weights)
        return Written(["model.json", "weights.pt"])

    def patient(unit: str, out: Path) -> Written:
        (out / "a.h5").write_text(unit)
        return Written(["a.h5"], {"samples": 3})

    refresh("train", root / "data/model", [Unit("model", weights, weights)], model, listen=silent)
    refresh("store", root / "data/store", [Unit("P1", "mark", "P1")], patient, listen=silent)


def judged(root: Path, weights: str) -> ModelVerdict:
    """Train a model and judge it."""
    train(root, weights)
    return judge(root, lambda *_: None, may_lose=0.0, least=1, timeout_s=60)


def listed(root: Path) -> dict[str, str]:
    """The kept models' files, with what stands in them."""
    home = root / KEPT
    return {path.relative_to(home).as_posix(): path.read_text() for path in sorted(home.rglob("*")) if path.is_file()}


def test_damage_to_a_kept_model_does_not_become_the_record(root: Path) -> None:
    """Altered weights and a lost list stop the judgement of the next model, named; once they are back, it is judged."""
    first = judged(root, "one").model
    record, whole = (root / "data/models.dvc").read_bytes(), listed(root)
    for name in ("weights.pt", "labelled.csv"):
        (kept(root, first) / name).unlink()
    (kept(root, first) / "weights.pt").write_text("rotten")
    with pytest.raises(UnrecordedError, match=rf"1 files .* {first}/weights\.pt \(altered\)"):
        judged(root, "two")
    assert (root / "data/models.dvc").read_bytes() == record
    assert current(root) == first
    (kept(root, first) / "weights.pt").unlink()
    second = judged(root, "two")
    assert second.current
    assert whole.items() < listed(root).items()


def test_models_that_were_not_fetched_are_fetched_when_one_is_judged(root: Path) -> None:
    """A clone has what training needs; an earlier attempt that left the new model there is no hindrance."""
    judged(root, "one")
    judged(root, "two")
    run_dvc(["push"], root, log_name="push")
    whole = listed(root)
    shutil.rmtree(root / KEPT)
    shutil.rmtree(root / ".dvc" / "cache")
    train(root, "three")
    keep(root)
    third = judged(root, "three")
    assert third.current
    assert whole.items() < listed(root).items()
    assert str(third.model) in " ".join(listed(root))


def test_a_model_that_a_settled_conflict_left_out_of_the_record_joins_it_again(root: Path) -> None:
    """Both had trained; the colleague's record was taken, and their mark. No model is judged twice for that."""
    theirs = judged(root, "one").model
    record, mark = (root / "data/models.dvc").read_text(), (root / VERDICTS / "current.json").read_text()
    mine = judged(root, "two")
    both = (root / "data/models.dvc").read_text()
    (root / "data/models.dvc").write_text(record)
    (root / VERDICTS / "current.json").write_text(mark)
    again = judged(root, "two")
    assert (again.model, again.current, current(root)) == (mine.model, False, theirs)
    assert (root / "data/models.dvc").read_text() == both


def test_the_word_of_a_person_holds(root: Path) -> None:
    """The model that they did not choose is judged no second time, and what is said of it is true."""
    first, second = judged(root, "one"), judged(root, "two")
    assert (first.current, second.current, current(root)) == (True, True, second.model)
    done = CliRunner().invoke(app, ["promote", first.model, "--why", "seen by eye", "--workspace", str(root)])
    assert done.exit_code == 0, done.output
    again = judged(root, "two")
    assert current(root) == first.model
    assert (again.current, again.why) == (False, f"{second.why}. Later {first.model} was marked as current")


def test_a_kill_between_mark_and_verdict_is_made_good(root: Path) -> None:
    """The verdict that was marked is the one that is written."""
    judged(root, "one")
    second = judged(root, "two")
    (root / VERDICTS / f"{second.model}.json").unlink()
    assert judged(root, "two") == second
    assert verdict_of(root, second.model) == second


def test_a_kill_before_the_mark_is_made_good(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing says yet that the model was judged, so it is judged again; another comparison of it is no damage."""
    first = judged(root, "one")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    def compared(text: str) -> None:
        def compare(root: Path, model: str, *_: object) -> dict[str, Any]:
            (kept(root, model) / "comparison.json").write_text(text)
            return {"held_out": ["P1"], "figures": BETTER}

        monkeypatch.setattr(flows.judge, "_compare", compare)

    compared("first")
    with monkeypatch.context() as patch:
        patch.setattr(flows.judge, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            judged(root, "two")
    assert current(root) == first.model
    compared("second")
    second = judged(root, "two")
    assert current(root) == second.model
    assert listed(root)[f"{second.model}/comparison.json"] == "second"


@pytest.mark.parametrize("name", ["P1", "Doe, J", '"second" one', "a b", "a,b,c", " ", "Müller"])
def test_a_patient_of_any_name_is_known_to_the_model(root: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What a kept model was made of is read as it was written."""
    train(root, "one")
    monkeypatch.setattr("flows.models.labelled", lambda _: {name: ("mark", 3), "other": ("m", 1)})
    assert made_of(root, keep(root)) == {name: ("mark", 3), "other": ("m", 1)}


def test_a_list_whose_names_were_not_quoted_is_read(root: Path) -> None:
    """As models were kept before: re-ingestion would stop until the next one."""
    kept(root, "old").mkdir(parents=True)
    (kept(root, "old") / "labelled.csv").write_text("patient_id,fingerprint,samples\nDoe, J,mark,3\nP,m,1\n")
    assert made_of(root, "old") == {"Doe, J": ("mark", 3), "P": ("m", 1)}
