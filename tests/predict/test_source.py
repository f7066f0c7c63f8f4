"""Patients in folders of any make."""

import shutil
from pathlib import Path

import pytest

from cmrpipe.archives import pack
from cmrpipe.errors import ArchiveError, LayoutError
from cmrpipe.predict.source import find_patients


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


def test_stray_files_are_passed_over_and_nothing_is_refused(tmp_path: Path) -> None:
    """A folder that is not there, an empty one, one with editors' leftovers."""
    with pytest.raises(LayoutError, match="is not a folder"):
        find_patients(tmp_path / "none")
    (tmp_path / ".DS_Store").write_text("")
    with pytest.raises(LayoutError, match="holds no files"):
        find_patients(tmp_path)


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
