"""The table of pathologies and persons."""

from pathlib import Path

import pytest

from cmrpipe.errors import InputError
from cmrpipe.learn.cohort import Cohort, read_cohort


def test_the_table_is_read(tmp_path: Path) -> None:
    """No table says nothing; other columns do not matter; a person without a name is one alone."""
    path = tmp_path / "pathology.csv"
    assert read_cohort(path) == Cohort()
    path.write_text("patient_id,pathology\n")
    assert read_cohort(path) == Cohort()
    path.write_text("\ufeffpatient_id,age,pathology\nA,50,HF-I\nB,61,\n", encoding="utf-8")
    assert read_cohort(path).pathology == {"A": "HF-I", "B": ""}
    assert read_cohort(path).people("BA") == {"A": ("A",), "B": ("B",)}
    path.write_text("person,patient_id,pathology\nann,C,HYP\n,D,\nann,A,HYP\n ,E,\n")
    assert read_cohort(path).people("EDCBA") == {"A": ("A", "C"), "B": ("B",), "D": ("D",), "E": ("E",)}
    assert list(read_cohort(path).people("EDCB")) == ["B", "C", "D", "E"]
    assert read_cohort(path).people("CD") == {"C": ("C",), "D": ("D",)}
    path.write_text("patient_id,pathology,person\n A , HYP, ann\nB,HYP ,ann \n")
    assert read_cohort(path).pathology == {"A": "HYP", "B": "HYP"}
    assert read_cohort(path).people("AB") == {"A": ("A", "B")}
    path.write_text("patient_id,pathology,person\nA,HYP,ann\n,,\n")  # a spreadsheet's empty row
    assert read_cohort(path).people("AB") == {"A": ("A",), "B": ("B",)}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("patient_id\nA\n", "has columns"),
        ("patient_id\nA,1\n", "has columns None, patient_id"),
        ("patient_id,pathology\nA,x\nA,y\n", "twice: A"),
        ('patient_id,pathology\nA,"x\nB,y\n', "cannot be read"),
        ("patient_id,pathology\nA,\xe4\n", "cannot be read"),
        ("pathology,patient_id\nx,A\ny\n", r"cells than columns \(row 2 of patients\)"),
        ("patient_id,pathology\nA,x,1\n", "cells"),
        ("patient_id,pathology,person\nA,x,\nB,y,A\n", "a person's name: A"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str, cause: str) -> None:
    """Without its columns, with a patient twice, or with a name that `forget` could not tell from a patient's."""
    path = tmp_path / "pathology.csv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=cause):
        read_cohort(path)


def test_a_folder_in_the_place_of_the_table_is_told(tmp_path: Path) -> None:
    """It is not taken for no table."""
    with pytest.raises(InputError, match="cannot be read"):
        read_cohort(tmp_path)


def test_a_person_named_after_a_patient_without_a_row_is_refused(tmp_path: Path) -> None:
    """Taken for somebody else, that patient could be judged by a model that has learnt from the other visit."""
    path = tmp_path / "pathology.csv"
    path.write_text("patient_id,pathology,person\nB,,A\n")
    with pytest.raises(InputError, match=r"pathology\.csv: has a patient's id for a person's name: A"):
        read_cohort(path).people("ABC")
    assert read_cohort(path).people("BC") == {"B": ("B",), "C": ("C",)}
