"""Raw data in archives: everything that is made from them is, byte for byte, what folders give."""

import os
import shutil
from pathlib import Path

import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.codes import FindingCode
from cmrpipe.errors import StaleError
from cmrpipe.findings import read_findings
from cmrpipe.landing import land, remove
from cmrpipe.learn.source import DirectSource
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import Quarantine
from cmrpipe.params import Params
from cmrpipe.progress import silent
from cmrpipe.quarantine import read_quarantine, write_quarantine
from cmrpipe.readers.archives import pack
from cmrpipe.readers.layouts import archive_file, contour_folders, patient_folders
from cmrpipe.samples import patient_samples
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.overlay import overlay
from cmrpipe.stages.store import store
from cmrpipe.stages.validate import validate

SETTINGS = Params.model_validate({})
OUTPUTS = ("catalog", "findings", "store", "overlays", "quarantine.csv")


def read(raw: Path, base: Path) -> None:
    """Ingest and validate."""
    ingest(raw, base / "catalog", base / "state", SETTINGS.ingest, listen=silent)
    places = (raw, base / "catalog", base / "findings", base / "quarantine.csv")
    validate(*places, SETTINGS.validate_, listen=silent)


def make(raw: Path, base: Path) -> None:
    """All stages that read raw data."""
    read(raw, base)
    catalog, findings, quarantine = base / "catalog", base / "findings", base / "quarantine.csv"
    store(raw, catalog, quarantine, base / "store", SETTINGS.store, listen=silent)
    overlay(raw, catalog, findings, quarantine, base / "overlays", SETTINGS.overlay, listen=silent)


def files(base: Path) -> dict[str, bytes]:
    """Every file of the outputs."""
    paths = (path for name in OUTPUTS for path in (base / name, *(base / name).rglob("*")))
    return {path.relative_to(base).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def test_real_patients_give_the_same_bytes_packed(final_data: Path, tmp_path: Path) -> None:
    """Catalog, findings, quarantine, store and pictures of the real patients."""
    for name, packing in (("folders", False), ("archives", True)):
        raw = tmp_path / name / "raw"
        land(final_data, raw, packing=packing, listen=silent)
        make(raw, tmp_path / name)
    assert len(list((tmp_path / "archives" / "raw" / "dicoms").iterdir())) == 5
    assert all(path.suffix == ".zip" for path in (tmp_path / "archives" / "raw" / "dicoms").iterdir())
    assert files(tmp_path / "folders") == files(tmp_path / "archives")


@pytest.fixture
def packed(raw: Path, tmp_path: Path) -> Path:
    """The phantom, packed, read and validated in `tmp_path`."""
    for part in ("dicoms", "contourfiles"):
        for folder in list((raw / part).iterdir()):
            pack(folder, archive_file(raw, f"{part}/{folder.name}"))
            shutil.rmtree(folder)
    read(raw, tmp_path)
    return raw


def harm(archive: Path, position: int) -> None:
    """Flip a bit, as a disk does: size and modification time stay; another inode tells the catalog's reader."""
    state = archive.stat()
    data = bytearray(archive.read_bytes())
    data[position] ^= 4
    archive.write_bytes(data)
    os.utime(archive, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def test_a_damaged_archive_is_its_patients_finding(packed: Path, tmp_path: Path) -> None:
    """Its end is gone: one error that names it; all other patients are read as before."""
    before = {patient: Catalog(tmp_path / "catalog").images(patient) for patient in patient_folders(packed)}
    victim = patient_folders(packed)[1]
    archive = archive_file(packed, f"dicoms/{victim}")
    archive.write_bytes(archive.read_bytes()[:-60])
    read(packed, tmp_path)
    catalog = Catalog(tmp_path / "catalog")
    (row,) = catalog.images(victim)
    assert row.path == f"dicoms/{victim}.zip"
    assert "no whole zip archive" in row.error
    assert {p: catalog.images(p) for p in before if p != victim} == {p: before[p] for p in before if p != victim}
    unreadable = [f for f in read_findings(tmp_path / "findings") if f.code is FindingCode.IMAGE_UNREADABLE]
    assert [(found.patient_id, found.path) for found in unreadable] == [(victim, row.path)]


def test_a_damaged_contour_archive_is_a_finding(packed: Path, tmp_path: Path) -> None:
    """The contours' own archive, likewise."""
    archive = next(iter(sorted((packed / "contourfiles").iterdir())))
    archive.write_bytes(b"PK")
    read(packed, tmp_path)
    found = {f.path: f for f in read_findings(tmp_path / "findings") if f.code is FindingCode.CONTOUR_UNREADABLE}
    assert set(found) == {f"contourfiles/{archive.name}"}


def test_a_damaged_image_in_an_archive_is_that_images_finding(packed: Path, tmp_path: Path) -> None:
    """The others of the same archive are read."""
    victim = patient_folders(packed)[0]
    archive = archive_file(packed, f"dicoms/{victim}")
    count = len(Catalog(tmp_path / "catalog").images(victim))
    harm(archive, 500)
    read(packed, tmp_path)
    rows = Catalog(tmp_path / "catalog").images(victim)
    (bad,) = [row for row in rows if row.error]
    assert len(rows) == count
    assert bad.file_number is not None
    unreadable = [f for f in read_findings(tmp_path / "findings") if f.code is FindingCode.IMAGE_UNREADABLE]
    assert [found.path for found in unreadable] == [bad.path]
    assert "damaged" in unreadable[0].message


@pytest.mark.parametrize("packing", [False, True])
def test_a_raw_file_that_changed_after_ingest_is_never_used(small_phantom: Path, tmp_path: Path, packing: bool) -> None:
    """Store, pictures and checks hold each image against the catalog: they stop and name the file."""
    raw = tmp_path / "raw"
    land(small_phantom, raw, packing=packing, listen=silent)
    read(raw, tmp_path)
    patient = patient_folders(raw)[0]
    book = Catalog(tmp_path / "catalog")
    row = patient_samples(link_patient(book, patient, catalog_links(book).originals[patient]))[0].record
    if packing:
        folder = tmp_path / "again"
        shutil.copytree(small_phantom / "dicoms" / patient, folder)
        archive = archive_file(raw, f"dicoms/{patient}")
        archive.unlink()
    else:
        folder = raw / "dicoms" / patient
    path = folder / Path(row.path).name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # a grey value: a sound DICOM file, and another one
    path.write_bytes(data)
    if packing:
        pack(folder, archive)
    catalog, quarantine, findings = tmp_path / "catalog", tmp_path / "quarantine.csv", tmp_path / "findings"
    with pytest.raises(StaleError, match=Path(row.path).name):
        store(raw, catalog, quarantine, tmp_path / "store", SETTINGS.store, listen=silent)
    with pytest.raises(StaleError, match=Path(row.path).name):
        overlay(raw, catalog, findings, quarantine, tmp_path / "overlays", SETTINGS.overlay, listen=silent)
    shutil.rmtree(findings)
    with pytest.raises(StaleError, match=Path(row.path).name):
        validate(raw, catalog, findings, quarantine, SETTINGS.validate_, listen=silent)
    assert not (tmp_path / "store" / "patients").exists()
    before = catalog.joinpath("manifest.json").read_bytes()
    read(raw, tmp_path)
    assert catalog.joinpath("manifest.json").read_bytes() != before
    store(raw, catalog, quarantine, tmp_path / "store", SETTINGS.store, listen=silent)


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("lost", [False, True])
def test_another_contour_file_than_the_catalogs_stops_every_stage_that_draws_it(
    small_phantom: Path, tmp_path: Path, packing: bool, lost: bool
) -> None:
    """Edited or gone after ingest, also when it is in quarantine: named, with what to run; then it is taken."""
    raw, folder = tmp_path / "raw", tmp_path / "again"
    land(small_phantom, raw, packing=packing, listen=silent)
    read(raw, tmp_path)
    original = contour_folders(raw)[0]
    shutil.copytree(small_phantom / "contourfiles" / original, folder)
    path = sorted(folder.glob("i-contours/*.txt"))[0]
    path.write_text(path.read_text().replace(".", ".1"))
    if lost:
        path.unlink()
    for place in (raw / "contourfiles" / original, archive_file(raw, f"contourfiles/{original}")):
        remove(place)
    if packing:
        pack(folder, archive_file(raw, f"contourfiles/{original}"))
    else:
        shutil.copytree(folder, raw / "contourfiles" / original)
    name = f"contourfiles/{original}/i-contours/{path.name}"
    catalog, quarantine, findings = tmp_path / "catalog", tmp_path / "quarantine.csv", tmp_path / "findings"
    words = rf"{name}: .*cmrpipe ingest" + ("" if lost else r".*cmrpipe validate")
    rows = read_quarantine(quarantine)
    for more in ([], [Quarantine("contour", name, "a test", "me", "2026-01-01")]):
        write_quarantine(quarantine, [*rows, *more])
        with pytest.raises(StaleError, match=words):
            store(raw, catalog, quarantine, tmp_path / "store", SETTINGS.store, listen=silent)
    with pytest.raises(StaleError, match=words):
        overlay(raw, catalog, findings, quarantine, tmp_path / "overlays", SETTINGS.overlay, listen=silent)
    direct = DirectSource(raw, catalog, quarantine)
    patient = next(p for p, originals in catalog_links(Catalog(catalog)).originals.items() if original in originals)
    for ask in (direct.load, lambda p: direct.sample(p, 0)):
        with pytest.raises(StaleError, match=words):
            ask(patient)
    shutil.rmtree(findings)
    with pytest.raises(StaleError, match=words):
        validate(raw, catalog, findings, quarantine, SETTINGS.validate_, listen=silent)
    assert not (tmp_path / "store" / "patients").exists()
    read(raw, tmp_path)
    store(raw, catalog, quarantine, tmp_path / "store", SETTINGS.store, listen=silent)
