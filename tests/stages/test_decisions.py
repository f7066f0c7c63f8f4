"""quarantine.csv: what rules and people leave out, and who has the last word."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.checks.subjects import Subjects
from cmrpipe.codes import FindingCode as Code
from cmrpipe.errors import InputError
from cmrpipe.findings import CLINICAL_CSV
from cmrpipe.linking import catalog_links
from cmrpipe.model import Quarantine
from cmrpipe.params import ValidateParams
from cmrpipe.phantom import Truth
from cmrpipe.quarantine import left_out, read_quarantine, write_quarantine
from tests.stages.faulty import SEED, check, found, plant_in_copy, table, tables


def test_people_overrule_rules(real: Path, final_data: Path, tmp_path: Path) -> None:
    """A person's rows survive a new validation; a person's `keep` beats the rule, and the values follow."""
    base = tmp_path / "base"
    shutil.copytree(real, base)
    path = base / "quarantine.csv"
    rows = read_quarantine(path)
    endo = "contourfiles/SC-HF-I-2/i-contours/IM-0001-0060-icontour-manual.txt"
    people = [
        *(replace(row, why="looks right", by="ann", when="2026-01-31", keep=True) for row in rows),
        Quarantine("contour", endo, "base leaves the plane", "ben", "2026-02-01"),
        Quarantine("patient", "SCD0000401", "consent withdrawn", "ben", "2026-02-01"),
    ]
    write_quarantine(path, [*rows, *people])
    check(final_data, base)
    kept = read_quarantine(path)
    assert set(people) <= {replace(row, seen=row.seen if row.keep else "") for row in kept}
    assert all(row.seen for row in kept), "a decision is about bytes"
    assert set(rows) <= set(kept)
    assert set(left_out(kept).rows) == {endo, "SCD0000401"}
    values = {row["patient_id"]: row for row in table(tables(base) / CLINICAL_CSV)}
    assert values["SCD0000501"]["reason"] == "no mass: epicardium of slices 0, 1 missing", "the others' are kept"
    assert "quarantine" in values["SCD0000201"]["reason"]
    assert values["SCD0000401"]["edv_ml"] == ""
    assert "quarantine" in values["SCD0000401"]["reason"]


def test_rows_of_people_that_do_nothing_are_told(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """Names with a typo or of another root, and what two people disagree about; rows that hold are not."""
    base = tmp_path / "here"
    shutil.copytree(clean[0], base)
    contour = sorted((base / "set").glob("contourfiles/*/*/*.txt"))[0].relative_to(base / "set").as_posix()
    patient = clean[1].patients[0].patient_id
    names = [contour, f"data/raw/{contour}", contour.removesuffix(".txt"), patient, f"dicoms/{patient}", f"{patient} "]
    rows = [Quarantine("contour", name, "wrong", "ann", "") for name in names]
    write_quarantine(base / "quarantine.csv", [*rows, replace(rows[3], by="ben", keep=True)])
    check(base / "set", base)
    told = [f.evidence["name"] for f in found(base) if f.code is Code.QUARANTINE_WITHOUT_EFFECT]
    assert sorted(map(str, told)) == sorted(names[1:])


def test_a_contours_name_in_capitals_costs_no_more_than_the_contour(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """What a rule leaves out is the file that the finding is about, whatever the case of its name."""
    base = tmp_path / "here"
    plant_in_copy(*clean, base, ["contour-moved"], SEED)
    (path,) = left_out(read_quarantine(_checked(base))).rows
    upper = f"{path.rpartition('/')[0]}/{path.rpartition('/')[2].upper()}"
    (base / "set" / path).rename(base / "set" / upper)
    assert set(left_out(read_quarantine(_checked(base))).rows) == {upper}


@pytest.fixture
def moved(clean: tuple[Path, Truth], tmp_path: Path) -> tuple[Path, Quarantine, str]:
    """A set with one contour that a rule leaves out: its folder, the rule's row, the path of another contour."""
    base = tmp_path / "here"
    plant_in_copy(*clean, base, ["contour-moved"], SEED)
    (row,) = read_quarantine(_checked(base))
    paths = (path.relative_to(base / "set").as_posix() for path in sorted(base.glob("set/contourfiles/*/*/*.txt")))
    return base, row, next(path for path in paths if path != row.name)


def unsigned_in(base: Path) -> list[str]:
    """Names of what is told as by nobody."""
    return sorted(str(f.evidence["name"]) for f in found(base) if f.code is Code.QUARANTINE_UNSIGNED)


def test_a_row_that_was_filled_down_stays_and_is_told(moved: tuple[Path, Quarantine, str]) -> None:
    """A rule's row with another file or another reason, and `rule` still in it, is a person's: it stays, and counts."""
    base, row, other = moved
    filled = [replace(row, name=other), replace(row, why="blurred"), replace(row, why=Code.CONTOUR_MISFIT)]
    filled = [r for r in filled if r != row]
    write_quarantine(base / "quarantine.csv", [row, *filled])
    for _ in range(2):
        assert set(read_quarantine(_checked(base))) == {row, *filled}
        assert unsigned_in(base) == sorted(r.name for r in filled)
    assert set(left_out(read_quarantine(base / "quarantine.csv")).rows) == {row.name, other}
    write_quarantine(base / "quarantine.csv", [row, *(replace(r, by="ann") for r in filled)])
    _checked(base)
    assert unsigned_in(base) == []


def test_a_rules_row_turned_into_keep_stays_and_is_told(moved: tuple[Path, Quarantine, str]) -> None:
    """Who only changed the decision is told that a name is missing; until then the rule holds."""
    base, row, _ = moved
    write_quarantine(base / "quarantine.csv", [replace(row, keep=True)])
    rows = read_quarantine(_checked(base))
    assert set(rows) == {row, replace(row, keep=True)}
    assert set(left_out(rows).rows) == {row.name}
    assert unsigned_in(base) == [row.name]


def test_rows_of_rules_that_hold_no_more_go(moved: tuple[Path, Quarantine, str]) -> None:
    """Data were mended, a rule was taken out of the parameters: nothing is left of its rows, nor told."""
    base, row, _ = moved
    write_quarantine(base / "quarantine.csv", [row])
    check(base / "set", base)
    rules = tuple(code for code in ValidateParams().quarantine if code != row.why)
    check(base / "set", base, params=ValidateParams(quarantine=rules))
    assert read_quarantine(base / "quarantine.csv") == []
    assert unsigned_in(base) == []


def test_without_the_last_findings_nothing_is_dropped(moved: tuple[Path, Quarantine, str]) -> None:
    """Nobody knows whose a row is: it stays and is told, also what names nothing that is there."""
    base, row, other = moved
    gone = replace(row, name=f"{row.name}.old")
    write_quarantine(base / "quarantine.csv", [row, replace(row, name=other), gone])
    shutil.rmtree(base / "findings")
    assert len(read_quarantine(_checked(base))) == 3
    assert unsigned_in(base) == sorted([other, gone.name])
    assert [f.evidence["name"] for f in found(base) if f.code is Code.QUARANTINE_WITHOUT_EFFECT] == [gone.name]


def _checked(base: Path) -> Path:
    check(base / "set", base)
    return base / "quarantine.csv"


@pytest.mark.parametrize("rows", [1, 20_000])
def test_a_quarantine_that_is_no_table_is_refused(tmp_path: Path, rows: int) -> None:
    """A quotation mark that is not closed leaves out nothing in silence."""
    path = tmp_path / "quarantine.csv"
    text = 'what,name,why,by,when,decision\nimage,dicoms/A/1.dcm,"blurred,ann,,leave-out\n'
    path.write_text(text + "image,dicoms/A/2.dcm,dark,ann,,leave-out\n" * rows)
    with pytest.raises(InputError, match=r"quarantine\.csv"):
        read_quarantine(path)


def outdated_in(base: Path) -> list[str]:
    """Names of what a person keeps and a rule leaves out again."""
    return sorted(str(f.evidence["name"]) for f in found(base) if f.code is Code.QUARANTINE_OUTDATED)


def out_of(base: Path) -> set[str]:
    """Names of what is left out."""
    return set(left_out(read_quarantine(base / "quarantine.csv")).rows)


def moved_by(path: Path, pixels: float) -> None:
    """Move a contour along x."""
    np.savetxt(path, np.loadtxt(path) + np.array([pixels, 0]), fmt="%.4f")


def test_keep_holds_for_the_bytes_that_were_seen(moved: tuple[Path, Quarantine, str]) -> None:
    """The next validation notes them; a contour that changes afterwards is left out again, and that is told."""
    base, row, _ = moved
    keep = replace(row, by="ann", why="looks right", keep=True, seen="")
    write_quarantine(base / "quarantine.csv", [row, keep])
    for _ in range(2):
        assert set(read_quarantine(_checked(base))) == {row, replace(keep, seen=row.seen)}
        assert (out_of(base), outdated_in(base)) == (set(), [])
    moved_by(base / "set" / row.name, 0.5)
    rows = read_quarantine(_checked(base))
    assert replace(keep, seen=row.seen) in rows, "a person's row was changed"
    assert (out_of(base), outdated_in(base)) == ({row.name}, [row.name])
    again = [replace(r, seen="") if r.by == "ann" else r for r in rows]
    write_quarantine(base / "quarantine.csv", again)
    _checked(base)
    assert (out_of(base), outdated_in(base)) == (set(), [])


def test_keep_is_about_what_the_last_validation_showed(moved: tuple[Path, Quarantine, str]) -> None:
    """A contour that changes between the report and the decision was not the one that was looked at."""
    base, row, _ = moved
    write_quarantine(base / "quarantine.csv", [row, replace(row, by="ann", keep=True, seen="")])
    moved_by(base / "set" / row.name, 0.5)
    _checked(base)
    assert (out_of(base), outdated_in(base)) == ({row.name}, [row.name])


def test_keep_of_a_contour_ends_with_its_image(moved: tuple[Path, Quarantine, str]) -> None:
    """Another image of that number is another case, whatever is drawn in it; images of other numbers are not."""
    base, row, _ = moved
    write_quarantine(base / "quarantine.csv", [row, replace(row, by="ann", keep=True)])
    number = int(Path(row.name).name.split("-")[2])
    folders = {link.original_id: link.patient_id for link in Catalog(base / "catalog").links()}
    folder = base / "set" / "dicoms" / folders[row.name.split("/")[1]]
    for other, expected in ((number % 40 + 1, set()), (number, {row.name})):
        image = folder / f"{other}.dcm"
        dataset = pydicom.dcmread(image)
        dataset.PixelData = bytes(dataset.PixelData[2:]) + bytes(2)
        dataset.save_as(image)
        _checked(base)
        assert out_of(base) == expected


def test_keep_of_a_patient_ends_with_any_of_its_files(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """Contours that all lie beside their cavities are kept; renumbered, each with its old bytes, they are no longer."""
    base = tmp_path / "here"
    shutil.copytree(clean[0], base)
    patient = clean[1].patients[0]
    contours = sorted((base / "set" / "contourfiles" / patient.original_id).rglob("*.txt"))
    for path in contours:
        moved_by(path, 9.0)
    (row,) = [r for r in read_quarantine(_checked(base)) if r.what == "patient"]
    assert row.name == patient.patient_id
    rows = read_quarantine(base / "quarantine.csv")
    write_quarantine(base / "quarantine.csv", [*rows, *(replace(r, by="ann", keep=True, seen="") for r in rows)])
    _checked(base)
    assert (out_of(base), outdated_in(base)) == (set(), [])
    endo = [path for path in contours if "icontour" in path.name]
    bytes_of = [path.read_bytes() for path in endo]
    for path, data in zip(endo, [*bytes_of[2:], *bytes_of[:2]], strict=True):
        path.write_bytes(data)
    _checked(base)
    assert row.name in out_of(base)
    assert row.name in outdated_in(base)


def subjects_of(base: Path) -> Subjects:
    """What the catalog below `base` has."""
    book = Catalog(base / "catalog")
    return Subjects(book, catalog_links(book))


def test_a_fingerprint_says_which_file_has_which_bytes(clean: tuple[Path, Truth], tmp_path: Path) -> None:
    """Two borders of one image that changed places are others; files of unlinked folders have one, nothing has none."""
    base = tmp_path / "here"
    shutil.copytree(clean[0], base)
    patient = clean[1].patients[0]
    folder = base / "set" / "contourfiles" / patient.original_id
    outer = sorted((folder / "o-contours").iterdir())[0]
    inner = folder / "i-contours" / outer.name.replace("ocontour", "icontour")
    names = [path.relative_to(base / "set").as_posix() for path in (inner, outer)]
    before = [subjects_of(base).fingerprint(name) for name in (*names, patient.patient_id)]
    assert before[0] == before[1] != before[2]
    one, other = inner.read_bytes(), outer.read_bytes()
    inner.write_bytes(other)
    outer.write_bytes(one)
    _checked(base)
    after = [subjects_of(base).fingerprint(name) for name in (*names, patient.patient_id)]
    assert all(now != then for now, then in zip(after, before, strict=True))
    (base / "set" / "link.csv").write_text("patient_id,original_id\n")
    (folder / "i-contours" / "no number.txt").write_bytes(one)
    _checked(base)
    alone = subjects_of(base)
    strange = f"contourfiles/{patient.original_id}/i-contours/no number.txt"
    assert len({alone.fingerprint(name) for name in (*names, strange, patient.patient_id)}) == 3
    assert alone.fingerprint(strange)
    for nothing in ("", "nobody", "dicoms", f"dicoms/{patient.patient_id}", f"{names[0]}x", "contourfiles/x/y.txt"):
        assert alone.fingerprint(nothing) == ""
        assert nothing not in alone


def told_in(base: Path) -> list[str]:
    """What is said of rows without effect."""
    return [f.message for f in found(base) if f.code is Code.QUARANTINE_WITHOUT_EFFECT]


def test_who_leaves_out_what_has_changed_is_not_overruled_by_an_old_keep(moved: tuple[Path, Quarantine, str]) -> None:
    """Ben kept other bytes: Ann's row holds, and Ben is told; where both saw the same, the keep holds, and Ann is."""
    base, _, other = moved
    keep = Quarantine("contour", other, "fine", "ben", "", keep=True)
    write_quarantine(base / "quarantine.csv", [keep])
    _checked(base)
    moved_by(base / "set" / other, 0.2)
    rows = read_quarantine(_checked(base))
    write_quarantine(base / "quarantine.csv", [*rows, Quarantine("contour", other, "redrawn badly", "ann")])
    _checked(base)
    assert other in out_of(base)
    (told,) = told_in(base)
    assert told.startswith("ben's row")
    assert "ann leaves it out, having seen other files" in told
    again = [replace(r, seen="") if r.by == "ben" else r for r in read_quarantine(base / "quarantine.csv")]
    write_quarantine(base / "quarantine.csv", again)
    _checked(base)
    assert other not in out_of(base)
    (told,) = told_in(base)
    assert told.startswith("ann's row")
    assert "ben keeps it" in told


@pytest.mark.parametrize("seen", ["1.23E+15", "x123", "2bf48add00112233", "xyz"])
def test_a_fingerprint_that_is_none_is_refused(tmp_path: Path, seen: str) -> None:
    """A spreadsheet's number, a part of one; case and blanks do not matter."""
    path = tmp_path / "quarantine.csv"
    good = f"x{'0123456789abcdef'}"
    write_quarantine(path, [Quarantine("image", "dicoms/A/1.dcm", "dark", "ann", keep=True, seen=good)])
    path.write_text(path.read_text().replace(good, f" {good.upper()} "))
    assert [row.seen for row in read_quarantine(path)] == [good]
    path.write_text(path.read_text().replace(f" {good.upper()} ", seen))
    with pytest.raises(InputError, match=r"line 2: seen is .*Empty the cell"):
        read_quarantine(path)


def test_a_file_without_the_last_column_is_read(moved: tuple[Path, Quarantine, str]) -> None:
    """One from before there was `seen`: its rules' rows are still the rules', a person's still the person's."""
    base, row, other = moved
    path = base / "quarantine.csv"
    write_quarantine(path, [row, replace(row, by="ann", keep=True), replace(row, name=other, by="ben")])
    path.write_text("".join(f"{line.rpartition(',')[0]}\n" for line in path.read_text().splitlines()))
    assert {r.seen for r in read_quarantine(path)} == {""}
    rows = read_quarantine(_checked(base))
    assert unsigned_in(base) == []
    bens = replace(row, name=other, by="ben", seen=subjects_of(base).fingerprint(other))
    assert set(rows) == {row, replace(row, by="ann", keep=True), bens}
    assert out_of(base) == {other}
