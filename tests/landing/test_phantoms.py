"""Phantom patients make way, and nobody else does."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from cmrpipe.connect.copying import hash_tree
from cmrpipe.errors import CmrpipeError, DiskError, LandingError
from cmrpipe.landing import Ledger, check_landed, land, staging
from cmrpipe.landing.place import remove
from cmrpipe.phantom import write_phantom
from cmrpipe.phantom.faults import links, needed
from cmrpipe.phantom.scene import Grid
from cmrpipe.progress import silent
from cmrpipe.readers.asides import Aside, read_asides, write_asides
from cmrpipe.readers.layouts import link_tables, patient_folders

TOUCHED_3 = json.dumps({"patients": [], "faults": [{"touched": [3]}], "arguments": {"seed": 1}}).encode()


@pytest.fixture
def landed(small_phantom: Path, tmp_path: Path) -> Path:
    """A raw folder with the small phantom."""
    target = tmp_path / "data" / "raw"
    land(small_phantom, target, listen=silent)
    return target


@pytest.fixture
def real(small_phantom: Path, tmp_path: Path) -> Path:
    """A source of one patient who is no phantom."""
    source = tmp_path / "real"
    patient, contours = (sorted((small_phantom / kind).iterdir())[0] for kind in ("dicoms", "contourfiles"))
    shutil.copytree(patient, source / "dicoms" / "real")
    shutil.copytree(contours, source / "contourfiles" / "SC-1")
    (source / "link.csv").write_text("patient_id,original_id\nreal,SC-1\n")
    return source


def by_hand(raw: Path, path: str) -> Path:
    """A file put into the raw folder."""
    (raw / path).parent.mkdir(parents=True, exist_ok=True)
    (raw / path).write_bytes(b"by hand")
    return raw / path


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("dicoms/007/1.dcm", "dicoms/007"),
        ("dicoms/007.zip", "dicoms/007"),
        ("dicoms/1.dcm", "dicoms/1.dcm"),
        ("contourfiles/SC-HF-1/i-contours/IM-0001-0048-icontour-manual.txt", "contourfiles/SC-HF-1"),
        ("links/mine.csv", "links/mine.csv"),
        ("links/mine.xlsx", "links/mine.xlsx"),
    ],
)
def test_what_the_phantom_did_not_write_never_makes_way(landed: Path, real: Path, path: str, told: str) -> None:
    """It is named, and everything stays; once it is moved away, the phantom alone goes."""
    by_hand(landed, path)
    before = hash_tree(landed.parent)
    with pytest.raises(LandingError, match=f"{told}[;,]"):
        land(real, landed, listen=silent)
    assert hash_tree(landed.parent) == before
    assert not staging(landed).exists()
    remove(landed / "/".join(path.split("/")[:2]))
    assert len(land(real, landed, listen=silent).made_way) == 3
    assert hash_tree(landed / "dicoms") == hash_tree(real / "dicoms")
    assert {found.name for found in landed.iterdir()} == {"dicoms", "contourfiles", "links"}


@pytest.mark.parametrize(("count", "told"), [(5, r"dicoms/005; nothing"), (7, r"dicoms/005 and 2 more; nothing")])
def test_of_many_in_the_way_five_are_named(landed: Path, real: Path, count: int, told: str) -> None:
    """And the others counted."""
    for number in range(1, count + 1):
        by_hand(landed, f"dicoms/00{number}/1.dcm")
    with pytest.raises(LandingError, match=told):
        land(real, landed, listen=silent)


def test_a_row_of_somebody_else_never_makes_way(landed: Path, real: Path) -> None:
    """A link table of the phantom's in which a real patient was entered stays."""
    (table,) = (landed / "links").iterdir()
    rows = table.read_text()
    table.write_text(f"{rows}007,SC-HF-1\n")
    with pytest.raises(LandingError, match="007,SC-HF-1"):
        land(real, landed, listen=silent)
    assert len(patient_folders(landed)) == 3
    table.write_text(rows)
    land(real, landed, listen=silent)
    assert [path.name for path in (landed / "links").iterdir()] == ["real.csv"]


def test_strays_beside_the_phantom_stay(landed: Path, real: Path) -> None:
    """A copy under way, whose name starts with a dot, and a folder beside the layout: in nobody's way."""
    strays = [by_hand(landed, "dicoms/.007/1.dcm"), by_hand(landed, "dicom/1.dcm")]
    assert len(land(real, landed, listen=silent).made_way) == 3
    assert all(stray.is_file() for stray in strays)
    assert patient_folders(landed) == ["real"]


def test_a_phantom_with_planted_faults_makes_way_whole(real: Path, tmp_path: Path) -> None:
    """What faults of links and folders put beside its patients is its own, in a raw folder that is the phantom, too."""
    target = tmp_path / "data" / "raw"
    faults = [fault.name for fault in links.FAULTS]
    patients = needed(faults, Grid(slices=6, frames=8, rows=64, columns=64))
    write_phantom(target, patients, 3, slices=6, frames=8, rows=64, columns=64, faults=faults, listen=silent)
    assert (target / "dicoms" / "7.dcm").is_file()
    land(real, target, listen=silent)
    assert [path.name for path in (target / "dicoms").iterdir()] == ["real"]
    assert [path.name for path in (target / "contourfiles").iterdir()] == ["SC-1"]
    assert link_tables(target) == ["links/real.csv"]


def test_nothing_of_the_phantom_is_left(small_phantom: Path, real: Path, tmp_path: Path) -> None:
    """Neither a folder in which the new patients have nothing, nor a line in the ledger."""
    source, target = tmp_path / "phantom", tmp_path / "data" / "raw"
    shutil.copytree(small_phantom, source)
    by_hand(source, "notes/1.xyz")
    land(source, target, listen=silent)
    assert {path.name for path in target.iterdir()} >= {"aside", "contourfiles", "links"}
    shutil.rmtree(real / "contourfiles")
    (real / "link.csv").unlink()
    land(real, target, listen=silent)
    assert [path.name for path in target.iterdir()] == ["dicoms"]
    assert [entry.folder for entry in Ledger(target).entries] == ["dicoms/real"]


@pytest.mark.parametrize("name", ["", "mine"])
def test_what_was_put_aside_of_the_phantom_goes_with_it(
    small_phantom: Path, real: Path, tmp_path: Path, name: str
) -> None:
    """It speaks of a source whose patients are gone; the list of another source stays."""
    source, target = tmp_path / "phantom", tmp_path / "data" / "raw"
    shutil.copytree(small_phantom, source)
    by_hand(source, "notes/1.xyz")
    land(source, target, name=name, listen=silent)
    write_asides(target, "_another", (Aside("", "x", "", "because"),))
    assert len(read_asides(target)) == 2
    land(real, target, listen=silent)
    assert [aside.what for aside in read_asides(target)] == ["x"]


def test_a_packed_phantom_makes_way(small_phantom: Path, real: Path, tmp_path: Path) -> None:
    """Archives go as folders do."""
    target = tmp_path / "data" / "raw"
    land(small_phantom, target, packing=True, listen=silent)
    assert len(land(real, target, listen=silent).made_way) == 3
    assert hash_tree(target / "dicoms") == hash_tree(real / "dicoms")


def test_the_same_phantom_with_fewer_patients_leaves_the_others_known(landed: Path, real: Path, tmp_path: Path) -> None:
    """Who landed from a larger phantom stays when a smaller one lands, and still makes way."""
    write_phantom(tmp_path / "fewer", 1, 5, slices=4, frames=10, rows=64, columns=72, listen=silent)
    land(tmp_path / "fewer", landed, listen=silent)
    assert len(patient_folders(landed)) == 3
    assert len(land(real, landed, listen=silent).made_way) == 3


def test_another_phantom_takes_the_place_of_the_landed_one(landed: Path, tmp_path: Path) -> None:
    """Of another seed: its patients have the same ids, and are others."""
    write_phantom(tmp_path / "another", 1, 6, slices=4, frames=10, rows=64, columns=72, listen=silent)
    assert len(land(tmp_path / "another", landed, listen=silent).made_way) == 3
    assert hash_tree(landed / "dicoms") == hash_tree(tmp_path / "another" / "dicoms")


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [(errno.EIO, LandingError, r"make way \(.*Input/output error"), (errno.ENOSPC, DiskError, "full")],
)
def test_nobody_makes_way_for_a_source_that_gives_nobody(
    landed: Path, real: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[CmrpipeError], told: str
) -> None:
    """No patient of the source can be had, or kept: the phantom stays as it is, and no landing counts as begun."""
    from cmrpipe.connect import folder

    def refused(path: Path, _target: Path) -> str:
        raise OSError(code, os.strerror(code), str(path))

    before = hash_tree(landed.parent)
    monkeypatch.setattr(folder, "copy_file", refused)
    with pytest.raises(kind, match=told):
        land(real, landed, listen=silent)
    assert hash_tree(landed.parent) == before
    assert not staging(landed).exists()
    check_landed(landed)
    monkeypatch.undo()
    assert len(land(real, landed, listen=silent).made_way) == 3


@pytest.mark.parametrize(("harm", "told"), [("a pipe", "no plain file"), ("no file", "holds no file")])
def test_nobody_makes_way_for_contours_alone(landed: Path, real: Path, harm: str, told: str) -> None:
    """They can be had, and no images that they were drawn in: the cause is named."""
    folder = real / "dicoms" / "real"
    if harm == "a pipe":
        os.mkfifo(folder / "998.dcm")
    else:
        shutil.rmtree(folder)
        folder.mkdir()
    with pytest.raises(LandingError, match=rf"make way \(.*{told}"):
        land(real, landed, listen=silent)
    assert len(patient_folders(landed)) == 3


def test_nobody_makes_way_for_the_forgotten(landed: Path, real: Path) -> None:
    """A source whose only patient may not land brings nobody."""
    before = hash_tree(landed.parent)
    with pytest.raises(LandingError, match="no patient that may land"):
        land(real, landed, forgotten=lambda folder: folder == "dicoms/real", listen=silent)
    assert hash_tree(landed.parent) == before


@pytest.mark.parametrize("mark", [b"", b"{}", b"[1]", json.dumps({"patients": 3}).encode(), TOUCHED_3])
def test_nobody_makes_way_where_phantoms_cannot_be_told(landed: Path, real: Path, mark: bytes) -> None:
    """A phantom.json that does not say who is a phantom is refused by name."""
    (landed / "phantom.json").write_bytes(mark)
    with pytest.raises(LandingError, match=r"phantom\.json"):
        land(real, landed, listen=silent)
    assert len(patient_folders(landed)) == 3
    (real / "phantom.json").write_bytes(mark)
    with pytest.raises(LandingError, match=r"real/phantom\.json"):
        land(real, landed.with_name("other"), listen=silent)
    check_landed(landed.with_name("other"))
