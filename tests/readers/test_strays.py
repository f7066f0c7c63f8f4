"""What storage and file managers leave in folders is nobody's, wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.codes import FindingCode as Code
from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.opening import open_source
from cmrpipe.landing import Landed, land
from cmrpipe.params import SourceParams
from cmrpipe.predict.source import find_patients
from cmrpipe.progress import silent
from cmrpipe.readers.archives import pack
from cmrpipe.readers.asides import read_asides
from cmrpipe.readers.layouts import list_files, patient_folders
from cmrpipe.readers.strays import is_stray, stray_in
from tests.stages.faulty import check, found

FOLDERS = ("@eaDir", "__MACOSX", "$RECYCLE.BIN", "System Volume Information", "LOST+FOUND", ".snapshot", "#recycle")


def litter(folder: Path, image: Path) -> None:
    """Put folders of all these names into a folder, with a file that is an image in each, and an icon."""
    for name in FOLDERS:
        (folder / name / "1.dcm").mkdir(parents=True)
        shutil.copy(image, folder / name / "1.dcm" / "SYNOPHOTO_THUMB_S.jpg")
        shutil.copy(image, folder / name / "7.dcm")
    (folder / "Icon\r").write_bytes(b"")


@pytest.fixture
def littered(raw: Path) -> Path:
    """Three phantoms with litter at every level."""
    image = sorted(raw.glob("dicoms/*/*.dcm"))[0]
    deep = [*raw.glob("dicoms/*"), *raw.glob("contourfiles/*"), *raw.glob("contourfiles/*/i-contours")]
    for folder in (raw, raw / "dicoms", raw / "contourfiles", *deep):
        litter(folder, image)
    return raw


def test_litter_is_told_as_stray_and_nothing_else(small_phantom: Path, littered: Path, tmp_path: Path) -> None:
    """The catalog is that without it; no error, and no patient, comes of it."""
    check(small_phantom, tmp_path / "clean")
    check(littered, tmp_path)
    ours, theirs = Catalog(tmp_path / "catalog"), Catalog(tmp_path / "clean" / "catalog")
    assert ours.patients() == theirs.patients()
    for patient in ours.patients():
        assert ours.images(patient) == theirs.images(patient)
    assert ours.original_ids() == theirs.original_ids()
    clean = found(tmp_path / "clean")
    told = [f for f in found(tmp_path) if f not in clean]
    assert {f.code for f in told} == {Code.STRAY_FILES}
    assert {f.path: f.evidence["files"] for f in told}["dicoms"] == len(FOLDERS) + 1


def landed(folder: Path, raw: Path, sort: str = "auto") -> Landed:
    """Land from a folder."""
    settings = SourceParams.model_validate({"settle_s": 0.0, "sort": sort})
    return land(open_source(str(folder), settings, raw), raw, listen=silent)


def test_litter_does_not_land(littered: Path, small_phantom: Path, tmp_path: Path) -> None:
    """No folder of it, in the layout or sorted; and when a thumbnail is made anew, nobody has changed."""
    target = tmp_path / "data" / "raw"
    assert len(landed(littered, target).new) == 6
    ours = {path for path in hash_tree(target / "dicoms") if not path.endswith("Icon\r")}
    assert ours == hash_tree(small_phantom / "dicoms").keys()
    thumbnail = sorted(littered.glob("dicoms/*/@eaDir/7.dcm"))[0]
    thumbnail.write_bytes(b"another")
    again = landed(littered, target)
    assert (again.new, again.changed, len(again.unchanged)) == ((), (), 6)
    landed(littered, tmp_path / "heap" / "raw", "always")
    assert hash_tree(tmp_path / "heap" / "raw" / "dicoms") == hash_tree(small_phantom / "dicoms")
    assert {aside.what for aside in read_asides(tmp_path / "heap" / "raw")} == {"phantom.json"}


def test_litter_is_nobody_to_predict(littered: Path, small_phantom: Path) -> None:
    """The same patients, and the same files of each."""
    assert [(p.patient_id, p.files) for p in find_patients(littered)] == [
        (p.patient_id, p.files) for p in find_patients(small_phantom)
    ]


def test_litter_in_an_archive_is_what_it_is_in_a_folder(littered: Path) -> None:
    """Packed on a Mac, say: the same files, and the same strays."""
    patient = f"dicoms/{patient_folders(littered)[0]}"
    (littered / patient / "Icon\r").unlink()  # a name that no archive can have
    expected = list_files(littered, patient)
    pack(littered / patient, littered / f"{patient}.zip")
    shutil.rmtree(littered / patient)
    listing = list_files(littered, patient)
    assert listing.stray == expected.stray
    assert len(listing.stray) == len(FOLDERS)
    assert [entry.path for entry in listing.entries] == [entry.path for entry in expected.entries]


def test_names_of_patients_are_no_litter() -> None:
    """A name is looked at as a whole."""
    assert not any(map(is_stray, ("SCD0000101", "lost", "recycle", "Icon", "eaDir", "Müller@home")))
    assert stray_in("i-contours/1.txt") == ""
    assert [stray_in(path) for path in ("a/@eaDir/b/c", "a/._1.dcm")] == ["a/@eaDir/", "a/._1.dcm"]
