"""Patients in folders of any make."""

import shutil
from pathlib import Path

import pytest

from cmrpipe.errors import LayoutError
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
