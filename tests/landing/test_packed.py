"""Patients as archives: packed on the way or landed as they are; the same patients, by the same rules."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.folder import FolderSource
from cmrpipe.landing import Ledger, land, recover, replaced, staging
from cmrpipe.landing.place import Placer
from cmrpipe.progress import silent
from cmrpipe.readers.archives import pack
from cmrpipe.readers.layouts import archive_file, list_files, standing
from tests.snapshots import snapshot


def units(root: Path) -> list[str]:
    """The folders of a source."""
    return sorted(f"{part}/{path.name}" for part in ("dicoms", "contourfiles") for path in (root / part).iterdir())


def zip_up(root: Path, unit: str) -> None:
    """Make an archive of a folder as others do: deflated, with the time of day."""
    with zipfile.ZipFile(archive_file(root, unit), "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted((root / unit).rglob("*"), reverse=True):
            if path.is_file():
                out.write(path, path.relative_to(root / unit).as_posix())
    shutil.rmtree(root / unit)


def test_packed_patients_hold_what_the_source_has(real: Path, tmp_path: Path) -> None:
    """One archive a folder, with the names and bytes of the source, and the same archive wherever it is made."""
    targets = tmp_path / "one" / "raw", tmp_path / "two" / "raw"
    for target in targets:
        assert len(land(real, target, packing=True, listen=silent).new) == 6
        for path in real.rglob("*.dcm"):
            path.touch()
    for unit in units(real):
        assert standing(targets[0], unit) == archive_file(targets[0], unit)
        assert hash_tree(archive_file(targets[0], unit)) == hash_tree(real / unit)
    assert snapshot(targets[0]) == snapshot(targets[1])
    assert not staging(targets[0]).exists()


def test_an_archive_that_does_not_hold_what_was_fetched_stays_out(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit that turns between the source and the archive is told with the patient; all others land."""

    def rotten(folder: Path, archive: Path) -> None:
        if folder.name == "A":
            (folder / "1.dcm").write_bytes(b"a")
        pack(folder, archive)

    monkeypatch.setattr("cmrpipe.landing.underway.pack", rotten)
    landed = land(tiny, tmp_path / "data" / "raw", packing=True, listen=silent)
    assert landed.new == ("dicoms/B",)
    assert "does not hold what was packed" in landed.failed["dicoms/A"]
    assert standing(tmp_path / "data" / "raw", "dicoms/A") is None


def test_form_makes_no_difference_to_what_is_new(real: Path, tmp_path: Path) -> None:
    """A patient that landed in one form is unchanged in the other, and stays as it landed."""
    folders, archives = tmp_path / "a" / "raw", tmp_path / "b" / "raw"
    land(real, folders, listen=silent)
    land(real, archives, packing=True, listen=silent)
    for target, packing in ((folders, True), (archives, False)):
        before = snapshot(target)
        for _ in range(2):
            landed = land(real, target, packing=packing, listen=silent)
            assert (len(landed.new), len(landed.changed), len(landed.unchanged)) == (0, 0, 6)
            Ledger(target).path.unlink(missing_ok=True)
        assert snapshot(target) == before
    for unit in units(real):
        zip_up(real, unit)
    for target in (folders, archives):
        assert len(land(real, target, listen=silent).unchanged) == 6


def test_archives_of_a_source_land_as_they_are(real: Path, tmp_path: Path) -> None:
    """Byte for byte, whether or not folders are packed."""
    victims = [unit for unit in units(real) if unit.startswith("dicoms/")]
    for unit in victims:
        zip_up(real, unit)
    for packing in (False, True):
        target = tmp_path / str(packing) / "raw"
        assert len(land(real, target, packing=packing, listen=silent).new) == 6
        for unit in victims:
            assert archive_file(target, unit).read_bytes() == archive_file(real, unit).read_bytes()


@pytest.mark.parametrize("packing", [False, True])
def test_a_changed_patient_replaces_the_old_one_and_that_is_kept(real: Path, tmp_path: Path, packing: bool) -> None:
    """In the form that lands now; the old version goes aside in its own, and the ledger has both hashes."""
    target = tmp_path / "data" / "raw"
    land(real, target, packing=not packing, listen=silent)
    unit = units(real)[-1]
    old = hash_tree(standing(target, unit) or Path())
    sorted((real / unit).iterdir())[0].unlink()
    landed = land(real, target, packing=packing, listen=silent)
    assert landed.changed == (unit,)
    place = standing(target, unit)
    assert place == (archive_file(target, unit) if packing else target / unit)
    assert hash_tree(place) == hash_tree(real / unit) != old
    last = Ledger(target).last(unit)
    assert last is not None
    assert hash_tree(target.parent / last.kept) == old
    assert (target.parent / last.kept).parent == replaced(target) / unit


def test_a_damaged_archive_of_the_source_stops_no_other(real: Path, tmp_path: Path) -> None:
    """It is told with its file and what is wrong; so is one that stands beside its folder."""
    one, two, *_ = [unit for unit in units(real) if unit.startswith("dicoms/")]
    zip_up(real, one)
    data = bytearray(archive_file(real, one).read_bytes())
    data[300] ^= 1  # in the pixels of its first image
    archive_file(real, one).write_bytes(data)
    pack(real / two, archive_file(real, two))
    landed = land(real, tmp_path / "data" / "raw", listen=silent)
    assert set(landed.failed) == {one, two}
    assert f"{one}.zip" in landed.failed[one]
    assert "damaged" in landed.failed[one]
    assert "there twice" in landed.failed[two]
    assert len(landed.new) == 4
    assert standing(tmp_path / "data" / "raw", one) is None
    archive_file(real, two).unlink()
    assert land(real, tmp_path / "data" / "raw", listen=silent).new == (two,)


def test_a_damaged_archive_that_has_landed_is_replaced(real: Path, tmp_path: Path) -> None:
    """By the whole one from the source; the damaged one is kept."""
    target = tmp_path / "data" / "raw"
    land(real, target, packing=True, listen=silent)
    unit = units(real)[-1]
    archive = archive_file(target, unit)
    archive.write_bytes(archive.read_bytes()[:-100])
    Ledger(target).path.unlink()
    assert land(real, target, packing=True, listen=silent).changed == (unit,)
    assert hash_tree(archive) == hash_tree(real / unit)
    (kept,) = (replaced(target) / unit).iterdir()
    assert kept.suffix == ".zip"


@pytest.mark.parametrize("packing", [False, True])
def test_a_landing_cut_short_anywhere_is_completed(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: bool
) -> None:
    """Killed after any rename while one form takes the place of the other: nothing is lost, nothing stands twice."""
    unit = units(real)[-1]
    rename, finish = Path.rename, Placer._finish
    for moment in range(4):
        target = tmp_path / str(moment) / "data" / "raw"
        source = tmp_path / str(moment) / "source"
        shutil.copytree(real, source)
        land(source, target, packing=not packing, listen=silent)
        (source / unit / "new.dcm").write_bytes(b"new")
        count = 0

        def step(do: object, *arguments: object, moment: int = moment) -> object:
            nonlocal count
            if count == moment:
                raise KeyboardInterrupt
            count += 1
            return do(*arguments)  # type: ignore[operator]

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", lambda self, to: step(rename, self, to))
            patched.setattr(Placer, "_finish", lambda self, entry: step(finish, self, entry))
            with pytest.raises(KeyboardInterrupt):
                land(source, target, packing=packing, listen=silent)
        assert recover(target)
        found = hash_tree(standing(target, unit) or Path())
        assert ("new.dcm" in found) == (moment >= 2)
        assert land(source, target, packing=packing, listen=silent).unchanged
        assert hash_tree(standing(target, unit) or Path()) == hash_tree(source / unit)
        assert not staging(target).exists()


def test_an_archive_is_waited_for_like_a_folder(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that changes while it is copied is left for the next landing."""
    unit = units(real)[-1]
    zip_up(real, unit)
    fetch = FolderSource.fetch

    def growing(self: FolderSource, offer: object, target: Path) -> object:
        found = fetch(self, offer, target)  # type: ignore[arg-type]
        if getattr(offer, "folder", "") == unit:
            with zipfile.ZipFile(archive_file(real, unit), "a") as more:
                more.writestr("late.dcm", b"late")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(FolderSource, "fetch", growing)
        assert land(real, tmp_path / "data" / "raw", listen=silent).unsettled == (unit,)
    assert standing(tmp_path / "data" / "raw", unit) is None
    assert land(real, tmp_path / "data" / "raw", listen=silent).new == (unit,)
    assert f"{unit}/late.dcm" in {entry.path for entry in list_files(tmp_path / "data" / "raw", unit).entries}


def test_times_of_an_archive_may_be_lost(real: Path, tmp_path: Path) -> None:
    """Content decides where the ledger is gone and times differ."""
    target = tmp_path / "data" / "raw"
    land(real, target, packing=True, listen=silent)
    Ledger(target).path.unlink()
    for path in target.rglob("*.zip"):
        os.utime(path, (1, 1))
    assert len(land(real, target, packing=True, listen=silent).unchanged) == 6
