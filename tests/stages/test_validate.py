"""The validate stage: on clean phantoms, and on every fault that the phantom can plant."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.errors import InputError, StaleError
from cmrpipe.findings import (
    CLINICAL_CSV,
    FINDINGS_CSV,
    FINDINGS_JSON,
    MISSING_CSV,
    PIECES,
    from_dict,
    read_report,
)
from cmrpipe.incremental.manifest import shard_of
from cmrpipe.model import Finding
from cmrpipe.params import ValidateParams
from cmrpipe.phantom import FAULTS, Truth, write_phantom
from cmrpipe.phantom.faults import ALL, needed
from cmrpipe.phantom.judge import judge
from cmrpipe.phantom.scene import Grid
from cmrpipe.progress import silent
from cmrpipe.quarantine import left_out, read_quarantine
from cmrpipe.stages.validate import validate
from tests.snapshots import snapshot
from tests.stages.faulty import SEED, SIZE, check, found, plant_in_copy, table, tables


def grave(findings: list[Finding]) -> list[Finding]:
    """Findings of severity error or warning."""
    return [finding for finding in findings if finding.severity is not Severity.INFO]


def test_clean_phantom_has_no_warning(clean: tuple[Path, Truth]) -> None:
    """No error, no warning, nothing in quarantine; the infos say what is not drawn by protocol."""
    base, _ = clean
    assert grave(found(base)) == []
    assert {finding.code for finding in found(base)} == {Code.CONTOUR_NOT_DRAWN}
    assert read_quarantine(base / "quarantine.csv") == []


@pytest.mark.parametrize("frames", [5, 6, 7])
def test_short_cycles_are_clean_too(tmp_path: Path, frames: int) -> None:
    """With few frames a cycle, end-diastole and end-systole are told apart all the same."""
    truth = write_phantom(tmp_path / "set", 1, SEED, slices=5, frames=frames, rows=48, columns=48)
    check(tmp_path / "set", tmp_path)
    assert grave(found(tmp_path)) == []
    (row,) = table(tables(tmp_path) / CLINICAL_CSV)
    assert float(row["ef_pct"]) == pytest.approx(truth.patients[0].ef_pct, rel=0.01)


def test_clinical_values_are_the_phantoms(clean: tuple[Path, Truth]) -> None:
    """Volumes, ejection fraction, output and mass within 0.1 % of the polygons' truth, without a reason."""
    base, truth = clean
    rows = {row["patient_id"]: row for row in table(tables(base) / CLINICAL_CSV)}
    for patient in truth.patients:
        row = rows[patient.patient_id]
        for name in ("edv_ml", "esv_ml", "sv_ml", "ef_pct", "co_l_min", "mass_g"):
            assert float(row[name]) == pytest.approx(getattr(patient, name), rel=1e-3)
        assert row["reason"] == ""


def test_values_over_fewer_slices_than_were_drawn_are_withheld(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """One patient lost the image of its first endocardium, another a slice with all that was drawn in it."""
    base, truth = clean
    shutil.copytree(base / "set", tmp_path / "set")
    first, second = truth.patients[:2]
    number = min(contour.number for contour in first.contours)
    (tmp_path / "set" / "dicoms" / first.patient_id / f"{number}.dcm").unlink()
    lost = [contour for contour in second.contours if contour.position == second.lv_positions[1]]
    for path in (tmp_path / "set" / "dicoms" / second.patient_id).glob("*.dcm"):
        if (int(path.stem) - 1) // SIZE["frames"] == lost[0].position:
            path.unlink()
    for contour in lost:
        (tmp_path / "set" / contour.path).unlink()
    check(tmp_path / "set", tmp_path)
    rows = {row["patient_id"]: row for row in table(tables(tmp_path) / CLINICAL_CSV)}
    for patient, reason in ((first, f"endocardium {number} belongs"), (second, "mm apart, where the stack's lie")):
        row = rows[patient.patient_id]
        assert (row["edv_ml"], row["esv_ml"], row["ef_pct"], row["mass_g"]) == ("", "", "", "")
        assert reason in row["reason"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_and_nothing_else(clean: tuple[Path, Truth], tmp_path: Path, name: str) -> None:
    """Each kind of fault is told with its code at its patient and file; no error or warning has another cause."""
    truth = plant_in_copy(*clean, tmp_path / "base", [name], SEED)
    check(tmp_path / "base" / "set", tmp_path / "base")
    outcome = judge(found(tmp_path / "base"), truth)
    assert outcome.missed == ()
    assert outcome.false == ()


@pytest.mark.slow
def test_all_faults_together_are_told(tmp_path: Path) -> None:
    """No fault hides another, and nothing is told that was not planted."""
    patients = needed([ALL], Grid(**SIZE))
    truth = write_phantom(tmp_path / "set", patients, SEED, **SIZE, faults=[ALL])
    check(tmp_path / "set", tmp_path, workers=2)
    outcome = judge(found(tmp_path), truth)
    assert outcome.missed == ()
    assert outcome.false == ()
    assert len(outcome.told) == len(FAULTS) >= 30


CAUSES = {
    "contour-axes-exchanged": "x and y exchanged",
    "contour-flipped": "left and right exchanged",
    "patient-flipped": "left and right exchanged",
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_of_a_misfit_is_named(clean: tuple[Path, Truth], tmp_path: Path, name: str) -> None:
    """Contours whose coordinates were exchanged are told so, with the fit that they would have; nothing is applied."""
    truth = plant_in_copy(*clean, tmp_path / "base", [name], SEED)
    check(tmp_path / "base" / "set", tmp_path / "base")
    causes = {f.evidence["cause"] for f in found(tmp_path / "base") if f.code is Code.CONTOUR_MISFIT}
    assert causes == {CAUSES[name]}
    told = next(f for f in found(tmp_path / "base") if f.code is Code.CONTOUR_MISFIT)
    assert CAUSES[name] in told.message
    assert told.path in {truth.faults[0].path, f"contourfiles/{truth.patient(told.patient_id).original_id}"}


def test_missing_data_are_told_both_ways(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """A lost image of a contour, a lost contour between drawn ones, and what the protocol leaves out stay apart."""
    base = tmp_path / "base"
    shutil.copytree(clean[0], base)
    patient = clean[1].patients[0]
    drawn = sorted(c.path for c in patient.contours if c.kind.value == "endo" and c.phase.value == "ES")
    image = next(c for c in patient.contours if c.phase.value == "ED" and c.position == patient.lv_positions[2])
    (base / "set" / drawn[1]).unlink()
    (base / "set" / "dicoms" / patient.patient_id / f"{image.number}.dcm").unlink()
    check(base / "set", base)
    rows = [row for row in table(tables(base) / MISSING_CSV) if row["patient_id"] == patient.patient_id]
    told = {(row["what"], row["why"], row["instance_number"]) for row in rows}
    lost = next(c for c in patient.contours if c.path == drawn[1])
    assert ("endo", "hole", str(lost.number)) in told
    assert ("image", "hole", str(image.number)) in told
    assert ("epi", "protocol") in {(what, why) for what, why, _ in told}  # none is drawn at end-systole
    codes = {(f.code, f.instance_number) for f in grave(found(base))}
    assert {(Code.CONTOUR_MISSING, lost.number), (Code.CONTOUR_WITHOUT_IMAGE, image.number)} <= codes


def test_what_has_no_place_in_the_layout_is_told(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """Folders misspelt, tables under other names, archives that lead nowhere, folders named like strays."""
    base = tmp_path / "here"
    shutil.copytree(clean[0], base)
    patient = sorted((base / "set" / "dicoms").iterdir())[0]
    (base / "set" / "links").mkdir()
    for path in ("dicom/X/1.dcm", "link (1).csv", "README.md", "links/A.txt", "dicoms/X.tar.gz", "dicoms/X.part/1.dcm"):
        (base / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (base / "set" / path).write_bytes(b"x")
    (base / "set" / "dicoms" / "Y.zip").symlink_to("nowhere")
    for path in ("patients/X/result.json", "summary.csv"):  # what predict writes
        (base / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (base / "set" / path).write_bytes(b"x")
    (base / "set" / "links" / "B.CSV").write_text(f"patient_id,original_id\n{patient.name},Z-1\n")
    check(base / "set", base)
    told = {f.path: f.message for f in found(base) if f.code is Code.FILES_BESIDE}
    assert told.keys() == {"dicom", "dicoms", "links"}
    assert "(dicom, link (1).csv)" in told["dicom"]
    assert "(X.tar.gz, Y.zip)" in told["dicoms"]
    assert "(A.txt)" in told["links"]
    assert [f.path for f in found(base) if f.code is Code.STRAY_FILES] == ["dicoms"]
    assert [f.path for f in found(base) if f.code is Code.LINK_WITHOUT_CONTOURS] == ["links/B.CSV"]


def test_an_image_that_is_gone_since_ingest_stops_the_stage(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """Checks that could not look at an image are not taken for done."""
    base = tmp_path / "base"
    shutil.copytree(clean[0], base)
    shutil.rmtree(base / "findings")
    drawn = clean[1].patients[0].contours[0]
    image = base / "set" / "dicoms" / clean[1].patients[0].patient_id / f"{drawn.number}.dcm"
    image.rename(tmp_path / "elsewhere")
    places = base / "set", base / "catalog", base / "findings", base / "quarantine.csv"
    with pytest.raises(StaleError, match=f"{image.name}: cannot be read any more"):
        validate(*places, ValidateParams(), listen=silent)
    (tmp_path / "elsewhere").rename(image)
    assert validate(*places, ValidateParams(), listen=silent).findings["error"] == 0


def test_without_link_table_all_is_told(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """No link.csv: the table, every patient and every contour folder are told, and nothing crashes."""
    shutil.copytree(clean[0] / "set", tmp_path / "set")
    (tmp_path / "set" / "link.csv").unlink()
    check(tmp_path / "set", tmp_path)
    codes = Counter(finding.code for finding in found(tmp_path))
    assert codes == {Code.LINK_TABLE_MISSING: 1, Code.PATIENT_WITHOUT_LINK: 4, Code.CONTOURS_WITHOUT_LINK: 4}
    assert {row["reason"] for row in table(tables(tmp_path) / CLINICAL_CSV)} == {"no contours"}


@pytest.mark.parametrize("name", ["01/02/2012", "2012-02-01", "1.00E+05"])
def test_ids_made_dates_are_told_as_such(clean: tuple[Path, Truth], tmp_path: Path, name: str) -> None:
    """What a spreadsheet makes of an id is told as that, slashes or not, at the patient it stands beside."""
    shutil.copytree(clean[0] / "set", tmp_path / "set")
    patient = clean[1].patients[1]
    links = (tmp_path / "set" / "link.csv").read_text().replace(patient.original_id, name)
    (tmp_path / "set" / "link.csv").write_text(links)
    check(tmp_path / "set", tmp_path)
    told = [finding for finding in found(tmp_path) if finding.code is Code.LINK_ID_MANGLED]
    assert [(f.patient_id, f.path) for f in told] == [(patient.patient_id, "link.csv")]
    assert not any(finding.code is Code.LINK_ROW_INVALID for finding in found(tmp_path))


def test_only_changed_patients_are_checked_again(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """A second run does nothing; after a change in one patient the outputs are those of a fresh run."""
    base = tmp_path / "base"
    shutil.copytree(clean[0], base)
    assert check(base / "set", base).done == 0
    shutil.rmtree(base)
    truth = plant_in_copy(*clean, base, ["contour-moved"], SEED)
    assert check(base / "set", base).done == 1
    check(base / "set", tmp_path / "fresh", workers=2)
    assert snapshot(base / "findings") == snapshot(tmp_path / "fresh" / "findings")
    assert any(f.code is truth.faults[0].code for f in found(base))


def test_parameters_decide(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """Thresholds, severities and what is left out follow params.yaml."""
    base = tmp_path / "base"
    truth = plant_in_copy(*clean, base, ["contour-too-wide"], SEED)
    path = truth.faults[0].path
    params = ValidateParams(
        severity={Code.AREA_JUMP: Severity.ERROR}, quarantine=(Code.AREA_JUMP,), fit=-1, fit_suspect=-1
    )
    check(base / "set", base, params=params)
    (told,) = (finding for finding in found(base) if finding.code is Code.AREA_JUMP)
    assert (told.severity, told.path) == (Severity.ERROR, path)
    assert set(left_out(read_quarantine(base / "quarantine.csv")).rows) == {path}
    check(base / "set", base, params=ValidateParams(area_jump=5.0, fit=-1, fit_suspect=-1))
    assert not any(finding.code is Code.AREA_JUMP for finding in found(base))
    assert left_out(read_quarantine(base / "quarantine.csv")).rows == {}


def test_csv_and_json_agree(real: Path) -> None:
    """findings.csv has the rows of findings.json, worst first."""
    rows = table(tables(real) / FINDINGS_CSV)
    findings = found(real)
    assert [(r["severity"], r["code"], r["path"]) for r in rows] == [(f.severity, f.code, f.path) for f in findings]
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), key=list(Severity).index)
    assert [from_dict(value) for value in json.loads((real / "tables" / FINDINGS_JSON).read_bytes())] == findings
    assert len(table(real / "tables" / CLINICAL_CSV)) == 5


def test_one_patients_change_rewrites_its_own_piece(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """Pieces of others keep their bytes; one more patient adds its own, and one that is gone takes it along."""
    base = tmp_path / "base"
    truth = plant_in_copy(*clean, base, ["contour-moved"], SEED)
    before = snapshot(clean[0] / "findings" / PIECES)
    check(base / "set", base)
    after = snapshot(base / "findings" / PIECES)
    own = f"{shard_of(truth.faults[0].patient_id)}.json"
    assert {name for name in before | after if before.get(name) != after.get(name)} == {own}
    patient = clean[1].patients[0]
    shutil.rmtree(base / "set" / "dicoms" / patient.patient_id)
    check(base / "set", base)
    assert patient.patient_id not in {row["patient_id"] for row in read_report(base / "findings").clinical}
    check(base / "set", tmp_path / "fresh")
    assert snapshot(base / "findings") == snapshot(tmp_path / "fresh" / "findings")


def test_damaged_pieces_are_told_and_made_again(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """A reader names the file; the next run of the stage writes it."""
    base = tmp_path / "base"
    shutil.copytree(clean[0], base)
    whole = snapshot(base / "findings")
    piece = min((base / "findings" / PIECES).iterdir())
    piece.write_bytes(piece.read_bytes()[:-9])
    with pytest.raises(InputError, match=piece.name):
        found(base)
    min((base / "findings" / PIECES).glob("*.json")).touch()
    check(base / "set", base)
    assert snapshot(base / "findings") == whole
