"""The command into a folder that holds something: what is no longer so goes, and nothing else is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cmrpipe.errors import ArchiveError
from cmrpipe.incremental.folders import replacing
from cmrpipe.predict.tables import lock_file
from tests.bound import bound
from tests.killing import killed
from tests.predict.runs import PHANTOMS, broken, everything, run, summary


def test_a_second_run_into_the_same_folder_leaves_nothing_that_is_no_longer_so(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """Patients predicted earlier stay in the tables; one that is refused now loses the contours of the first run."""
    out = tmp_path / "out"
    assert run(source / PHANTOMS[0], out, model)[0] == 0
    assert run(source / PHANTOMS[1], out, model)[0] == 0
    assert list(summary(out)) == list(PHANTOMS)
    assert (out / "link.csv").read_text().splitlines()[1:] == [f"{name},{name}" for name in PHANTOMS]
    for path in (source / PHANTOMS[0]).glob("*.dcm"):
        path.write_bytes(b"gone")
    assert run(source / PHANTOMS[0], out, model)[0] == 1
    assert (out / "link.csv").read_text().splitlines()[1:] == [f"{PHANTOMS[1]},{PHANTOMS[1]}"]
    assert not (out / "contourfiles" / PHANTOMS[0]).exists()
    assert not (out / "patients" / PHANTOMS[0] / "labels.npy").exists()
    reason = json.loads((out / "patients" / PHANTOMS[0] / "result.json").read_text())["reason"]
    assert reason.startswith("none of its 40 files can be judged")
    assert summary(out)[PHANTOMS[0]]["reason"] == reason


def test_another_studys_result_is_not_replaced(source: Path, model: Path, tmp_path: Path) -> None:
    """Two patients whose folders are called alike: the first one's stays, a refusal, too, and the mend is told."""
    out, folders = tmp_path / "out", [tmp_path / name / "BASELINE" for name in "ab"]
    for folder, name in zip(folders, PHANTOMS, strict=True):
        folder.mkdir(parents=True)
        shutil.copy(source / name / "7.dcm", folder)
    cause = f"{out / 'patients' / 'BASELINE'} is of another study. Give another --output"
    assert cause not in run(folders[0], out, model)[1]
    before = everything(out)
    code, told = run(folders[1], out, model)
    assert (code, cause in told, everything(out)) == (1, True, before)
    assert cause not in run(folders[0], out, model)[1]
    told_of = json.loads((out / "patients" / "BASELINE" / "result.json").read_text())
    assert len(told_of["study_sha256"]) == 64


@pytest.mark.parametrize("place", ["contourfiles/{}/i-contours/IM-0001-0001-icontour-manual.txt", "patients/{}/x.txt"])
def test_what_predict_did_not_write_is_never_replaced(source: Path, model: Path, tmp_path: Path, place: str) -> None:
    """A data set whose contours are called as its patients, given as the output: nothing in it is touched."""
    mine = tmp_path / "out" / place.format(PHANTOMS[1])
    mine.parent.mkdir(parents=True)
    mine.write_text("1 1\n2 1\n2 2\n")
    (tmp_path / "out" / "link.csv").write_text(f"patient_id,original_id\n{PHANTOMS[1]},{PHANTOMS[1]}\n")
    code, told = run(source, tmp_path / "out", model, "--overlays")
    assert code == 2
    assert "would be replaced, and predict did not write it" in told
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == sorted(
        [mine.name, "link.csv"]
    )


def test_a_disk_that_fills_up_ends_the_run_and_costs_no_earlier_result(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that takes a part of the labels and no more: the error says so; what was there stays to the byte."""
    out = tmp_path / "out"
    assert run(source / PHANTOMS[0], out, model)[0] == 0
    before = everything(out)

    def full(path: Path, data: bytes) -> int:
        if path.name.endswith("labels.npy"):
            with path.open("wb") as stream:
                stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        with path.open("wb") as stream:
            return stream.write(data)

    monkeypatch.setattr(Path, "write_bytes", full)
    code, told = run(source / PHANTOMS[0], out, model)
    assert code == 2
    assert "the disk is full" in told.replace("\n", " ")
    assert everything(out) == before


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
    assert run(source / PHANTOMS[0], out, model)[0] == 0
    before = everything(out)
    failed = []

    def fail(*_: object) -> None:
        failed.append(1)
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(where, fail)
    code, told = run(source, out, model)
    assert (code, len(failed)) == (1, 1)
    after = everything(out)
    mine = [name for name in before if PHANTOMS[0] in name]
    assert len(mine) > 10
    if isinstance(error, ArchiveError) and where.endswith("predict_patient"):  # that is a judgement: a refusal
        assert f"{PHANTOMS[0]}: 0 images; 40 images refused (see refused.csv); {words}\n" in told
        assert not (out / "contourfiles" / PHANTOMS[0]).exists()
    else:
        assert f"{PHANTOMS[0]}: 0 images; {words}; what an earlier run found stays\n" in told
        assert {name: after[name] for name in mine} == {name: before[name] for name in mine}
        assert summary(out)[PHANTOMS[0]]["images"] == "40"
        assert f"{PHANTOMS[0]},{PHANTOMS[0]}" in (out / "link.csv").read_text()
    assert summary(out)[PHANTOMS[1]]["images"] == "40"


def test_what_a_killed_run_set_aside_is_back_before_a_patient_is_judged(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that one who cannot be judged this time keeps it."""
    out, places = tmp_path / "out", [tmp_path / "out" / kind / PHANTOMS[0] for kind in ("patients", "contourfiles")]
    assert run(source / PHANTOMS[0], out, model)[0] == 0
    before = everything(out)

    def replace_both() -> None:
        with replacing(lock_file(out), *places) as folders:
            for folder in folders:
                (folder / "new").touch()

    assert killed(replace_both, 2, ("rename",))
    assert not places[0].exists()

    monkeypatch.setattr("cmrpipe.predict.run.predict_patient", broken(errno.EIO, "broken"))
    code, told = run(source / PHANTOMS[0], out, model)
    assert (code, "what an earlier run found stays" in told) == (1, True)
    assert everything(out) == before


def test_a_share_that_is_gone_costs_no_earlier_result(
    source: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that the system cannot read are no judgement of the patient."""
    out = tmp_path / "out"
    assert run(source / PHANTOMS[0], out, model)[0] == 0
    before = everything(out)
    monkeypatch.setattr("cmrpipe.predict.source.read_below", broken(errno.ESTALE, "Stale file handle"))
    code, told = run(source / PHANTOMS[0], out, model)
    assert code == 1
    assert "Stale file handle" in told
    assert "what an earlier run found stays" in told
    assert {name: data for name, data in everything(out).items() if name in before} == before


def test_a_folder_that_cannot_be_looked_into_costs_neither_others_nor_an_earlier_result(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """A patient's folder of another owner: told, exit code 1; who is readable is judged."""
    out = tmp_path / "out"
    assert run(source / PHANTOMS[0], out, model)[0] == 0
    before = everything(out)
    (source / PHANTOMS[0]).chmod(0o000)
    try:
        command = [*bound(), sys.executable, "-m", "cmrpipe", "predict", str(source), "-o", str(out)]
        done = subprocess.run([*command, "--model", str(model)], capture_output=True, text=True, check=False)
    finally:
        (source / PHANTOMS[0]).chmod(0o755)
    assert done.returncode == 1, done.stderr
    cause = f"{source / PHANTOMS[0]}: cannot be read (Permission denied). Check the disk and its permissions"
    assert f"{PHANTOMS[0]}: 0 images; {cause}; what an earlier run found stays\n" in done.stdout
    assert summary(out)[PHANTOMS[1]]["images"] == "40"
    mine = {name: data for name, data in before.items() if PHANTOMS[0] in name}
    assert {name: data for name, data in everything(out).items() if name in mine} == mine
