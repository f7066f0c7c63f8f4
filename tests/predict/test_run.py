"""The command from end to end, with a model of one epoch: not how good it is, but what it says and leaves behind."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.cli.prediction import _said
from cmrpipe.errors import ArchiveError
from cmrpipe.files import sha256_file
from cmrpipe.incremental.folders import replacing
from cmrpipe.learn.leakage import pixel_digest
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.saved import read_model, write_model
from cmrpipe.predict.output import write_patient
from cmrpipe.predict.patient import Prediction, predict_patient
from cmrpipe.predict.source import PatientFolder
from cmrpipe.predict.tables import Row, lock_file
from cmrpipe.progress import silent
from cmrpipe.stages.train import train
from tests.bound import bound
from tests.killing import killed
from tests.learn.hearts import PATIENTS, make_patient, write_store
from tests.stages.learned import BRIEF

PHANTOMS = ("PHA0000101", "PHA0000201")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows next to nothing; read only."""
    folder = tmp_path_factory.mktemp("brief")
    store = write_store(folder / "store", [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)])
    train(store, folder / "model", BRIEF.model_copy(update={"complete": False}), listen=silent)
    return folder / "model"


@pytest.fixture
def source(small_phantom: Path, tmp_path: Path) -> Path:
    """Two phantoms, a patient of whom there are CT images and a file that is none, and an archive cut short."""
    for name in PHANTOMS:
        shutil.copytree(small_phantom / "dicoms" / name, tmp_path / "in" / name)
    strange = tmp_path / "in" / "STRANGE"
    strange.mkdir()
    dataset = pydicom.dcmread(next((small_phantom / "dicoms" / PHANTOMS[0]).glob("*.dcm")))
    dataset.Modality = "CT"
    dataset.save_as(strange / "1.dcm")
    (strange / "readme.txt").write_text("not DICOM at all")
    (tmp_path / "in" / "TORN.zip").write_bytes(b"PK\3\4 and no more")
    return tmp_path / "in"


def test_who_can_be_judged_is_and_who_cannot_is_told_why(source: Path, model: Path, tmp_path: Path) -> None:
    """Exit code 1, a row a patient, a reason for each refused file; the same again gives the same bytes."""
    out = tmp_path / "out"
    command = ["predict", str(source), "--output", str(out), "--model", str(model), "--no-segmentation"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1, done.output
    rows = {row["patient_id"]: row for row in csv.DictReader((out / "summary.csv").read_text().splitlines())}
    assert set(rows) == {*PHANTOMS, "STRANGE", "TORN"}
    assert "is no whole zip archive" in rows["TORN"]["reason"]
    assert [int(rows[name]["images"]) for name in PHANTOMS] == [40, 40]
    assert "none of its 2 files can be judged" in rows["STRANGE"]["reason"]
    refused = (out / "patients" / "STRANGE" / "refused.csv").read_text()
    assert "not MR but CT" in refused
    assert "not a DICOM file" in refused
    assert "STRANGE" not in (out / "link.csv").read_text()
    told = json.loads((out / "patients" / PHANTOMS[0] / "result.json").read_text())
    assert told["model_sha256"] == sha256_file(model / "model.json")
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    assert CliRunner().invoke(app, command).exit_code == 1
    assert before == {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_who_was_learnt_from_is_told(source: Path, model: Path, tmp_path: Path) -> None:
    """By pixels under whatever id and header, else by the id; a patient that is new gets no such note."""
    known = read_model(model)
    images = [pydicom.dcmread(path) for path in sorted((source / PHANTOMS[0]).glob("*.dcm"))[:7]]
    seen = sorted(pixel_digest(image.pixel_array) for image in images)
    rows = np.frombuffer(b"".join(seen), np.uint8).reshape(7, -1)
    write_model(tmp_path / "model", replace(known, seen=rows, trained_on=("OTHER", PHANTOMS[1])))
    shutil.copytree(source / PHANTOMS[1], tmp_path / "in" / "NEW")
    _run(source, tmp_path / "out", tmp_path / "model")
    reasons = {name: row["reason"] for name, row in _summary(tmp_path / "out").items()}
    assert "has learnt from 7 of these images" in reasons[PHANTOMS[0]]
    assert "has learnt from a patient of this id" in reasons[PHANTOMS[1]]
    assert {name: reasons[name] for name in ("NEW", "STRANGE", "TORN") if "has learnt" in reasons[name]} == {}
    told = json.loads((tmp_path / "out" / "patients" / PHANTOMS[0] / "result.json").read_text())
    assert "has learnt from 7 of these images" in told["notes"][0]


def test_an_image_whose_dark_and_bright_are_exchanged_is_the_same(
    small_phantom: Path, model: Path, tmp_path: Path
) -> None:
    """MONOCHROME1 with mirrored values: the same labels, and the same picture."""
    for name in ("AS_IS", "MIRRORED"):
        (tmp_path / "in" / name).mkdir(parents=True)
    for path in (small_phantom / "dicoms" / PHANTOMS[0]).glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.save_as(tmp_path / "in" / "AS_IS" / path.name)
        dataset.PhotometricInterpretation, dataset.StudyInstanceUID = "MONOCHROME1", "1.2.3"
        dataset.PixelData = (-1 - dataset.pixel_array).tobytes()
        dataset.save_as(tmp_path / "in" / "MIRRORED" / path.name)
    command = ["predict", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", str(model), "--no-segmentation"]
    assert CliRunner().invoke(app, command).exit_code == 0
    one, other = (tmp_path / "out" / "patients" / name for name in ("AS_IS", "MIRRORED"))
    for name in ("labels.npy", "images.csv", "overview.png"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_missing_model_is_told_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    """Exit code 2, with the mend."""
    done = CliRunner().invoke(app, ["predict", str(source), "-o", str(tmp_path / "out"), "--model", str(tmp_path)])
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


def _run(source: Path, out: Path, model: Path) -> tuple[int, str]:
    command = ["predict", str(source), "-o", str(out), "--model", str(model), "--no-segmentation", "--no-overlays"]
    done = CliRunner().invoke(app, command)
    return done.exit_code, done.output


def _summary(out: Path) -> dict[str, dict[str, str]]:
    return {row["patient_id"]: row for row in csv.DictReader((out / "summary.csv").read_text().splitlines())}


def test_a_second_run_into_the_same_folder_leaves_nothing_that_is_no_longer_so(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """Patients predicted earlier stay in the tables; one that is refused now loses the contours of the first run."""
    out = tmp_path / "out"
    assert _run(source / PHANTOMS[0], out, model)[0] == 0
    assert _run(source / PHANTOMS[1], out, model)[0] == 0
    assert list(_summary(out)) == list(PHANTOMS)
    assert (out / "link.csv").read_text().splitlines()[1:] == [f"{name},{name}" for name in PHANTOMS]
    for path in (source / PHANTOMS[0]).glob("*.dcm"):
        path.write_bytes(b"gone")
    assert _run(source / PHANTOMS[0], out, model)[0] == 1
    assert (out / "link.csv").read_text().splitlines()[1:] == [f"{PHANTOMS[1]},{PHANTOMS[1]}"]
    assert not (out / "contourfiles" / PHANTOMS[0]).exists()
    assert not (out / "patients" / PHANTOMS[0] / "labels.npy").exists()
    reason = json.loads((out / "patients" / PHANTOMS[0] / "result.json").read_text())["reason"]
    assert reason.startswith("none of its 40 files can be judged")
    assert _summary(out)[PHANTOMS[0]]["reason"] == reason


def test_another_studys_result_is_not_replaced(source: Path, model: Path, tmp_path: Path) -> None:
    """Two patients whose folders are called alike: the first one's stays, a refusal, too, and the mend is told."""
    out, folders = tmp_path / "out", [tmp_path / name / "BASELINE" for name in "ab"]
    for folder, name in zip(folders, PHANTOMS, strict=True):
        folder.mkdir(parents=True)
        shutil.copy(source / name / "7.dcm", folder)
    cause = f"{out / 'patients' / 'BASELINE'} is of another study. Give another --output"
    assert cause not in _run(folders[0], out, model)[1]
    before = _all(out)
    code, told = _run(folders[1], out, model)
    assert (code, cause in told, _all(out)) == (1, True, before)
    assert cause not in _run(folders[0], out, model)[1]
    told_of = json.loads((out / "patients" / "BASELINE" / "result.json").read_text())
    assert len(told_of["study_sha256"]) == 64


def test_a_patient_that_fails_stops_no_other(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even by a defect of ours; it is told like a patient that cannot be judged."""

    def predict_or_fail(folder: PatientFolder, predictor: Predictor, frames: int) -> Prediction:
        if folder.patient_id == PHANTOMS[0]:
            raise ZeroDivisionError("by\nnothing")
        return predict_patient(folder, predictor, frames)

    monkeypatch.setattr("cmrpipe.predict.run.predict_patient", predict_or_fail)
    code, told = _run(source, tmp_path / "out", model)
    assert code == 1, told
    rows = _summary(tmp_path / "out")
    assert rows[PHANTOMS[0]]["reason"] == "failed, by a defect of cmrpipe (ZeroDivisionError: by nothing)"
    assert int(rows[PHANTOMS[1]]["images"]) == 40
    assert (tmp_path / "out" / "patients" / "TORN" / "result.json").is_file()


def test_one_image_that_cannot_be_decoded_costs_that_image(source: Path, model: Path, tmp_path: Path) -> None:
    """Compressed pixels are only seen to be spoilt when they are decoded; its frame has no image of every slice."""
    path = source / PHANTOMS[0] / "5.dcm"
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.PixelData = encapsulate([b"\x01" * 64])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path)
    assert _run(source / PHANTOMS[0], tmp_path / "out", model)[0] == 0
    (row,) = _summary(tmp_path / "out").values()
    assert (row["images"], row["refused"]) == ("39", "1")
    (refused,) = csv.DictReader((tmp_path / "out" / "patients" / PHANTOMS[0] / "refused.csv").read_text().splitlines())
    assert refused["path"] == "5.dcm"
    assert refused["reason"].startswith("its pixels cannot be read")


def test_names_that_are_no_text_stop_nobody(source: Path, model: Path, tmp_path: Path) -> None:
    """A note of an old system's, a patient's folder and an image of that kind: judged, and told with escapes."""
    shutil.rmtree(source / "STRANGE")
    (source / "TORN.zip").unlink()
    odd = source / os.fsdecode(b"M\xfcller")
    (source / PHANTOMS[1]).rename(odd)
    (odd / "7.dcm").rename(odd / os.fsdecode(b"\xfc-7.dcm"))
    (source / PHANTOMS[0] / os.fsdecode(b"\xfc.txt")).write_text("no image")
    out = tmp_path / "out"
    code, told = _run(source, out, model)
    assert code == 0, told
    assert list(_summary(out)) == ["M\\udcfcller", PHANTOMS[0]]
    assert "\\udcfc.txt,not a DICOM file" in (out / "patients" / PHANTOMS[0] / "refused.csv").read_text()
    assert "\\udcfc-7.dcm" in (out / "patients" / "M\\udcfcller" / "images.csv").read_text()


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
    code, told = _run(source, tmp_path / "out", model)
    assert code == 1
    assert "(ZeroDivisionError: by nothing); not written: failed, by a defect" in told
    assert list(_summary(tmp_path / "out")) == ["TORN"]


def test_a_name_too_long_for_a_results_folder_stops_no_other(source: Path, model: Path, tmp_path: Path) -> None:
    """That patient is told, and is not in the tables."""
    for name in PHANTOMS:
        shutil.rmtree(source / name)
    (source / "TORN.zip").rename(source / os.fsdecode(b"\xfc" * 70 + b".zip"))  # four characters each, in a text
    code, told = _run(source, tmp_path / "out", model)
    assert code == 1
    assert "too long for a result's folder" in " ".join(told.split())
    assert list(_summary(tmp_path / "out")) == ["STRANGE"]


@pytest.mark.parametrize("place", ["contourfiles/{}/i-contours/IM-0001-0001-icontour-manual.txt", "patients/{}/x.txt"])
def test_what_predict_did_not_write_is_never_replaced(source: Path, model: Path, tmp_path: Path, place: str) -> None:
    """A data set whose contours are called as its patients, given as the output: nothing in it is touched."""
    mine = tmp_path / "out" / place.format(PHANTOMS[1])
    mine.parent.mkdir(parents=True)
    mine.write_text("1 1\n2 1\n2 2\n")
    (tmp_path / "out" / "link.csv").write_text(f"patient_id,original_id\n{PHANTOMS[1]},{PHANTOMS[1]}\n")
    done = CliRunner().invoke(
        app, ["predict", str(source), "-o", str(tmp_path / "out"), "--model", str(model), "--no-segmentation"]
    )
    assert done.exit_code == 2
    assert "would be replaced, and predict did not write it" in done.output
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == sorted(
        [mine.name, "link.csv"]
    )


def test_an_output_that_cannot_be_written_is_told_before_the_work(source: Path, model: Path, tmp_path: Path) -> None:
    """A file in its place, or below a file: exit code 2."""
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        code, told = _run(source, out, model)
        assert code == 2
        assert "is no folder that can be written" in told.replace("\n", " ")
    assert (tmp_path / "file").read_text() == "mine"


def _all(out: Path) -> dict[str, bytes]:
    """Files of an output folder, but for the lock's, and their content."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path != lock_file(out)}


def test_a_disk_that_fills_up_ends_the_run_and_costs_no_earlier_result(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that takes a part of the labels and no more: the error says so; what was there stays to the byte."""
    out = tmp_path / "out"
    assert _run(source / PHANTOMS[0], out, model)[0] == 0
    before = _all(out)

    def full(path: Path, data: bytes) -> int:
        if path.name.endswith("labels.npy"):
            with path.open("wb") as stream:
                stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        with path.open("wb") as stream:
            return stream.write(data)

    monkeypatch.setattr(Path, "write_bytes", full)
    code, told = _run(source / PHANTOMS[0], out, model)
    assert code == 2
    assert "the disk is full" in told.replace("\n", " ")
    assert _all(out) == before


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("by nothing"), "failed, by a defect of cmrpipe (ZeroDivisionError: by nothing)"),
        (OSError(errno.EIO, "broken"), "could not be read or written (OSError: [Errno 5] broken)"),
        (ArchiveError("A.zip", "is damaged", "Fetch it anew"), "A.zip: is damaged. Fetch it anew"),
    ],
)
@pytest.mark.parametrize("where", ["cmrpipe.predict.output.write_json", "cmrpipe.predict.run.predict_patient"])
def test_what_is_no_judgement_replaces_none(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception, words: str
) -> None:
    """Something goes wrong with one patient: the earlier result stays, in the tables, too; the run goes on."""
    out = tmp_path / "out"
    assert _run(source / PHANTOMS[0], out, model)[0] == 0
    before = _all(out)
    failed = []

    def fail(*_: object) -> None:
        failed.append(1)
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(where, fail)
    code, told = _run(source, out, model)
    assert (code, len(failed)) == (1, 1)
    after = _all(out)
    mine = [name for name in before if PHANTOMS[0] in name]
    assert len(mine) > 10
    if isinstance(error, ArchiveError) and where.endswith("predict_patient"):  # that is a judgement: a refusal
        assert f"{PHANTOMS[0]}: 0 images; 40 images refused (see refused.csv); {words}\n" in told
        assert not (out / "contourfiles" / PHANTOMS[0]).exists()
    else:
        assert f"{PHANTOMS[0]}: 0 images; {words}; what an earlier run found stays\n" in told
        assert {name: after[name] for name in mine} == {name: before[name] for name in mine}
        assert _summary(out)[PHANTOMS[0]]["images"] == "40"
        assert f"{PHANTOMS[0]},{PHANTOMS[0]}" in (out / "link.csv").read_text()
    assert _summary(out)[PHANTOMS[1]]["images"] == "40"


def test_what_a_killed_run_set_aside_is_back_before_a_patient_is_judged(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that one who cannot be judged this time keeps it."""
    out, places = tmp_path / "out", [tmp_path / "out" / kind / PHANTOMS[0] for kind in ("patients", "contourfiles")]
    assert _run(source / PHANTOMS[0], out, model)[0] == 0
    before = _all(out)

    def replace_both() -> None:
        with replacing(lock_file(out), *places) as folders:
            for folder in folders:
                (folder / "new").touch()

    assert killed(replace_both, 2, ("rename",))
    assert not places[0].exists()

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr("cmrpipe.predict.run.predict_patient", fail)
    code, told = _run(source / PHANTOMS[0], out, model)
    assert (code, "what an earlier run found stays" in told) == (1, True)
    assert _all(out) == before


def test_a_share_that_is_gone_costs_no_earlier_result(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that the system cannot read are no judgement of the patient."""
    out = tmp_path / "out"
    assert _run(source / PHANTOMS[0], out, model)[0] == 0
    before = _all(out)

    def gone(*_: object) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr("cmrpipe.predict.source.read_below", gone)
    code, told = _run(source / PHANTOMS[0], out, model)
    assert code == 1
    assert "Stale file handle" in told
    assert "what an earlier run found stays" in told
    assert {name: data for name, data in _all(out).items() if name in before} == before


def test_a_folder_that_cannot_be_looked_into_costs_neither_others_nor_an_earlier_result(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """A patient's folder of another owner: told, exit code 1; who is readable is judged."""
    out = tmp_path / "out"
    assert _run(source / PHANTOMS[0], out, model)[0] == 0
    before = _all(out)
    (source / PHANTOMS[0]).chmod(0o000)
    command = [*bound(), sys.executable, "-m", "cmrpipe", "predict", str(source), "-o", str(out), "--model", str(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (source / PHANTOMS[0]).chmod(0o755)
    assert done.returncode == 1, done.stderr
    cause = f"{source / PHANTOMS[0]}: cannot be read (Permission denied). Check the disk and its permissions"
    assert f"{PHANTOMS[0]}: 0 images; {cause}; what an earlier run found stays\n" in done.stdout
    assert _summary(out)[PHANTOMS[1]]["images"] == "40"
    mine = {name: data for name, data in before.items() if PHANTOMS[0] in name}
    assert {name: data for name, data in _all(out).items() if name in mine} == mine


def test_images_that_were_refused_are_told(source: Path, model: Path, tmp_path: Path) -> None:
    """A second cine at the same slices, and how many of them; one that is refused alone is one image."""
    folder = source / PHANTOMS[0]
    for path in sorted(folder.glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.3", f"1.2.3.{path.stem}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / f"again-{path.name}")
    other = pydicom.dcmread(source / PHANTOMS[1] / "1.dcm")
    other.Modality = "CT"
    other.save_as(source / PHANTOMS[1] / "ct.dcm")
    told = _run(source, tmp_path / "out", model)[1]
    assert f"{PHANTOMS[0]}: 40 images; 40 images refused (see refused.csv)" in told
    assert f"{PHANTOMS[1]}: 40 images; 1 image refused (see refused.csv)" in told
    assert len((tmp_path / "out" / "patients" / PHANTOMS[0] / "refused.csv").read_text().splitlines()) == 41


def test_words_say_which_images_are_counted() -> None:
    """Doubts about ED and ES, or about all frames where these cannot be told."""
    row = Row("A", 40, 0, None, None, (None,) * 6, 2, "")
    assert _said(row) == ["40 images", "2 images of all frames unsure"]
    assert _said(replace(row, ed_frame=1, es_frame=4, unsure=1)) == ["40 images", "1 image of ED and ES unsure"]
