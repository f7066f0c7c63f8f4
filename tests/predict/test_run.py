"""The command from end to end, with a model of one epoch: not how good it is, but what it says and leaves behind."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless
from typer.testing import CliRunner

from cmrpipe.cli import app
from cmrpipe.cli.prediction import _said
from cmrpipe.files import sha256_file
from cmrpipe.learn.leakage import pixel_digest
from cmrpipe.learn.saved import read_model, write_model
from cmrpipe.predict.tables import Row
from tests.predict.runs import PHANTOMS, run, summary
from tests.snapshots import snapshot


def test_who_can_be_judged_is_and_who_cannot_is_told_why(source: Path, model: Path, tmp_path: Path) -> None:
    """Exit code 1, a row a patient, a reason for each refused file; the same again gives the same bytes."""
    out = tmp_path / "out"
    code, output = run(source, out, model, "--overlays")
    assert code == 1, output
    rows = summary(out)
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
    before = snapshot(out)
    assert run(source, out, model, "--overlays")[0] == 1
    assert before == snapshot(out)


def test_who_was_learnt_from_is_told(source: Path, model: Path, tmp_path: Path) -> None:
    """By pixels under whatever id and header, else by the id; a patient that is new gets no such note."""
    known = read_model(model)
    images = [pydicom.dcmread(path) for path in sorted((source / PHANTOMS[0]).glob("*.dcm"))[:7]]
    seen = sorted(pixel_digest(image.pixel_array) for image in images)
    rows = np.frombuffer(b"".join(seen), np.uint8).reshape(7, -1)
    write_model(tmp_path / "model", replace(known, seen=rows, trained_on=("OTHER", PHANTOMS[1])))
    shutil.copytree(source / PHANTOMS[1], tmp_path / "in" / "NEW")
    run(source, tmp_path / "out", tmp_path / "model")
    reasons = {name: row["reason"] for name, row in summary(tmp_path / "out").items()}
    assert "has learnt from 7 of these images" in reasons[PHANTOMS[0]]
    assert "has learnt from a patient of this id" in reasons[PHANTOMS[1]]
    assert {name: reasons[name] for name in ("NEW", "STRANGE", "TORN") if "has learnt" in reasons[name]} == {}
    told = json.loads((tmp_path / "out" / "patients" / PHANTOMS[0] / "result.json").read_text())
    assert "has learnt from 7 of these images" in told["notes"][0]


def test_a_volume_that_no_patient_has_is_told(source: Path, model: Path, tmp_path: Path) -> None:
    """With the limit that says so, by its name; a volume within the limits gets no such note."""
    run(source, tmp_path / "out", model)
    volume = float(summary(tmp_path / "out")[PHANTOMS[0]]["edv_ml"])
    for reach, told in (((volume - 1, volume + 1), False), ((volume + 1, volume + 2), True)):
        (tmp_path / "params.yaml").write_text(f"validate:\n  edv_ml: [{reach[0]}, {reach[1]}]\n")
        run(source, tmp_path / "again", model, "--params", str(tmp_path / "params.yaml"))
        assert ("validate.edv_ml" in summary(tmp_path / "again")[PHANTOMS[0]]["reason"]) is told


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
    assert run(tmp_path / "in", tmp_path / "out", model, "--overlays")[0] == 0
    one, other = (tmp_path / "out" / "patients" / name for name in ("AS_IS", "MIRRORED"))
    for name in ("labels.npy", "images.csv", "overview.png"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_missing_model_is_told_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    """Exit code 2, with the mend."""
    done = CliRunner().invoke(app, ["predict", str(source), "-o", str(tmp_path / "out"), "--model", str(tmp_path)])
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_one_image_that_cannot_be_decoded_costs_that_image(source: Path, model: Path, tmp_path: Path) -> None:
    """Compressed pixels are only seen to be spoilt when they are decoded; its frame has no image of every slice."""
    path = source / PHANTOMS[0] / "5.dcm"
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.PixelData = encapsulate([b"\x01" * 64])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path)
    assert run(source / PHANTOMS[0], tmp_path / "out", model)[0] == 0
    (row,) = summary(tmp_path / "out").values()
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
    code, told = run(source, out, model)
    assert code == 0, told
    assert list(summary(out)) == ["M\\udcfcller", PHANTOMS[0]]
    assert "\\udcfc.txt,not a DICOM file" in (out / "patients" / PHANTOMS[0] / "refused.csv").read_text()
    assert "\\udcfc-7.dcm" in (out / "patients" / "M\\udcfcller" / "images.csv").read_text()


def test_an_output_that_cannot_be_written_is_told_before_the_work(source: Path, model: Path, tmp_path: Path) -> None:
    """A file in its place, or below a file: exit code 2."""
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        code, told = run(source, out, model)
        assert code == 2
        assert "is no folder that can be written" in told.replace("\n", " ")
    assert (tmp_path / "file").read_text() == "mine"


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
    told = run(source, tmp_path / "out", model)[1]
    assert f"{PHANTOMS[0]}: 40 images; 40 images refused (see refused.csv)" in told
    assert f"{PHANTOMS[1]}: 40 images; 1 image refused (see refused.csv)" in told
    assert len((tmp_path / "out" / "patients" / PHANTOMS[0] / "refused.csv").read_text().splitlines()) == 41


def test_words_say_which_images_are_counted() -> None:
    """Doubts about ED and ES, or about all frames where these cannot be told."""
    row = Row("A", 40, 0, None, None, (None,) * 6, 2, "")
    assert _said(row) == ["40 images", "2 images of all frames unsure"]
    assert _said(replace(row, ed_frame=1, es_frame=4, unsure=1)) == ["40 images", "1 image of ED and ES unsure"]
