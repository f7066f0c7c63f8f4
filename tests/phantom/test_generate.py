"""The phantom as a whole: determinism, layout, truth."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmrpipe.errors import InputError, ParamsError
from cmrpipe.model import ContourKind, Phase
from cmrpipe.phantom import Truth, read_truth, write_phantom
from cmrpipe.readers.layouts import check_layout, contour_folders, patient_folders
from tests.phantom.sizes import Size
from tests.snapshots import snapshot

SIZE: Size = {"slices": 5, "frames": 5, "rows": 64, "columns": 56}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Three small patients."""
    root = tmp_path_factory.mktemp("phantom") / "set"
    return root, write_phantom(root, 3, 11, **SIZE)


def test_same_seed_same_bytes(phantom: tuple[Path, Truth], tmp_path: Path) -> None:
    """Two phantoms of one seed are equal to the byte; another seed changes every image and contour."""
    root, _ = phantom
    write_phantom(tmp_path / "again", 3, 11, **SIZE)
    write_phantom(tmp_path / "other", 3, 12, **SIZE)
    first, again, other = snapshot(root), snapshot(tmp_path / "again"), snapshot(tmp_path / "other")
    assert first == again
    assert not set(first.values()) & set(other.values())


def test_a_patient_does_not_depend_on_how_many_there_are(phantom: tuple[Path, Truth], tmp_path: Path) -> None:
    """Patients 1 and 2 of three are those of two."""
    root, truth = phantom
    two = write_phantom(tmp_path / "two", 2, 11, **SIZE)
    big, small = snapshot(root), snapshot(tmp_path / "two")
    shared = {path for path in small if path.startswith(("dicoms/", "contourfiles/"))}
    assert shared == {p for p in big if any(t.patient_id in p or t.original_id in p for t in truth.patients[:2])}
    assert all(small[path] == big[path] for path in shared)
    assert two.patients == truth.patients[:2]


def test_layout(phantom: tuple[Path, Truth]) -> None:
    """The folder is in the layout: numbered images, contours for ED and ES in the ventricle's slices, a link each."""
    root, truth = phantom
    check_layout(root)
    assert patient_folders(root) == [t.patient_id for t in truth.patients]
    assert sorted(contour_folders(root)) == sorted(t.original_id for t in truth.patients)
    links = (root / "link.csv").read_text().splitlines()
    assert links == ["patient_id,original_id"] + [f"{t.patient_id},{t.original_id}" for t in truth.patients]
    for patient in truth.patients:
        names = {p.name for p in (root / "dicoms" / patient.patient_id).iterdir()}
        assert names == {f"{n}.dcm" for n in range(1, 26)}
        drawn = Counter((c.kind, c.phase) for c in patient.contours)
        slices = len(patient.lv_positions)
        assert drawn == {
            (ContourKind.ENDO, Phase.ED): slices,
            (ContourKind.ENDO, Phase.ES): slices,
            (ContourKind.EPI, Phase.ED): slices,
        }
        files = {p.relative_to(root).as_posix() for p in (root / "contourfiles" / patient.original_id).rglob("*.txt")}
        assert files == {c.path for c in patient.contours}


def shoelace(points: np.ndarray) -> float:
    """Area of a polygon, written another way than the phantom's."""
    x, y = points.T
    return abs(float(np.sum(x * (np.roll(y, -1) - np.roll(y, 1))))) / 2


def test_areas_are_those_of_the_files(phantom: tuple[Path, Truth]) -> None:
    """The truth's area is the shoelace area of the points written, and the smooth border's within 1 %."""
    root, truth = phantom
    for patient in truth.patients:
        for contour in patient.contours:
            points = np.loadtxt(root / contour.path)
            assert shoelace(points) == pytest.approx(contour.area_px2, rel=1e-6)
            assert contour.area_mm2 == pytest.approx(contour.area_px2 * patient.spacing_mm**2, rel=1e-6)
            assert contour.smooth_area_px2 == pytest.approx(contour.area_px2, rel=0.01)


def test_volumes_follow_from_the_areas(phantom: tuple[Path, Truth]) -> None:
    """Volumes, ejection fraction and mass are disc sums of the areas, within 1 % of the smooth ones, and human."""
    _, truth = phantom
    for p in truth.patients:
        sums = {
            (kind, phase): sum(c.area_mm2 for c in p.contours if (c.kind, c.phase) == (kind, phase)) * p.gap_mm / 1000
            for kind, phase in ((ContourKind.ENDO, Phase.ED), (ContourKind.ENDO, Phase.ES), (ContourKind.EPI, Phase.ED))
        }
        ed, es, outer = sums.values()
        assert p.edv_ml == pytest.approx(ed, abs=1e-5)
        assert p.esv_ml == pytest.approx(es, abs=1e-5)
        assert p.sv_ml == pytest.approx(ed - es, abs=1e-5)
        assert p.ef_pct == pytest.approx(100 * (ed - es) / ed, abs=1e-4)
        assert p.mass_g == pytest.approx((outer - ed) * 1.05, abs=1e-4)
        assert p.co_l_min == pytest.approx(p.sv_ml * p.heart_rate_bpm / 1000, abs=1e-5)
        assert p.smooth_edv_ml == pytest.approx(p.edv_ml, rel=0.01)
        assert p.smooth_esv_ml == pytest.approx(p.esv_ml, rel=0.01)
        assert p.smooth_mass_g == pytest.approx(p.mass_g, rel=0.01)
        assert 24 < p.ef_pct < 71
        assert 60 < p.edv_ml < 330
        assert 50 < p.mass_g < 260


def test_contour_content_is_never_repeated(phantom: tuple[Path, Truth]) -> None:
    """A clean phantom has no two equal files."""
    root, _ = phantom
    found = snapshot(root)
    assert len(set(found.values())) == len(found)


def test_truth_is_read_back(phantom: tuple[Path, Truth]) -> None:
    """phantom.json holds the whole truth and says that it is synthetic."""
    root, truth = phantom
    assert read_truth(root) == truth
    assert json.loads((root / "phantom.json").read_bytes())["synthetic"] is True
    assert truth.patient("PHA0000201").original_id.startswith("PH-")


def test_asking_again_changes_nothing(phantom: tuple[Path, Truth]) -> None:
    """The same phantom into its own folder is a no-op."""
    root, truth = phantom
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert write_phantom(root, 3, 11, **SIZE) == truth
    assert before == {p: p.stat().st_mtime_ns for p in root.rglob("*")}


def test_other_content_is_never_overwritten(phantom: tuple[Path, Truth], tmp_path: Path) -> None:
    """A folder with other things, or another phantom, is refused and left as it is."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write_phantom(tmp_path, 3, 11, **SIZE)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="another phantom"):
        write_phantom(phantom[0], 3, 12, **SIZE)


def test_a_phantom_cut_short_is_written_anew(phantom: tuple[Path, Truth], tmp_path: Path) -> None:
    """What a killed run left beside the folder neither stays nor gets in."""
    half = tmp_path / ".tmp-phantom-set" / "dicoms" / "PHA0000101"
    half.mkdir(parents=True)
    (half / "999.dcm").write_bytes(b"half")
    (tmp_path / "set").mkdir()
    write_phantom(tmp_path / "set", 3, 11, **SIZE)
    assert snapshot(tmp_path / "set") == snapshot(phantom[0])
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("name", "value"), [("patients", 0), ("seed", -1), ("slices", 0), ("frames", 1), ("rows", 47), ("columns", 10)]
)
def test_arguments_out_of_range_are_named(tmp_path: Path, name: str, value: int) -> None:
    """A value out of range is refused by name, before anything is written."""
    arguments: dict[str, Any] = {"patients": 1, "seed": 1, name: value}
    with pytest.raises(ParamsError, match=f"{name} {value} *: is below"):
        write_phantom(tmp_path / "x", **arguments)
    assert not any(tmp_path.iterdir())
