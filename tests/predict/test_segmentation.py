"""DICOM Segmentations that others read."""

import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import highdicom
import pydicom
import pytest

from cmrpipe.model import Label, Phase
from cmrpipe.predict.output import Options, write_patient
from cmrpipe.predict.patient import Prediction
from cmrpipe.predict.segmentation import write_segmentation
from cmrpipe.slices import slice_gap_mm
from tests.conftest import missing
from tests.predict.oracle import FRAMES, PATIENT, folder_of


def check_standard(path: Path) -> None:
    """By dciodvfy, the independent checker of Debian's dicom3tools."""
    if shutil.which("dciodvfy") is None:
        missing("dciodvfy", "install dicom3tools")
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (told.stdout + told.stderr).splitlines()
    assert "Segmentation" in lines
    assert not [line for line in lines if line.startswith(("Error", "Abort"))]


@pytest.mark.parametrize("phase", [Phase.ED, Phase.ES])
def test_a_segmentation_is_read_back_pixel_for_pixel(
    small_phantom: Path, out: Path, found: Prediction, phase: Phase
) -> None:
    """By highdicom, addressed by source image; its segments are named and coded."""
    made = highdicom.seg.segread(out / "patients" / PATIENT / f"seg_{phase.value}.dcm")
    root = folder_of(small_phantom, PATIENT).root
    names = (
        {d.segment_label: d for d in made.segment_descriptions if hasattr(d, "segment_label")}
        if hasattr(made, "segment_descriptions")
        else {made.get_segment_description(n).segment_label: made.get_segment_description(n) for n in (1, 2)}
    )
    assert set(names) == {"LV cavity", "LV myocardium"}
    assert names["LV myocardium"].segmented_property_type.value == "49848007"
    chosen = [(i, item) for i, item in enumerate(found.seen) if item.phase is phase and item.drawing.endo is not None]
    uids = [item.record.sop_uid for _, item in chosen]
    read = made.get_pixels_by_source_instance(uids, combine_segments=True, skip_overlap_checks=True)
    assert (read == found.labels()[[i for i, _ in chosen]]).all()
    sources = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in root.glob("*.dcm")}
    assert {ref.ReferencedSOPInstanceUID for ref in made.SourceImageSequence} <= sources


@pytest.mark.parametrize("phase", [Phase.ED, Phase.ES])
def test_dciodvfy_finds_no_error_in_a_segmentation(out: Path, phase: Phase) -> None:
    """Nor what others would stumble over."""
    check_standard(out / "patients" / PATIENT / f"seg_{phase.value}.dcm")


def _changed(source: Path, folder: Path, change: Callable[[pydicom.Dataset, int], None]) -> Path:
    """A copy of the patient's images; `change` gets each with the number of its slice."""
    for path in sorted((source / "dicoms" / PATIENT).glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        change(dataset, (int(path.stem) - 1) // FRAMES)
        folder.mkdir(parents=True, exist_ok=True)
        dataset.save_as(folder / path.name)
    return folder


def _segmented(root: Path, found: Prediction, path: Path) -> str:
    return write_segmentation(path, found, found.labels(), Phase.ED, root, "0" * 64)


def test_the_same_prediction_is_the_same_file_and_another_has_other_uids(
    small_phantom: Path, found: Prediction, out: Path, tmp_path: Path
) -> None:
    """Whenever it is made; no two objects of different pixels, model or images have one SOPInstanceUID."""
    root, (first, second) = folder_of(small_phantom, PATIENT).root, (tmp_path / "1.dcm", tmp_path / "2.dcm")
    assert _segmented(root, found, first) == ""
    assert first.read_bytes() == (out / "patients" / PATIENT / "seg_ED.dcm").read_bytes()
    labels = found.labels()
    labels[next(i for i, item in enumerate(found.seen) if item.phase is Phase.ED and labels[i].any())] = 0
    assert write_segmentation(second, found, labels, Phase.ED, root, "0" * 64) == ""
    ours = pydicom.dcmread(first)
    of_model, of_images = tmp_path / "3.dcm", tmp_path / "4.dcm"
    assert write_segmentation(of_model, found, found.labels(), Phase.ED, root, "1" * 64) == ""

    def copied(dataset: pydicom.Dataset, _: int) -> None:
        uid = pydicom.uid.UID(f"{dataset.SOPInstanceUID}.1")
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid

    assert _segmented(_changed(small_phantom, tmp_path / "in", copied), found, of_images) == ""
    others = [pydicom.dcmread(path) for path in (second, of_model, of_images)]
    assert len({made.SOPInstanceUID for made in (ours, *others)}) == 4
    assert len({made.SeriesInstanceUID for made in (ours, *others)}) == 4
    at_end_systole = pydicom.dcmread(out / "patients" / PATIENT / "seg_ES.dcm")
    assert len({made.SeriesNumber for made in (ours, at_end_systole)}) == 2
    assert (ours.ContentDate, ours.ContentTime) == ("20000101", "000000")


def test_names_in_sets_that_change_within_a_text_are_written_as_unicode(
    small_phantom: Path, found: Prediction, tmp_path: Path
) -> None:
    """As Japanese scanners write them, which is by the standard."""

    def name(dataset: pydicom.Dataset, _: int) -> None:
        dataset.SpecificCharacterSet, dataset.PatientName = ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"

    assert _segmented(_changed(small_phantom, tmp_path / "in", name), found, tmp_path / "seg.dcm") == ""
    made = pydicom.dcmread(tmp_path / "seg.dcm")
    assert (made.SpecificCharacterSet, str(made.PatientName)) == ("ISO_IR 192", "Yamada^Tarou=山田^太郎")


@pytest.mark.parametrize("step", [1e-6, 1e-3])
def test_orientations_that_differ_by_rounding_are_one(
    small_phantom: Path, found: Prediction, tmp_path: Path, step: float
) -> None:
    """As scanners write them: a millionth here or there; a thousandth is another orientation."""

    def turn(dataset: pydicom.Dataset, slice_index: int) -> None:
        if slice_index % 2:
            first, *others = dataset.ImageOrientationPatient
            dataset.ImageOrientationPatient = [float(first) + step, *others]

    told = _segmented(_changed(small_phantom, tmp_path / "in", turn), found, tmp_path / "seg.dcm")
    assert ("differ in ImageOrientationPatient" in told, (tmp_path / "seg.dcm").is_file()) == (step > 1e-4, step < 1e-4)


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("separate", [False, True])
def test_what_anonymising_did_to_headers_keeps_no_segmentation_away(
    small_phantom: Path, found: Prediction, tmp_path: Path, separate: bool, gone: bool
) -> None:
    """Dates and names that are gone or are none, no thickness, a frame of reference for each image.

    Slices are as thick then as they lie apart.
    """

    def anonymise(dataset: pydicom.Dataset, slice_index: int) -> None:
        for keyword in ("StudyTime", "AccessionNumber", "PatientSex", "SliceThickness"):
            dataset.pop(keyword, None)
        if not gone:
            dataset.SliceThickness = ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset.StudyDate = "19XX0101"
        dataset.FrameOfReferenceUID = f"{dataset.SOPInstanceUID}.1"
        if separate:
            dataset.SeriesInstanceUID = f"1.2.{slice_index + 1}"

    assert _segmented(_changed(small_phantom, tmp_path / "in", anonymise), found, tmp_path / "seg.dcm") == ""
    made = pydicom.dcmread(tmp_path / "seg.dcm")
    assert (made.StudyDate, made.StudyTime, made.AccessionNumber) == ("", "", "")
    (measures,) = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert measures.SliceThickness == pytest.approx(slice_gap_mm(found.judged.stack))
    check_standard(tmp_path / "seg.dcm")


def test_of_labels_that_are_not_there_is_no_segment(small_phantom: Path, found: Prediction, tmp_path: Path) -> None:
    """Without a wall there is one segment, and without anything no object."""
    root, labels = folder_of(small_phantom, PATIENT).root, found.labels()
    labels[labels == Label.MYOCARDIUM] = 0
    assert write_segmentation(tmp_path / "seg.dcm", found, labels, Phase.ED, root, "0" * 64) == ""
    assert [segment.SegmentLabel for segment in pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence] == ["LV cavity"]
    labels[:] = 0
    assert write_segmentation(tmp_path / "no.dcm", found, labels, Phase.ES, root, "0" * 64) == "nothing found at ES"
    assert not (tmp_path / "no.dcm").exists()


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("keyword", ["ImageOrientationPatient", "PixelSpacing"])
def test_masks_never_lie_beside_their_images(
    small_phantom: Path, found: Prediction, tmp_path: Path, keyword: str, separate: bool
) -> None:
    """Where slices differ in turn or spacing there is no Segmentation, in one series or in several, but the reason."""

    def differ(dataset: pydicom.Dataset, slice_index: int) -> None:
        if separate:
            dataset.SeriesInstanceUID = f"1.2.{slice_index + 1}"
        if slice_index >= 2:
            values = [float(value) for value in dataset[keyword].value]
            setattr(dataset, keyword, [*values[3:], *(-v for v in values[:3])] if len(values) == 6 else [2.0, 2.0])

    told = _segmented(_changed(small_phantom, tmp_path / "in", differ), found, tmp_path / "seg.dcm")
    assert f"differ in {keyword}" in told
    assert not (tmp_path / "seg.dcm").exists()


@pytest.mark.parametrize("keyword", ["PixelSpacing", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"])
def test_what_keeps_a_segmentation_away_is_returned(
    small_phantom: Path, found: Prediction, tmp_path: Path, keyword: str
) -> None:
    """For the summary: once, where both phases lack it for the same reason."""

    def without(dataset: pydicom.Dataset, _: int) -> None:
        if keyword == "PixelSpacing":
            dataset.PixelSpacing = [0, 0]
        else:
            del dataset[keyword]

    root = _changed(small_phantom, tmp_path / "in", without)
    told = write_patient(tmp_path / "out", found, root, "0" * 64, Options(1.0, overlays=False))
    assert told == [f"no Segmentation of ED and ES: the images lack {keyword}"]


def test_a_thickness_that_is_no_number_keeps_it_away(small_phantom: Path, found: Prediction, tmp_path: Path) -> None:
    """That is told, and no defect."""
    root = _changed(small_phantom, tmp_path / "in", lambda *_: None)
    for path in root.glob("*.dcm"):
        data = path.read_bytes()
        at = data.index(b"\x18\x00\x50\x00DS") + 8
        path.write_bytes(data[:at] + b"?" + data[at + 1 :])
    assert "break the standard" in _segmented(root, found, tmp_path / "seg.dcm")


def test_frames_name_their_images_where_each_slice_is_a_series(
    small_phantom: Path, found: Prediction, tmp_path: Path
) -> None:
    """Every frame the one image at its own place; and dciodvfy has nothing against it."""

    def part(dataset: pydicom.Dataset, slice_index: int) -> None:
        dataset.SeriesInstanceUID = f"1.2.{slice_index + 1}"

    root = _changed(small_phantom, tmp_path / "in", part)
    assert _segmented(root, found, tmp_path / "seg.dcm") == ""
    place = {d.SOPInstanceUID: d.ImagePositionPatient for d in map(pydicom.dcmread, root.glob("*.dcm"))}
    for frame in pydicom.dcmread(tmp_path / "seg.dcm").PerFrameFunctionalGroupsSequence:
        ((source,),) = (item.SourceImageSequence for item in frame.DerivationImageSequence)
        theirs = place[source.ReferencedSOPInstanceUID]
        assert frame.PlanePositionSequence[0].ImagePositionPatient == pytest.approx(theirs, abs=1e-3)
    check_standard(tmp_path / "seg.dcm")
