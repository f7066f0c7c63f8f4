"""Real patients and contours that were copied to others: told, and left out, whatever was rewritten."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.model import Finding
from cmrpipe.params import ValidateParams
from cmrpipe.quarantine import RULE, left_out, read_quarantine, write_quarantine
from tests.conftest import copied
from tests.stages.faulty import check, found

ANON = "ANON77"


def write_contour(path: Path, target: Path, rng: np.random.Generator) -> None:
    """A contour as another program would write it: another start, the other way round, closed."""
    points = [line.split() for line in path.read_text().splitlines() if line.strip()]
    turn = int(rng.integers(1, len(points)))
    turned = [*points[turn:], *points[:turn]][::-1]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{float(x):.4f}, {float(y):.4f}\n" for x, y in [*turned, turned[0]]))


def linked(final_data: Path, base: Path) -> Path:
    """The real set below `base`, its images as links, its contours and table as files."""
    (base / "set" / "dicoms").mkdir(parents=True)
    for folder in (final_data / "dicoms").iterdir():
        (base / "set" / "dicoms" / folder.name).symlink_to(folder)
    copied(final_data / "contourfiles", base / "set" / "contourfiles")
    shutil.copyfile(final_data / "link.csv", base / "set" / "link.csv")
    return base / "set"


def add_twice(folder: Path, new_uids: bool) -> None:
    """SCD0000101 once more under another id, its contours exported again under another original id."""
    rng = np.random.default_rng(7)
    (folder / "dicoms" / ANON).mkdir()
    for path in (folder / "dicoms" / "SCD0000101").glob("*.dcm"):
        ds = pydicom.dcmread(path)
        ds.PatientID = ANON
        if new_uids:
            ds.StudyInstanceUID, ds.FrameOfReferenceUID, ds.SeriesInstanceUID = "1.2.3.7", "1.2.3.8", "1.2.3.77"
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
        ds.save_as(folder / "dicoms" / ANON / path.name)
    for path in (folder / "contourfiles" / "SC-HF-I-1").rglob("*.txt"):
        write_contour(path, folder / "contourfiles" / "EXPORT-77" / path.parent.name / path.name, rng)
    with (folder / "link.csv").open("a") as table:
        table.write(f"{ANON},EXPORT-77\n")


def export_again(folder: Path, rng: np.random.Generator, *, keep_uids: bool, as_it_is: str = "") -> None:
    """SCD0000101 under another id: 200 x 200 pixels of 8 bits, window and noise, nothing of the header; drawn anew."""
    (folder / "dicoms" / ANON).mkdir()
    for path in (folder / "dicoms" / "SCD0000101").glob("*.dcm"):
        ds = pydicom.dcmread(path)
        if path.name == as_it_is:
            shutil.copy(path, folder / "dicoms" / ANON / path.name)
            continue
        low, high = np.percentile(ds.pixel_array, (1, 99))
        small = np.asarray(
            Image.fromarray(ds.pixel_array.astype(np.float32)).resize((200, 200), Image.Resampling.BILINEAR)
        )
        grey = 255 * np.clip((small - low) / (high - low), 0, 1) ** 0.8 + rng.normal(0, 3, small.shape)
        ds.PixelData = np.clip(grey, 0, 255).round().astype(np.int16).tobytes()
        ds.Rows = ds.Columns = 200
        ds.PixelSpacing = [float(side) * 256 / 200 for side in ds.PixelSpacing]
        ds.PatientID = ANON
        ds.StudyInstanceUID, ds.FrameOfReferenceUID, ds.SeriesInstanceUID = "1.2.3.7", "1.2.3.8", "1.2.3.77"
        if not keep_uids:
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name, "8"])
        ds.save_as(folder / "dicoms" / ANON / path.name)
    for path in (folder / "contourfiles" / "SC-HF-I-1").rglob("*.txt"):
        target = folder / "contourfiles" / "EXPORT-77" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(target, (np.loadtxt(path) - 0.5) * 200 / 256 + 0.5 + rng.normal(0, 0.1, 2), fmt="%.2f")
    with (folder / "link.csv").open("a") as table:
        table.write(f"{ANON},EXPORT-77\n")


def add_cut(folder: Path, off: int) -> None:
    """The contoured images of SCD0000101 under another id without their outer pixels, and their contours."""
    (folder / "dicoms" / ANON).mkdir()
    for path in (folder / "contourfiles" / "SC-HF-I-1").rglob("*.txt"):
        target = folder / "contourfiles" / "EXPORT-77" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(target, np.loadtxt(path) - off, fmt="%.2f")
        number = int(path.name.split("-")[2])
        ds = pydicom.dcmread(folder / "dicoms" / "SCD0000101" / f"{number}.dcm")
        pixels = ds.pixel_array[off:-off, off:-off]
        ds.PatientID = ANON
        ds.StudyInstanceUID, ds.FrameOfReferenceUID, ds.SeriesInstanceUID = "1.2.3.7", "1.2.3.8", "1.2.3.77"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name, "cut"])
        ds.Rows, ds.Columns, ds.PixelData = *pixels.shape, np.ascontiguousarray(pixels).tobytes()
        ds.save_as(folder / "dicoms" / ANON / f"{number}.dcm")
    with (folder / "link.csv").open("a") as table:
        table.write(f"{ANON},EXPORT-77\n")


def without_nine(findings: list[Finding]) -> list[Finding]:
    """Errors but for SCD0000501's."""
    return [f for f in findings if f.severity is Severity.ERROR and f.patient_id != "SCD0000501"]


def contours(folder: Path, *originals: str) -> set[str]:
    """Paths of contour files."""
    paths = (path for original in originals for path in (folder / "contourfiles" / original).rglob("*.txt"))
    return {path.relative_to(folder).as_posix() for path in paths}


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # the real UIDs have leading zeros
@pytest.mark.parametrize("new_uids", [False, True])
def test_one_patient_under_two_ids(real: Path, final_data: Path, tmp_path: Path, new_uids: bool) -> None:
    """One line names both, neither patient's contours stay, a person's `keep` does; only the new one is looked at."""
    base = tmp_path / "here"
    shutil.copytree(real, base)
    folder = linked(final_data, base)
    images = len(list((folder / "dicoms" / "SCD0000101").iterdir()))
    add_twice(folder, new_uids)
    assert check(folder, base).done == 1
    told, *others = without_nine(found(base))
    one_study = [] if new_uids else [(Code.STUDY_IN_TWO_PATIENTS, name) for name in (ANON, "SCD0000101")]
    assert [(f.code, f.patient_id) for f in others] == one_study
    assert (told.code, told.patient_id) == (Code.IMAGE_IN_TWO_PATIENTS, ANON)
    assert told.message.startswith(f"{ANON} and SCD0000101 share {images} images: {images} with equal pixels")
    assert told.evidence["one_instance"] == (0 if new_uids else images)
    names = contours(folder, "SC-HF-I-1", "EXPORT-77")
    rows = [row for row in read_quarantine(base / "quarantine.csv") if row.why == Code.IMAGE_IN_TWO_PATIENTS]
    assert {row.name for row in rows} == names
    assert {(row.what, row.by) for row in rows} == {("contour", RULE)}
    nine = [f for f in found(base) if f.patient_id == "SCD0000501" and f.severity is Severity.ERROR]
    assert {f.code for f in nine} == {Code.CONTOUR_COPIED}
    assert len(nine) == 9
    kept = [replace(row, by="reader", keep=True) for row in rows if row.name.startswith("contourfiles/SC-HF-I-1/")]
    write_quarantine(base / "quarantine.csv", [*read_quarantine(base / "quarantine.csv"), *kept])
    assert check(folder, base).done == 0
    assert names & left_out(read_quarantine(base / "quarantine.csv")).rows.keys() == contours(folder, "EXPORT-77")
    params = ValidateParams(quarantine=(Code.CONTOUR_COPIED,))
    check(folder, base, params=params)
    assert not names & left_out(read_quarantine(base / "quarantine.csv")).rows.keys()
    shutil.rmtree(folder / "dicoms" / ANON)
    shutil.rmtree(folder / "contourfiles" / "EXPORT-77")
    shutil.copyfile(final_data / "link.csv", folder / "link.csv")
    check(folder, base)
    assert [f for f in found(base) if f.code is not Code.CONTOUR_COPIED] == [
        f for f in found(real) if f.code is not Code.CONTOUR_COPIED
    ]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("keep_uids", [False, True])
def test_one_patient_exported_with_other_pixels(real: Path, final_data: Path, tmp_path: Path, keep_uids: bool) -> None:
    """Not a byte is equal, the pictures are: both are told and left out, until a person keeps one or removes one."""
    base = tmp_path / "here"
    shutil.copytree(real, base)
    folder = linked(final_data, base)
    export_again(folder, np.random.default_rng(3), keep_uids=keep_uids)
    check(folder, base)
    errors = without_nine(found(base))
    told = [f for f in errors if f.code is Code.PATIENTS_ALIKE]
    assert [f.code for f in errors if f not in told] == [Code.INSTANCE_IN_TWO_PATIENTS] * keep_uids
    assert [(f.code, f.patient_id, f.evidence["other_patient"]) for f in told] == [
        (Code.PATIENTS_ALIKE, ANON, "SCD0000101"),
        (Code.PATIENTS_ALIKE, "SCD0000101", ANON),
    ]
    assert min(float(str(f.evidence["agreement"])) for f in told) > 0.95
    rows = [row for row in read_quarantine(base / "quarantine.csv") if row.why == Code.PATIENTS_ALIKE]
    assert {(row.what, row.name) for row in rows} == {("patient", ANON), ("patient", "SCD0000101")}
    kept = next(replace(row, by="reader", keep=True) for row in rows if row.name == "SCD0000101")
    write_quarantine(base / "quarantine.csv", [*read_quarantine(base / "quarantine.csv"), kept])
    check(folder, base)
    assert {ANON} == left_out(read_quarantine(base / "quarantine.csv")).rows.keys() & {ANON, "SCD0000101"}


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_one_patient_with_cut_images(real: Path, final_data: Path, tmp_path: Path) -> None:
    """Neither pixels nor pictures are equal; the contours are one another's, moved: all are left out in both."""
    base = tmp_path / "here"
    shutil.copytree(real, base)
    folder = linked(final_data, base)
    add_cut(folder, 8)
    check(folder, base)
    errors = without_nine(found(base))
    assert {(f.code, f.patient_id) for f in errors} == {
        (Code.CONTOUR_COPIED, ANON),
        (Code.CONTOUR_COPIED, "SCD0000101"),
    }
    names = contours(folder, "SC-HF-I-1", "EXPORT-77")
    assert {f.path for f in errors} == names & left_out(read_quarantine(base / "quarantine.csv")).rows.keys() == names
    endo = [f for f in errors if "i-contours" in f.path]
    assert len(endo) == 36
    assert all("They seem to be one person under two ids" in f.message for f in endo)
    assert {(f.patient_id, f.evidence["moved_x"]) for f in endo} == {(ANON, -8.0), ("SCD0000101", 8.0)}


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_one_equal_image_does_not_hide_the_others(real: Path, final_data: Path, tmp_path: Path) -> None:
    """An uncontoured one, whose finding leaves nothing out."""
    base = tmp_path / "here"
    shutil.copytree(real, base)
    folder = linked(final_data, base)
    export_again(folder, np.random.default_rng(3), keep_uids=False, as_it_is="1.dcm")
    check(folder, base)
    codes = {f.code for f in without_nine(found(base))}
    assert {Code.PATIENTS_ALIKE, Code.IMAGE_IN_TWO_PATIENTS} <= codes
    assert {ANON, "SCD0000101"} <= left_out(read_quarantine(base / "quarantine.csv")).rows.keys()


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_patient_split_in_two(real: Path, final_data: Path, tmp_path: Path) -> None:
    """The last slices, with their contours, in a folder of another id: both are left out."""
    base = tmp_path / "here"
    shutil.copytree(real, base)
    folder = linked(final_data, base)
    (folder / "dicoms" / "SCD0000201").unlink()
    for path in sorted((final_data / "dicoms" / "SCD0000201").iterdir()):
        name = ANON if int(path.stem) > 140 else "SCD0000201"
        (folder / "dicoms" / name).mkdir(exist_ok=True)
        ds = pydicom.dcmread(path)
        ds.PatientID = name
        ds.save_as(folder / "dicoms" / name / path.name)
    for path in sorted((folder / "contourfiles" / "SC-HF-I-2").glob("*/*.txt")):
        if int(path.name.split("-")[2]) > 140:
            (folder / "contourfiles" / ANON / path.parent.name).mkdir(parents=True, exist_ok=True)
            path.rename(folder / "contourfiles" / ANON / path.parent.name / path.name)
    with (folder / "link.csv").open("a") as table:
        table.write(f"{ANON},{ANON}\n")
    check(folder, base)
    told = without_nine(found(base))
    assert [(f.code, f.patient_id) for f in told] == [(Code.STUDY_IN_TWO_PATIENTS, p) for p in (ANON, "SCD0000201")]
    assert told[0].message.startswith(f"{ANON} and SCD0000201 seem to be one person: 120 of 120 images here and 140 of")
    assert {ANON, "SCD0000201"} <= left_out(read_quarantine(base / "quarantine.csv")).rows.keys()


def test_some_images_of_another_patient(real: Path, final_data: Path, tmp_path: Path) -> None:
    """Three uncontoured images with another patient's pixels: told with their number; no contour is left out."""
    base = tmp_path / "here"
    shutil.copytree(real, base)
    folder = linked(final_data, base)
    own = folder / "dicoms" / "SCD0000201"
    own.unlink()
    copied(final_data / "dicoms" / "SCD0000201", own)
    drawn = {int(name.split("-")[-3]) for name in contours(folder, "SC-HF-I-2", "SC-HF-I-4")}
    free = [n for n in range(1, 200) if n not in drawn][:3]
    for number in free:
        ds = pydicom.dcmread(own / f"{number}.dcm")
        ds.PixelData = pydicom.dcmread(folder / "dicoms" / "SCD0000301" / f"{number}.dcm").PixelData
        ds.save_as(own / f"{number}.dcm")
    check(folder, base)
    (told,) = [f for f in without_nine(found(base)) if f.code is not Code.SIZE_CHANGES]
    assert (told.code, told.patient_id) == (Code.IMAGE_IN_TWO_PATIENTS, "SCD0000201")
    assert told.message.startswith("SCD0000201 and SCD0000301 share 3 images: 3 with equal pixels, 0 with one")
    assert all(row.why != Code.IMAGE_IN_TWO_PATIENTS for row in read_quarantine(base / "quarantine.csv"))


def test_all_real_patients_in_one_set_share_nothing(shared_data: Path, tmp_path: Path) -> None:
    """The 30 patients beside one another: no image in two of them."""
    folder = linked(shared_data / "final_data", tmp_path)
    for path in (shared_data / "more_patients" / "dicoms").iterdir():
        (folder / "dicoms" / path.name).symlink_to(path)
    for path in (shared_data / "more_patients" / "contourfiles").iterdir():
        (folder / "contourfiles" / path.name).symlink_to(path)
    with (folder / "link.csv").open("a") as table:
        table.writelines((shared_data / "more_patients" / "link.csv").read_text().splitlines(keepends=True)[1:])
    assert check(folder, tmp_path, workers=2).done == 30
    errors = [(f.code, f.patient_id) for f in found(tmp_path) if f.severity is Severity.ERROR]
    assert set(errors) == {(Code.CONTOUR_COPIED, "SCD0000501"), (Code.CONTOUR_MISFIT, "SCD0004001")}
    assert len(errors) == 10


@pytest.mark.parametrize("closed", [False, True])
def test_the_nine_copies_are_told_however_they_are_written(
    real: Path, final_data: Path, tmp_path: Path, closed: bool
) -> None:
    """SCD0000501's foreign epicardia with another start and the other way round are the same nine copies."""
    base = tmp_path / "here"
    shutil.copytree(real, base)
    folder = linked(final_data, base)
    rng = np.random.default_rng(5)
    for path in sorted((folder / "contourfiles" / "SC-HF-I-6" / "o-contours").iterdir()):
        write_contour(path, path, rng)
        if not closed:
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert check(folder, base).done == 1
    before, after = ([f for f in found(at) if f.severity is Severity.ERROR] for at in (real, base))
    places = [[(f.code, f.path, f.evidence["original"]) for f in some] for some in (after, before)]
    assert places[0] == places[1]
    assert len(after) == 9
    assert all("The points start elsewhere or run the other way" in f.message for f in after)
    assert not any("start elsewhere" in f.message for f in before)
