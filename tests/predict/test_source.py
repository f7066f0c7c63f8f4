"""Patients in folders of any make."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from cmrpipe.errors import ArchiveError, LayoutError
from cmrpipe.files import FILE_BYTES
from cmrpipe.predict.judge import judge
from cmrpipe.predict.source import find_patients
from cmrpipe.readers.archives import pack
from tests.bound import bound


def names(folder: Path) -> list[str]:
    """Ids of the patients found."""
    return [patient.patient_id for patient in find_patients(folder)]


def test_a_data_set_a_folder_of_patients_and_one_patient(small_phantom: Path) -> None:
    """With dicoms/ above, without, and the patient's own folder."""
    every = ["PHA0000101", "PHA0000201", "PHA0000301"]
    assert names(small_phantom) == names(small_phantom / "dicoms") == every
    assert names(small_phantom / "dicoms" / every[1]) == [every[1]]


def test_series_folders_of_one_patient_are_one_patient(small_phantom: Path, tmp_path: Path) -> None:
    """Their headers name the same one."""
    files = sorted((small_phantom / "dicoms" / "PHA0000101").glob("*.dcm"))
    for i, path in enumerate(files):
        target = tmp_path / "case" / f"series{i % 2}" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (found,) = find_patients(tmp_path / "case")
    assert (found.patient_id, len(found.files)) == ("case", len(files))
    assert {record.path.split("/")[0] for record in found.records()} == {"series0", "series1"}


def test_identifiers_written_anew_for_every_image_cost_nothing(small_phantom: Path, tmp_path: Path) -> None:
    """No patient is refused for as many studies as images; all images are judged as one series'."""
    shutil.copytree(small_phantom / "dicoms" / "PHA0000101", tmp_path / "P")
    for i, path in enumerate(sorted((tmp_path / "P").iterdir())):
        image = pydicom.dcmread(path)
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = (f"1.2.{n}.{i}" for n in "345")
        image.save_as(path)
    (found,) = find_patients(tmp_path / "P")
    judged = judge(found.records(), 20)
    assert (len(judged.stack), judged.refused) == (40, ())


@pytest.mark.parametrize(
    ("layout", "beside"),
    [
        ("CINESAX_0301/{}.dcm", ()),
        ("DICOM/ST0/SE0/{}", ("DICOMDIR", "README.TXT")),
        ("study/sax_5/{}.dcm", ()),
        ("CINESAX/{}.dcm", ("notes/a.txt", "notes/report.pdf", "empty/")),
    ],
)
def test_a_patients_folder_gives_the_patient_its_name_not_its_series(
    small_phantom: Path, tmp_path: Path, layout: str, beside: tuple[str, ...]
) -> None:
    """Each patient's series are called alike, and one would take another's place; folders without images are nobody."""
    for name in ("SCD1", "SCD2"):
        for number in (1, 2):
            target = tmp_path / "in" / name / layout.format(number)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(small_phantom / "dicoms" / "PHA0000101" / f"{number}.dcm", target)
        for other in beside:
            path = tmp_path / "in" / name / other
            (path if other.endswith("/") else path.parent).mkdir(exist_ok=True)
            if not other.endswith("/"):
                path.write_text("not an image")
    assert [names(tmp_path / "in" / name) for name in ("SCD1", "SCD2")] == [["SCD1"], ["SCD2"]]


def test_a_patient_alone_in_a_folder_of_patients_keeps_the_id(small_phantom: Path, tmp_path: Path) -> None:
    """Its folder is called as its PatientID; a folder of unreadable images beside it is somebody, too."""
    shutil.copytree(small_phantom / "dicoms" / "PHA0000101", tmp_path / "in" / "PHA0000101")
    assert names(tmp_path / "in") == ["PHA0000101"]
    shutil.copytree(small_phantom / "dicoms" / "PHA0000201", tmp_path / "in" / "SPOILT")
    for path in (tmp_path / "in" / "SPOILT").iterdir():
        path.write_bytes(b"")
    assert names(tmp_path / "in") == ["PHA0000101", "SPOILT"]


@pytest.fixture
def two(small_phantom: Path, tmp_path: Path) -> Path:
    """A folder of two patients."""
    for name in ("PHA0000101", "PHA0000201"):
        shutil.copytree(small_phantom / "dicoms" / name, tmp_path / "two" / name)
    return tmp_path / "two"


BOTH = ["PHA0000101", "PHA0000201"]


def test_loose_files_that_are_no_images_change_nothing(two: Path) -> None:
    """A readme and a table do not make one patient of two; a loose image does, who is refused for being two."""
    (two / "README.txt").write_text("two patients")
    (two / "list.csv").write_text("a,b\n")
    assert names(two) == BOTH
    shutil.copy(next((two / BOTH[0]).glob("*.dcm")), two / "loose.dcm")
    (found,) = find_patients(two)
    assert found.patient_id == "two"
    with pytest.raises(LayoutError, match=r"of 2 patients: .* differ in PatientID. Give each patient a folder"):
        found.records()


def test_images_beside_patients_in_a_data_set_are_not_passed_over(two: Path, tmp_path: Path) -> None:
    """Below dicoms/ they are one more patient, whose name says where they lie; the others are read as before."""
    two.rename(tmp_path / "dicoms")
    (tmp_path / "dicoms" / "README.txt").write_text("two patients")
    assert names(tmp_path) == BOTH
    shutil.copy(tmp_path / "dicoms" / BOTH[0] / "7.dcm", tmp_path / "dicoms" / "7.dcm")
    assert names(tmp_path) == [*BOTH, "dicoms"]
    assert [record.instance_number for record in find_patients(tmp_path)[2].records() if record.rows] == [7]


def test_what_predict_wrote_is_not_read(two: Path) -> None:
    """Into the folder itself, into one in it, in this run or an earlier one, or with another output now."""
    for out in (two, two / "out", two / BOTH[0] / "out"):
        for name in ("patients/two/result.json", "contourfiles/two/i-contours/1.txt", "link.csv", "summary.csv"):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text("")
    (two / "new").mkdir()
    assert names(two) == [*BOTH, "new"]
    found = find_patients(two, two / "new")
    assert [patient.patient_id for patient in found] == BOTH
    assert [len(patient.files) for patient in found] == [40, 40]


def test_an_empty_folder_among_patients_is_a_patient_without_files(two: Path) -> None:
    """So that nobody is missed without a word."""
    (two / "EMPTY").mkdir()
    assert {patient.patient_id: len(patient.files) for patient in find_patients(two)}["EMPTY"] == 0


def _rename(folder: Path, patient: str, study: str | None = None) -> None:
    for path in folder.rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.PatientID = patient
        dataset.StudyInstanceUID = study or dataset.StudyInstanceUID
        dataset.save_as(path)


def test_the_same_patient_id_in_other_studies_is_another_patient(two: Path) -> None:
    """Whoever takes names away may call everybody the same."""
    for i, name in enumerate(BOTH):
        _rename(two / name, "ANONYMOUS", f"1.2.{i}")
    assert names(two) == BOTH
    _rename(two, "ANONYMOUS", "1.2.3")
    assert names(two) == ["two"]


@pytest.mark.parametrize(("study", "reason"), [("1.2", "2 patients"), ("1.3", "2 patients"), (None, "2 studies")])
def test_a_folder_of_two_patients_or_studies_is_refused(two: Path, study: str | None, reason: str) -> None:
    """Their images cannot be one stack."""
    _rename(two / BOTH[0], "A", "1.2")
    _rename(two / BOTH[1], "A" if study is None else "B", study or "1.3")
    for path in (two / BOTH[1]).iterdir():
        path.rename(two / BOTH[0] / f"x{path.name}")
    (two / BOTH[1]).rmdir()
    (found,) = find_patients(two)
    with pytest.raises(LayoutError, match=reason):
        found.records()


def test_a_localizer_of_another_study_does_not_refuse_the_patient(two: Path) -> None:
    """Its images are told when the patient is judged; of another PatientID, it is somebody else's."""
    for i, path in enumerate(sorted((two / BOTH[1]).glob("*.dcm"))[:2]):
        localizer = pydicom.dcmread(path)
        localizer.PatientID, localizer.StudyInstanceUID = BOTH[0], "1.2"
        localizer.save_as(two / BOTH[0] / f"localizer-{i}.dcm")
    first, _ = find_patients(two)
    records = first.records()
    assert len(records) == 42
    assert {r.study_uid == "1.2" for r in records} == {True, False}


def test_stray_files_are_passed_over_and_nothing_is_refused(tmp_path: Path) -> None:
    """A folder that is not there, an empty one, one with editors' leftovers."""
    with pytest.raises(LayoutError, match="is not a folder"):
        find_patients(tmp_path / "none")
    (tmp_path / ".DS_Store").write_text("")
    with pytest.raises(LayoutError, match="holds no files"):
        find_patients(tmp_path)


def test_a_file_beyond_all_measure_costs_nobody_else(two: Path) -> None:
    """It is not read, wherever it lies, and says why where it is one of a patient's."""
    os.truncate(two / BOTH[0] / "7.dcm", FILE_BYTES + 1)
    shutil.copy(two / BOTH[0] / "8.dcm", two / "loose.iso")
    os.truncate(two / "loose.iso", FILE_BYTES + 1)
    assert names(two) == BOTH
    records = [record for patient in find_patients(two) for record in patient.records()]
    assert [(record.path, "more than any image" in record.error) for record in records if record.error] == [
        ("7.dcm", True)
    ]


def test_a_series_folder_that_is_a_link_is_judged(two: Path, tmp_path: Path) -> None:
    """As one that lies there; a link that leads back is not followed."""
    (two / BOTH[0]).rename(tmp_path / "elsewhere")
    (two / BOTH[0]).mkdir()
    (two / BOTH[0] / "CINESAX").symlink_to(tmp_path / "elsewhere")
    (two / BOTH[1] / "back").symlink_to(two)
    assert [(p.patient_id, len(p.files)) for p in find_patients(two)] == [(name, 40) for name in BOTH]


def test_links_that_lead_nowhere_are_told(two: Path) -> None:
    """As git-annex leaves them: images that cannot be read, not a patient without files."""
    for path in (two / BOTH[0]).iterdir():
        path.unlink()
        path.symlink_to("../../.git/annex/objects/none")
    first, second = find_patients(two)
    assert {record.error for record in first.records()} == {"the file cannot be read (No such file or directory)"}
    assert len(first.records()) == len(second.records()) == 40


def test_archives_are_patients_like_folders(small_phantom: Path, tmp_path: Path) -> None:
    """In a data set, in a folder, or alone; with the same records, strays passed over."""
    dicoms = tmp_path / "set" / "dicoms"
    shutil.copytree(small_phantom / "dicoms", dicoms)
    (dicoms / "PHA0000201" / "Thumbs.db").write_text("")
    expected = [patient.records() for patient in find_patients(tmp_path / "set")]
    for name in ("PHA0000101", "PHA0000201"):
        pack(dicoms / name, dicoms / f"{name}.zip")
        shutil.rmtree(dicoms / name)
    every = ["PHA0000101", "PHA0000201", "PHA0000301"]
    assert names(tmp_path / "set") == names(dicoms) == every
    assert [patient.records() for patient in find_patients(tmp_path / "set")] == expected
    assert names(dicoms / "PHA0000201.zip") == ["PHA0000201"]
    shutil.copytree(small_phantom / "dicoms" / "PHA0000101", dicoms / "PHA0000101")
    with pytest.raises(LayoutError, match="there twice"):
        find_patients(dicoms)


@pytest.mark.parametrize("below", ["", "dicoms"])
def test_other_files_beside_archives_mean_nothing(two: Path, tmp_path: Path, below: str) -> None:
    """A readme does not make one patient of several archives, nor of a single one; an image does, or is one more."""
    base = tmp_path / "zips" / below
    base.mkdir(parents=True)
    for name in BOTH:
        pack(two / name, base / f"{name}.zip")
    (base / "README.txt").write_text("two patients")
    assert names(tmp_path / "zips") == BOTH
    (base / f"{BOTH[1]}.zip").unlink()
    assert names(tmp_path / "zips") == BOTH[:1]
    shutil.copy(two / BOTH[0] / "7.dcm", base / "7.dcm")
    assert names(tmp_path / "zips") == ([BOTH[0], "dicoms"] if below else ["zips"])


def test_archives_may_be_called_in_capitals(two: Path, tmp_path: Path) -> None:
    """Among others, alone, and beside one that is called the same but for its case."""
    folder = tmp_path / "zips"
    folder.mkdir()
    pack(two / BOTH[0], folder / f"{BOTH[0]}.zip")
    pack(two / BOTH[1], folder / f"{BOTH[1]}.ZIP")
    assert names(folder) == BOTH
    (alone,) = find_patients(folder / f"{BOTH[1]}.ZIP")
    assert (alone.patient_id, len(alone.records())) == (BOTH[1], 40)
    assert not any(record.error for record in alone.records())
    shutil.copy(folder / f"{BOTH[1]}.ZIP", folder / f"{BOTH[1]}.zip")
    with pytest.raises(LayoutError, match="there twice"):
        find_patients(folder)


def test_a_damaged_archive_stops_no_other_patient(small_phantom: Path, tmp_path: Path) -> None:
    """It is a patient whose files cannot be had, and says why; a damaged file of one is that file's trouble."""
    for name in ("PHA0000101", "PHA0000201"):
        pack(small_phantom / "dicoms" / name, tmp_path / f"{name}.zip")
    one, two = sorted(tmp_path.iterdir())
    one.write_bytes(one.read_bytes()[:-30])
    data = bytearray(two.read_bytes())
    data[300] ^= 1
    two.write_bytes(data)
    first, second = find_patients(tmp_path)
    with pytest.raises(ArchiveError, match="PHA0000101"):
        first.records()
    records = second.records()
    assert [bool(record.error) for record in records].count(True) == 1
    assert len(records) == 40


LOOK = """
import json, sys
from pathlib import Path
from cmrpipe.predict.source import find_patients
found = find_patients(Path(sys.argv[1]))
print(json.dumps({p.patient_id: [len(p.files), "" if p.shut is None else str(p.shut)] for p in found}))
"""


@pytest.mark.parametrize("shut", [f"{BOTH[1]}", f"{BOTH[1]}/series/deep", f"{BOTH[1]}.zip"])
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_what_cannot_be_looked_into_stops_no_other_patient(two: Path, shut: str, mode: int) -> None:
    """A patient's folder, one in it, an archive: a patient without files, and the cause; the other is whole."""
    if shut.endswith(".zip"):
        pack(two / BOTH[1], two / shut)
        shutil.rmtree(two / BOTH[1])
        mode = 0o000
    else:
        (two / shut).mkdir(parents=True, exist_ok=True)
        (two / shut / "more.dcm").write_text("an image")
    (two / shut).chmod(mode)
    command = [*bound(), sys.executable, "-c", LOOK, str(two)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (two / shut).chmod(0o755)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found[BOTH[0]] == [40, ""]
    assert found[BOTH[1]][0] == 0
    assert shut in found[BOTH[1]][1]
    assert "cannot be read (Permission denied). Check the disk and its permissions" in found[BOTH[1]][1]
