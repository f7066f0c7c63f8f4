"""Landing: whole or not at all, never altered."""

import os
import shutil
from pathlib import Path

import pytest

from cmrpipe.connect import folder
from cmrpipe.connect.copying import copy_file
from cmrpipe.errors import LandingError, LayoutError
from cmrpipe.landing import check_landed, land, staging
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.readers.archives import pack
from cmrpipe.readers.asides import read_asides
from tests.snapshots import snapshot


def test_everything_lands_as_it_was(real: Path, tmp_path: Path) -> None:
    """Images and contours land under their names with their bytes, the link table under its source's name."""
    landed = land(real, tmp_path / "data" / "raw", listen=silent)
    found, given = snapshot(tmp_path / "data" / "raw"), snapshot(real)
    assert found.pop("links/raw.csv") == given.pop("link.csv")
    assert found == given
    assert len(landed.new) == 6
    assert not staging(tmp_path / "data" / "raw").exists()


def test_what_has_no_place_in_the_layout_is_told(real: Path, tmp_path: Path) -> None:
    """Folders and files of the source that do not land are in aside/; documents and strays are not."""
    (real / "dicom").mkdir()
    (real / "links").mkdir()
    for name in ("README.md", "link (1).csv", "dicoms/7.dcm", "contourfiles/.DS_Store", "links/one.csv"):
        (real / name).write_bytes(b"x")
    landed = land(real, tmp_path / "data" / "raw", listen=silent)
    told = sorted(row.what for row in read_asides(tmp_path / "data" / "raw"))
    assert told == ["dicom", "dicoms/7.dcm", "link (1).csv", "links/one.csv"]
    assert landed.aside == len(told)
    (real / "dicom").rmdir()
    land(real, tmp_path / "data" / "raw", listen=silent)
    assert "dicom" not in {row.what for row in read_asides(tmp_path / "data" / "raw")}


def test_second_landing_copies_nothing(real: Path, tmp_path: Path) -> None:
    """Unchanged folders are left alone, even when modification times were lost."""
    target = tmp_path / "data" / "raw"
    land(real, target, listen=silent)
    for path in target.rglob("*.dcm"):
        path.touch()
    landed = land(real, target, listen=silent)
    assert (len(landed.new), len(landed.changed), len(landed.unchanged)) == (0, 0, 6)


def test_changed_patient_replaces_the_old_one(real: Path, tmp_path: Path) -> None:
    """Only the folder whose files changed is landed anew."""
    target = tmp_path / "data" / "raw"
    land(real, target, listen=silent)
    victim = sorted((real / "dicoms").iterdir())[1]
    sorted(victim.iterdir())[0].unlink()
    landed = land(real, target, listen=silent)
    assert landed.changed == (f"dicoms/{victim.name}",)
    assert snapshot(target / "dicoms") == snapshot(real / "dicoms")


def test_exchanged_names_land(real: Path, tmp_path: Path) -> None:
    """Two images of one size and one modification time change places in the source: the patient lands anew."""
    for path in real.rglob("*.dcm"):
        os.utime(path, (1.4e9, 1.4e9))
    target = tmp_path / "data" / "raw"
    land(real, target, listen=silent)
    one, other = sorted(real.glob("dicoms/*/2?.dcm"))[3:5]
    assert one.stat().st_size == other.stat().st_size
    one.rename(tmp_path / "aside.dcm")
    other.rename(one)
    (tmp_path / "aside.dcm").rename(other)
    assert land(real, target, listen=silent).changed == (f"dicoms/{one.parent.name}",)
    assert snapshot(target / "dicoms") == snapshot(real / "dicoms")


def test_a_name_that_is_no_text_stops_its_patient_only(real: Path, tmp_path: Path) -> None:
    """It is told with its folder; all others land."""
    folder = sorted((real / "dicoms").iterdir())[0]
    (folder / "7.dcm").rename(folder / os.fsdecode(b"K\xf6rper.dcm"))
    landed = land(real, tmp_path / "data" / "raw", listen=silent)
    assert len(landed.new) == 5
    assert "no text" in landed.failed[f"dicoms/{folder.name}"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_name_that_is_too_long_stops_its_patient_only(real: Path, tmp_path: Path, packed: bool) -> None:
    """Landed, it would be too long for the files that are named by it, and no stage could ever run."""
    folder = sorted((real / "dicoms").iterdir())[0]
    name = "é" * 115
    if packed:
        pack(folder, folder.with_name(f"{name}.zip"))
        shutil.rmtree(folder)
    else:
        folder.rename(folder.with_name(name))
    landed = land(real, tmp_path / "data" / "raw", listen=silent)
    assert len([new for new in landed.new if new.startswith("dicoms/")]) == len(list((real / "dicoms").iterdir())) - 1
    assert "a name of 230 bytes, more than 220. Rename it" in landed.failed[f"dicoms/{name}"]


def test_patient_gone_from_the_source_stays_and_is_told(real: Path, tmp_path: Path) -> None:
    """Nothing is removed because a source no longer has it."""
    target = tmp_path / "data" / "raw"
    land(real, target, listen=silent)
    victim = sorted((real / "dicoms").iterdir())[0]
    shutil.rmtree(victim)
    assert land(real, target, listen=silent).not_in_source == (f"dicoms/{victim.name}",)
    assert (target / "dicoms" / victim.name).is_dir()


def test_interrupted_landing_is_refused_and_completed(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a landing that died half way, readers refuse; the next landing completes it."""
    target = tmp_path / "data" / "raw"
    copied = 0

    def dying(source: Path, to: Path) -> str:
        nonlocal copied
        copied += 1
        if copied == 50:
            raise KeyboardInterrupt
        return copy_file(source, to)

    monkeypatch.setattr(folder, "copy_file", dying)
    with pytest.raises(KeyboardInterrupt):
        land(real, target, listen=silent)
    with pytest.raises(LandingError, match="cut short"):
        check_landed(target)
    monkeypatch.undo()
    land(real, target, listen=silent)
    check_landed(target)
    assert snapshot(target / "dicoms") == snapshot(real / "dicoms")


def test_kill_between_the_two_renames_loses_nothing(real: Path, tmp_path: Path) -> None:
    """A folder that was moved aside and not yet replaced comes back."""
    target = tmp_path / "data" / "raw"
    land(real, target, listen=silent)
    patient = sorted((target / "dicoms").iterdir())[0]
    aside = staging(target) / "old" / "dicoms" / patient.name
    aside.parent.mkdir(parents=True)
    patient.rename(aside)
    shutil.rmtree(real / "dicoms" / patient.name)
    land(real, target, listen=silent)
    assert patient.is_dir()


def test_phantom_makes_way_for_real_patients_and_never_joins_them(
    small_phantom: Path, final_data: Path, tmp_path: Path
) -> None:
    """Synthetic and real patients never stand in one set."""
    target = tmp_path / "data" / "raw"
    land(small_phantom, target, listen=silent)
    landed = land(final_data, target, listen=silent)
    assert len(landed.made_way) == 3
    assert {p.name[:3] for p in (target / "dicoms").iterdir()} == {"SCD"}
    assert not (target / "phantom.json").exists()
    with pytest.raises(LandingError, match="phantom patients"):
        land(small_phantom, target, listen=silent)
    check_landed(target)


def test_a_larger_phantom_of_the_same_seed_joins(small_phantom: Path, tmp_path: Path) -> None:
    """Patients of the same phantom are one set."""
    target = tmp_path / "data" / "raw"
    land(small_phantom, target, listen=silent)
    write_phantom(tmp_path / "more", 4, 5, slices=4, frames=10, rows=64, columns=72, listen=silent)
    landed = land(tmp_path / "more", target, listen=silent)
    assert landed.counts()["new"] == 1
    assert landed.counts()["unchanged"] == 3


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """The message says what the folder should hold, and nothing is left behind."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match=r"empty.*dicoms/"):
        land(tmp_path / "empty", tmp_path / "data" / "raw", listen=silent)
    assert not (tmp_path / "data").exists()
