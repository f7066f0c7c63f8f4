"""summary.csv and link.csv."""

import fcntl
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from cmrpipe.clinical import ClinicalValues
from cmrpipe.csvfile import write_rows
from cmrpipe.errors import BusyError, InputError
from cmrpipe.predict.judge import Judged
from cmrpipe.predict.patient import Prediction
from cmrpipe.predict.tables import Row, Tables, lock_file, row_of


def row(patient: str, images: int = 3) -> Row:
    """Of a patient of whom little is known."""
    return Row(patient, images, 0, None, None, (None, 1.5, None, None, None, None), 0, "a, b")


def folder(out: Path, *patients: str) -> None:
    """What predict leaves of patients."""
    for patient in patients:
        (out / "patients" / patient).mkdir(parents=True, exist_ok=True)
        (out / "contourfiles" / patient).mkdir(parents=True, exist_ok=True)


def test_patients_of_earlier_runs_keep_their_rows(tmp_path: Path) -> None:
    """Those predicted anew get another; those whose folder is gone lose theirs; a refused one is not linked."""
    folder(tmp_path, "A", "B", "C", "D")
    Tables(tmp_path).write([row("A"), row("B"), row("C")])
    (tmp_path / "patients" / "C").rmdir()
    (tmp_path / "contourfiles" / "C").rmdir()
    Tables(tmp_path).write([row("D"), row("B", images=0)])
    summary = (tmp_path / "summary.csv").read_text().splitlines()
    assert summary[1:] == [f'{name},{n},0,,,,1.500000,,,,,0,"a, b"' for name, n in (("A", 3), ("B", 0), ("D", 3))]
    assert (tmp_path / "link.csv").read_text() == "patient_id,original_id\nA,A\nD,D\n"


def test_runs_at_the_same_time_keep_each_other_s_rows(tmp_path: Path) -> None:
    """Neither began with the other's rows there; the later of two about one patient counts, in one table at a time."""
    folder(tmp_path, "A", "B", "C", "D")
    one, other = Tables(tmp_path), Tables(tmp_path)
    one.write([row("A")])
    other.write([row("B"), row("C")])
    one.write([row("D"), row("C", images=7)])
    summary = (tmp_path / "summary.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in summary[1:]] == [["A", "3"], ["B", "3"], ["C", "7"], ["D", "3"]]
    assert (tmp_path / "link.csv").read_text() == "patient_id,original_id\nA,A\nB,B\nC,C\nD,D\n"


def test_no_row_is_lost_between_reading_and_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run comes when one has read the tables and not yet written them: it waits."""
    folder(tmp_path, "A", "B")
    one, other = Tables(tmp_path), Tables(tmp_path)
    late = threading.Thread(target=other.write, args=([row("B")],))

    def write_late(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
        monkeypatch.undo()
        late.start()
        late.join(0.5)
        write_rows(path, columns, rows)

    monkeypatch.setattr("cmrpipe.predict.tables.write_rows", write_late)
    one.write([row("A")])
    late.join()
    summary = (tmp_path / "summary.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in summary[1:]] == ["A", "B"]
    assert (tmp_path / "link.csv").read_text() == "patient_id,original_id\nA,A\nB,B\n"


def test_a_lock_file_left_behind_stops_nobody(tmp_path: Path) -> None:
    """Who was killed holds nothing; who lives is waited for."""
    folder(tmp_path, "A")
    lock_file(tmp_path).write_text("process 1\n")
    Tables(tmp_path).write([row("A")])
    with lock_file(tmp_path).open("a+") as other, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(other, fcntl.LOCK_EX)
        patch.setenv("CMRPIPE_LOCK_TIMEOUT", "0")
        with pytest.raises(BusyError):
            Tables(tmp_path).write([row("A", images=0)])
    assert (tmp_path / "summary.csv").read_text().splitlines()[1].startswith("A,3,")


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("summary.csv", "my,own\n1,2\n", "is not a table that this version of predict wrote"),
        ("link.csv", "patient_id,original_id\nA\n", "is not a table that this version of predict wrote"),
        ("link.csv", "original_id,patient_id\nA,A\n", "is not a table that this version of predict wrote"),
        ("link.csv", "", "is not a table that this version of predict wrote"),
        ("link.csv", "patient_id,original_id\nA,SC-HF-I-1\n", "links A to another name"),
        ("link.csv", 'patient_id,original_id\n"A,A\n', "cannot be read"),
        ("link.csv", "patient_id,original_id\n\xc5,\xc5\n", "cannot be read"),
    ],
)
def test_tables_of_somebody_else_are_not_overwritten(tmp_path: Path, name: str, text: str, cause: str) -> None:
    """The expert's link table of a data set, say; the message says what to do."""
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=f"{name}: {cause}.*--output"):
        Tables(tmp_path)
    assert (tmp_path / name).read_text(encoding="latin-1") == text


def test_a_folder_in_the_place_of_a_table_is_told(tmp_path: Path) -> None:
    """Before anything is predicted."""
    (tmp_path / "summary.csv").mkdir()
    with pytest.raises(InputError, match=r"summary\.csv: cannot be read"):
        Tables(tmp_path)


def test_a_reason_is_one_line() -> None:
    """Whatever a library's message looks like."""
    found = Prediction("A", Judged((), (), (), (), ""), ClinicalValues("A", reason="no contours"))
    told = row_of(found, ["no Segmentation of ED: refused\n\tby its maker"]).reason
    assert told == "no volumes: no contours; no Segmentation of ED: refused by its maker"
