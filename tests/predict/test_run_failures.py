"""The command where one patient fails: the others are predicted all the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cmrpipe.learn.prediction import Predictor
from cmrpipe.predict.output import write_patient
from cmrpipe.predict.patient import Prediction, predict_patient
from cmrpipe.predict.source import PatientFolder
from tests.predict.runs import PHANTOMS, run, summary


def test_a_patient_that_fails_stops_no_other(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even by a defect of ours; it is told like a patient that cannot be judged."""

    def predict_or_fail(folder: PatientFolder, predictor: Predictor, frames: int) -> Prediction:
        if folder.patient_id == PHANTOMS[0]:
            raise ZeroDivisionError("by\nnothing")
        return predict_patient(folder, predictor, frames)

    monkeypatch.setattr("cmrpipe.predict.run.predict_patient", predict_or_fail)
    code, told = run(source, tmp_path / "out", model)
    assert code == 1, told
    rows = summary(tmp_path / "out")
    assert rows[PHANTOMS[0]]["reason"] == "failed, by a defect of cmrpipe (ZeroDivisionError: by nothing)"
    assert int(rows[PHANTOMS[1]]["images"]) == 40
    assert (tmp_path / "out" / "patients" / "TORN" / "result.json").is_file()


def test_nothing_is_written_into_a_stages_output(source: Path, model: Path) -> None:
    """Its next run would remove the results again."""
    before = sorted(model.rglob("*"))
    code, told = run(source, model, model)
    assert code == 2
    assert f"{model}: is the output of `cmrpipe train`. Name another folder" in told
    assert sorted(model.rglob("*")) == before


def test_what_cannot_be_written_of_a_patient_stops_no_other(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a result nor a refusal: told, with both causes, and nothing stands there."""

    def refuse(out: Path, found: Prediction, *args: object) -> list[str]:
        if found.patient_id == "STRANGE":
            raise ZeroDivisionError("by nothing")
        return write_patient(out, found, *args)  # type: ignore[arg-type]

    for name in PHANTOMS:
        shutil.rmtree(source / name)
    monkeypatch.setattr("cmrpipe.predict.run.write_patient", refuse)
    code, told = run(source, tmp_path / "out", model)
    assert code == 1
    assert "(ZeroDivisionError: by nothing); not written: failed, by a defect" in told
    assert list(summary(tmp_path / "out")) == ["TORN"]


def test_a_name_too_long_for_a_results_folder_stops_no_other(source: Path, model: Path, tmp_path: Path) -> None:
    """That patient is told, and is not in the tables."""
    for name in PHANTOMS:
        shutil.rmtree(source / name)
    (source / "TORN.zip").rename(source / os.fsdecode(b"\xfc" * 70 + b".zip"))  # four characters each, in a text
    code, told = run(source, tmp_path / "out", model)
    assert code == 1
    assert "too long for a result's folder" in " ".join(told.split())
    assert list(summary(tmp_path / "out")) == ["STRANGE"]
