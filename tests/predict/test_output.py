"""What is written: contours that cmrpipe reads, and tables; and what stays where that fails."""

import csv
import errno
import fcntl
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.errors import BusyError
from cmrpipe.geometry import label_image
from cmrpipe.incremental.folders import recover
from cmrpipe.model import ContourKind, Phase
from cmrpipe.params import IngestParams, ValidateParams
from cmrpipe.predict.output import Options, has_contours, of_another_study, write_patient
from cmrpipe.predict.patient import Prediction, not_judged
from cmrpipe.predict.source import PatientFolder
from cmrpipe.predict.tables import lock_file
from cmrpipe.progress import silent
from cmrpipe.readers.archives import pack
from cmrpipe.readers.contours import read_contour
from cmrpipe.readers.pixels import decode_pixels
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.validate import validate
from tests.killing import killed
from tests.predict.oracle import PATIENT, folder_of
from tests.predict.runs import everything


def test_contours_are_read_back_as_they_were_drawn(out: Path, found: Prediction) -> None:
    """Every border a file, in the layout of the experts'; labels are those that would be made from these files."""
    folder = out / "contourfiles" / PATIENT
    files = sorted(folder.rglob("*.txt"))
    expected = {}
    for item in found.seen:
        for kind, points in ((ContourKind.ENDO, item.drawing.endo), (ContourKind.EPI, item.drawing.epi)):
            if points is not None:
                expected[item.number, kind] = points
    assert len(files) == len(expected) > 0
    read = {}
    for path in files:
        record = read_contour(path.read_bytes(), path.relative_to(out).as_posix(), 1.0)
        assert record.error == ""
        assert record.number is not None
        assert record.kind is not None
        assert record.points is not None
        read[record.number, record.kind] = record.points
        assert record.points == pytest.approx(expected[record.number, record.kind], abs=1e-9)
    labels = np.load(out / "patients" / PATIENT / "labels.npy", allow_pickle=False)
    for item, label in zip(found.seen, labels, strict=True):
        endo, epi = (read.get((item.number, kind)) for kind in (ContourKind.ENDO, ContourKind.EPI))
        assert (label == label_image(endo, epi, label.shape)).all()
    assert (folder / "i-contours" / f"IM-0001-{found.seen[-1].number:04d}-icontour-auto.txt").parent.is_dir()


def test_the_output_beside_the_images_is_a_data_set_that_validates(
    small_phantom: Path, out: Path, found: Prediction, tmp_path: Path
) -> None:
    """What experts draw, too, is read, linked and checked like an expert's, and no error is found in them."""
    (tmp_path / "raw" / "dicoms").mkdir(parents=True)
    shutil.copytree(small_phantom / "dicoms" / PATIENT, tmp_path / "raw" / "dicoms" / PATIENT)
    shutil.copytree(out / "contourfiles", tmp_path / "raw" / "contourfiles")
    phases = {item.number: item.phase for item in found.seen}
    for path in (tmp_path / "raw" / "contourfiles").rglob("*.txt"):  # the oracle's other borders are no images' own
        phase = phases[int(path.name.split("-")[2])]
        if phase is Phase.OTHER or (phase is Phase.ES and "ocontour" in path.name):
            path.unlink()
    (tmp_path / "raw" / "link.csv").write_text(f"patient_id,original_id\n{PATIENT},{PATIENT}\n")
    catalog = tmp_path / "catalog"
    ingest(tmp_path / "raw", catalog, tmp_path / "state", IngestParams(), listen=silent)
    summary = validate(tmp_path / "raw", catalog, tmp_path / "f", tmp_path / "q.csv", ValidateParams(), listen=silent)
    assert summary.findings["error"] == 0


def test_tables_and_labels_agree(out: Path, found: Prediction) -> None:
    """images.csv, labels.npy and result.json tell the same."""
    folder = out / "patients" / PATIENT
    rows = list(csv.DictReader((folder / "images.csv").read_text().splitlines()))
    labels = np.load(folder / "labels.npy", allow_pickle=False)
    told = json.loads((folder / "result.json").read_text())
    assert len(rows) == len(labels) == told["images"] == len(found.seen)
    for row, label, item in zip(rows, labels, found.seen, strict=True):
        assert (label == label_image(item.drawing.endo, item.drawing.epi, label.shape)).all()
        assert float(row["cavity_px2"]) == pytest.approx(item.drawing.area, abs=1e-5)
        if item.drawing.endo is not None and item.record.pixel_spacing_mm is not None:
            mm2 = item.drawing.area * float(np.prod(item.record.pixel_spacing_mm))
            assert float(row["cavity_mm2"]) == pytest.approx(mm2, abs=1e-5)
        assert (int(row["slice_index"]), int(row["frame"])) == item.place
    grid = [{int(row[name]) for row in rows} for name in ("slice_index", "frame")]
    assert [told["slices"], told["frames"]] == [len(values) for values in grid]
    assert told["refused"] == len(found.judged.refused)
    assert told["values"]["ef_pct"] == found.values.ef_pct
    assert {row["frame"] for row in rows if row["phase"] == "ED"} == {str(told["ed_frame"])}
    pictures = list((folder / "overlays").glob("*.png"))
    assert len(pictures) == sum(i.phase is not Phase.OTHER and i.drawing.endo is not None for i in found.seen)
    assert (folder / "overview.png").is_file()


@pytest.mark.parametrize("last", range(1, 6))
def test_whatever_fails_while_folders_change_places_the_old_ones_stay(
    found: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """Both: contours and results are of one run, whichever of the renames it is."""
    options, root = Options(1.0, overlays=False, segmentation=False), tmp_path
    write_patient(tmp_path / "out", found, root, "0" * 64, options)
    before = everything(tmp_path / "out")
    rename, done = Path.rename, [0]

    def failing(path: Path, target: Path) -> Path:
        if path.is_dir():
            done[0] += 1
            if done[0] == last:
                raise OSError(errno.EIO, "no more")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no more"):
        write_patient(tmp_path / "out", found, root, "1" * 64, options)
    assert everything(tmp_path / "out") == before
    monkeypatch.undo()
    write_patient(tmp_path / "out", found, root, "1" * 64, options)
    after = everything(tmp_path / "out")
    assert after.keys() == before.keys()
    assert after != before


@pytest.mark.parametrize("last", range(1, 6))
def test_a_run_that_is_killed_between_renames_leaves_the_old_ones(found: Prediction, tmp_path: Path, last: int) -> None:
    """Contours and results, whichever rename it did not come to, once the next run has begun; and nothing else."""
    options, out = Options(1.0, overlays=False, segmentation=False), tmp_path / "out"
    write_patient(out, found, tmp_path, "0" * 64, options)
    before = everything(out)
    assert killed(lambda: write_patient(out, found, tmp_path, "1" * 64, options), last, ("rename",))
    recover(lock_file(out))
    assert everything(out) == before
    assert {path.name for path in out.iterdir()} == {"patients", "contourfiles", lock_file(out).name}


def test_contours_that_cannot_be_written_leave_results_as_they_were(
    found: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come last, or first: both of an earlier run stay, or both are new."""
    options = Options(1.0, overlays=False, segmentation=False)
    write_patient(tmp_path, found, tmp_path, "0" * 64, options)
    before = everything(tmp_path)

    def refuse(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cmrpipe.predict.output.contour_text", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_patient(tmp_path, found, tmp_path, "1" * 64, options)
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("there", "ours", "other"),
    [
        ('{"study_sha256": "a"}', "b", True),
        ('{"study_sha256": "a"}', "a", False),
        ('{"study_sha256": "a"}', "", False),
        ('{"study_sha256": ""}', "b", False),
        ("{}", "b", False),
        ("[]", "b", False),
        ('{"study_sha', "b", False),
        (None, "b", False),
    ],
)
def test_a_result_is_another_studys_only_where_both_say_whose_they_are(
    found: Prediction, tmp_path: Path, there: str | None, ours: str, other: bool
) -> None:
    """A result that says nothing, is damaged, or is not there, does not keep a patient out."""
    place = tmp_path / "patients" / found.patient_id
    place.mkdir(parents=True)
    if there is not None:
        (place / "result.json").write_text(there)
    assert of_another_study(tmp_path, replace(found, study=ours)) is other


def test_a_refusal_takes_the_contours_away(found: Prediction, tmp_path: Path) -> None:
    """And no empty folder stands in their place."""
    options = Options(1.0, overlays=False, segmentation=False)
    write_patient(tmp_path, found, tmp_path, "0" * 64, options)
    assert has_contours(tmp_path, PATIENT)
    refused = not_judged(PatientFolder(PATIENT, tmp_path, ("1.dcm",)), "no image")
    write_patient(tmp_path, refused, tmp_path, "0" * 64, options)
    assert not (tmp_path / "contourfiles" / PATIENT).exists()
    assert not has_contours(tmp_path, PATIENT)
    assert json.loads((tmp_path / "patients" / PATIENT / "result.json").read_text())["reason"] == "no image"


def test_two_runs_that_put_the_same_patient_there_do_not_meet(found: Prediction, tmp_path: Path) -> None:
    """The lock is held from the first file on."""
    options = Options(1.0, overlays=False, segmentation=False)
    write_patient(tmp_path, found, tmp_path, "0" * 64, options)
    before = everything(tmp_path)
    with lock_file(tmp_path).open("a+") as other, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(other, fcntl.LOCK_EX)
        patch.setenv("CMRPIPE_LOCK_TIMEOUT", "0")
        with pytest.raises(BusyError):
            write_patient(tmp_path, found, tmp_path, "1" * 64, options)
    assert everything(tmp_path) == before


def test_pixels_are_untouched(small_phantom: Path, found: Prediction) -> None:
    """The images that were judged are those of the files, in the order of the tables."""
    assert found.images is not None
    root = folder_of(small_phantom, PATIENT).root
    path = root / found.seen[7].record.path
    assert (found.images[7] == decode_pixels(path.read_bytes(), path)).all()


def test_an_archive_gives_what_its_folder_gives(
    small_phantom: Path, out: Path, found: Prediction, tmp_path: Path
) -> None:
    """Segmentations, too, whose headers are read from the source once more."""
    archive = tmp_path / f"{PATIENT}.zip"
    pack(small_phantom / "dicoms" / PATIENT, archive)
    write_patient(tmp_path / "out", found, archive, "0" * 64, Options(contour_origin=1.0))
    ours, theirs = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "out", out)
    )
    assert ours == theirs
    assert any(path.name.startswith("seg_") for path in ours)
