"""Planting faults: each does what it says and nothing else, and none hides another."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cmrpipe.codes import FindingCode
from cmrpipe.errors import ParamsError
from cmrpipe.phantom import FAULTS, Truth, read_truth, write_phantom
from cmrpipe.phantom.faults import ALL, Scope, allot, choose, needed, plant
from cmrpipe.phantom.generate import PLANTING, stream
from cmrpipe.phantom.scene import Grid
from tests.phantom.sizes import Size
from tests.snapshots import snapshot

SEED = 21
GRID = Grid(slices=6, frames=8, rows=48, columns=56)
SIZE: Size = {"slices": 6, "frames": 8, "rows": 48, "columns": 56}

UNPLANTED = {
    FindingCode.LINK_TABLE_MISSING,  # without a table nothing else could be found
    FindingCode.LINK_TABLE_UNREADABLE,
    FindingCode.PATIENT_ID_SHARED,  # takes most patients of a set; tests/checks/test_patientids.py
    FindingCode.IMAGE_PUT_ASIDE,  # told at landing, before there is a set to plant it in
    FindingCode.CONTOUR_NOT_DRAWN,  # no fault, but the protocol
    FindingCode.CONTOUR_OF_PAPILLARY,  # nor this; tests/stages/test_sunnybrook_layout.py
    FindingCode.QUARANTINE_WITHOUT_EFFECT,  # quarantine.csv is no part of a set
    FindingCode.QUARANTINE_UNSIGNED,
    FindingCode.QUARANTINE_OUTDATED,
    FindingCode.CONTOURS_OTHER_SLICE,  # a phantom's slices are too much alike; tested on real patients
    FindingCode.LABEL_SUSPECT,  # told by a trained model, not by validate
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, dict[str, bytes]]:
    """Four patients without faults."""
    root = tmp_path_factory.mktemp("clean") / "set"
    truth = write_phantom(root, 4, SEED, **SIZE)
    return root, truth, snapshot(root, "phantom.json")


def test_every_code_can_be_planted() -> None:
    """Each finding code has at least one kind of fault, and there are far more than 30."""
    assert {fault.code for fault in FAULTS.values()} == set(FindingCode) - UNPLANTED
    assert len(FAULTS) >= 50
    assert all(name == fault.name and fault.about for name, fault in FAULTS.items())


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_touches_what_it_says(clean: tuple[Path, Truth, dict[str, bytes]], tmp_path: Path, name: str) -> None:
    """Exactly the files on the account differ; the account names place and finding."""
    source, truth, before = clean
    root = tmp_path / "set"
    shutil.copytree(source, root)
    places = allot([name], 4, GRID, stream(SEED, 0, PLANTING))
    (planted,) = plant(root, truth, GRID, places, lambda key: stream(SEED, 0, PLANTING, key))
    after = snapshot(root, "phantom.json")
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == set(planted.touched)
    assert changed
    assert (planted.fault, planted.code) == (name, FAULTS[name].code)
    assert planted.patient_id in {"", *(p.patient_id for p in truth.patients)}
    assert planted.detail
    assert planted.path
    for path in changed & after.keys():
        if path.endswith(".dcm") and name not in {"image-text", "image-bits", "image-truncated", "stray-files"}:
            assert pydicom.dcmread(root / path).pixel_array.any() or name == "image-constant"


def test_planting_while_writing(clean: tuple[Path, Truth, dict[str, bytes]], tmp_path: Path) -> None:
    """`write_phantom(faults=...)` plants, writes the account, and leaves all other files as in the clean phantom."""
    root, names = tmp_path / "set", ["contour-moved", "image-missing", "link-crlf", "contour-moved", "patient-gone"]
    truth = write_phantom(root, 4, SEED, **SIZE, faults=names)
    assert [p.fault for p in truth.faults] == [n for n in FAULTS if n in names]
    assert read_truth(root) == truth
    assert truth.patients == clean[1].patients
    touched = {path for planted in truth.faults for path in planted.touched}
    before, after = clean[2], snapshot(root, "phantom.json")
    assert {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)} == touched
    write_phantom(tmp_path / "again", 4, SEED, **SIZE, faults=names)
    assert snapshot(tmp_path / "again", "phantom.json") == after


@pytest.mark.parametrize("seed", range(20))
def test_no_fault_hides_another(seed: int) -> None:
    """All at once: patient-wide faults have their patients alone; slices keep two clean ones between them."""
    for grid in (GRID, Grid(8, 10, 128, 128), Grid(11, 20, 256, 256)):
        patients = needed([ALL], grid)
        places = allot(choose([ALL]), patients, grid, np.random.default_rng(seed))
        assert set(places) == set(FAULTS)
        whole = [k for name, place in places.items() if FAULTS[name].scope is Scope.PATIENT for k in place.patients]
        shared = {k for n, p in places.items() if FAULTS[n].scope is not Scope.PATIENT for k in p.patients}
        assert len(set(whole)) == len(whole)
        assert not shared & set(whole)
        assert shared | set(whole) <= set(range(patients))
        slices = [(p.patients[0], p.position) for n, p in places.items() if FAULTS[n].scope is Scope.SLICE]
        for patient in shared:
            positions = sorted(position for k, position in slices if k == patient)
            assert all(b - a >= 3 for a, b in pairwise(positions))
            assert all(grid.lv.start < position < grid.lv.stop - 1 for position in positions)
        images = [(p.patients[0], p.position, p.frame) for n, p in places.items() if FAULTS[n].scope is Scope.IMAGE]
        assert not {frame for _, _, frame in images} & {grid.ed_frame, grid.es_frame}
        assert max(Counter((k, position) for k, position, _ in images).values()) == 1
        light = [p.patients for n, p in places.items() if FAULTS[n].scope is Scope.LIGHT]
        assert len(set(light)) == len(light)


def test_too_few_patients_are_refused_with_the_number(tmp_path: Path) -> None:
    """The error says how many patients are needed; that many are enough; nothing is written before."""
    enough = needed([ALL], GRID)
    with pytest.raises(ParamsError, match=f"at least {enough}"):
        write_phantom(tmp_path / "x", enough - 1, 1, **SIZE, faults=[ALL])
    with pytest.raises(ParamsError, match="too few to plant"):
        write_phantom(tmp_path / "x", 99, 1, slices=5, frames=8, rows=48, columns=48, faults=["link-crlf"])
    with pytest.raises(ParamsError, match="unknown"):
        write_phantom(tmp_path / "x", 9, 1, faults=["no-such-fault"])
    assert not any(tmp_path.iterdir())
