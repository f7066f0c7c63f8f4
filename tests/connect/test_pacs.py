"""A PACS over DICOMweb: a real Orthanc."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.opening import fetching, open_source
from cmrpipe.errors import SourceError
from cmrpipe.landing import Landed, Ledger, land
from cmrpipe.params import SourceParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from flows.server import free_port
from tests.connect.conftest import PASSWORD, USER, Orthanc

STAGES = ("ingest", "store")


def land_pacs(orthanc: Orthanc, raw: Path, contours: Path | None = None, **params: object) -> Landed:
    """Land from the server."""
    values = {"settle_s": 0.0, "contours": str(contours or ""), "page": 70, **params}
    settings = SourceParams.model_validate(values)
    return land(open_source(orthanc.address, settings, raw), raw, settle_s=settings.settle_s, listen=silent)


def files(source: Path, *patients: str) -> list[Path]:
    """All images of a folder in the layout, or of some patients."""
    return [p for p in sorted((source / "dicoms").rglob("*.dcm")) if not patients or p.parent.name in patients]


def fetched(urls: list[str]) -> int:
    """How many instances were fetched."""
    return sum(bool(re.search(r"/instances/[\d.]+$", url)) for url in urls)


@pytest.mark.slow
def test_five_real_patients_give_the_same_store_as_from_the_folder(
    orthanc: Orthanc, final_data: Path, tmp_path: Path
) -> None:
    """Sent by STOW-RS, landed from the server: raw data, catalog and store are, byte for byte, those of the folder."""
    sent = files(final_data)
    for start in range(0, len(sent), 100):
        orthanc.stow(*sent[start : start + 100])
    by_folder, by_server = tmp_path / "folder", tmp_path / "server"
    land(final_data, by_folder / "data" / "raw", listen=silent)
    landed = land_pacs(orthanc, by_server / "data" / "raw", final_data)
    assert landed.counts()["new"] == 5
    for home in (by_folder, by_server):
        (home / "params.yaml").write_text("ingest: {}\n")
        write_quarantine(home / "quarantine.csv", [])
        for stage in STAGES:
            code = subprocess.run([sys.executable, "-m", "cmrpipe", stage, "-j", "2"], cwd=home, check=False).returncode
            assert code in (0, 1)
    for name in ("raw", "catalog", "store"):
        assert hash_tree(by_server / "data" / name) == hash_tree(by_folder / "data" / name)
    assert len(hash_tree(by_server / "data" / "store" / "patients")) == 5


@pytest.fixture
def two(shared_data: Path) -> list[Path]:
    """38 images of two patients."""
    return files(shared_data / "more_patients", "SCD0000601", "SCD0000701")


def test_a_second_landing_fetches_nothing(orthanc: Orthanc, two: list[Path], tmp_path: Path, gets: list[str]) -> None:
    """What has landed is told by its set of instances; nothing is fetched again."""
    orthanc.stow(*two)
    raw = tmp_path / "data" / "raw"
    assert land_pacs(orthanc, raw).new == ("dicoms/SCD0000601", "dicoms/SCD0000701")
    assert fetched(gets) == len(two)
    landed = land_pacs(orthanc, raw)
    assert landed.unchanged == ("dicoms/SCD0000601", "dicoms/SCD0000701")
    assert fetched(gets) == len(two)
    assert not any(fetching(raw).glob("*/*"))


def test_pages_are_put_together(orthanc: Orthanc, two: list[Path], tmp_path: Path) -> None:
    """Pages of one and of seven rows give the same patients and instances as one page."""
    orthanc.stow(*two)
    raws = [tmp_path / str(page) / "raw" for page in (1, 7, 500)]
    for raw, page in zip(raws, (1, 7, 500), strict=True):
        land_pacs(orthanc, raw, page=page)
    assert hash_tree(raws[0]) == hash_tree(raws[1]) == hash_tree(raws[2])
    assert len(hash_tree(raws[0])) == len(two)


def test_a_fetch_that_was_cut_short_goes_on_where_it_stopped(
    orthanc: Orthanc, two: list[Path], tmp_path: Path, gets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instances that are here with the right hash are not fetched again; a damaged one is."""
    from cmrpipe.connect import web

    orthanc.stow(*two)
    raw = tmp_path / "data" / "raw"
    plain, count = web._Client.instance_bytes, 0

    def dying(self: web._Client, url: str) -> bytes:
        nonlocal count
        count += 1
        if count == 11:
            raise KeyboardInterrupt
        return plain(self, url)

    with monkeypatch.context() as patch:
        patch.setattr(web._Client, "instance_bytes", dying)
        with pytest.raises(KeyboardInterrupt):
            land_pacs(orthanc, raw)
    assert not (raw / "dicoms").exists()
    waiting = sorted(fetching(raw).glob("*/*.dcm"))
    assert len(waiting) == 10
    waiting[0].write_bytes(waiting[0].read_bytes()[:-1])
    gets.clear()
    land_pacs(orthanc, raw)
    assert fetched(gets) == len(two) - 9
    assert sorted(hash_tree(raw).values()) == sorted(hash_tree_of(two))


def hash_tree_of(paths: list[Path]) -> list[str]:
    """Hashes of files."""
    from cmrpipe.files import sha256_file

    return [sha256_file(path) for path in paths]


def test_a_study_that_still_grows_waits(
    orthanc: Orthanc, two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A patient whose set of instances differs between the two searches stays out; the next landing takes it whole."""
    from cmrpipe.connect import dicomweb

    orthanc.stow(*two[:-1])
    raw = tmp_path / "data" / "raw"
    fetch = dicomweb.Pacs.fetch

    def growing(self: dicomweb.Pacs, *arguments: object) -> object:
        orthanc.stow(two[-1])
        return fetch(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(dicomweb.Pacs, "fetch", growing)
        landed = land_pacs(orthanc, raw, settle_s=0.5)
    assert landed.unsettled == ("dicoms/SCD0000701",)
    assert landed.new == ("dicoms/SCD0000601",)
    assert land_pacs(orthanc, raw).new == ("dicoms/SCD0000701",)
    assert len(hash_tree(raw)) == len(two)


def test_a_partial_study_is_told_and_stops_nobody(
    orthanc: Orthanc, two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance that is listed and cannot be had keeps its patient out, with counts; the other one lands."""
    import pydicom

    from cmrpipe.connect import dicomweb

    orthanc.stow(*two)
    sop = str(pydicom.dcmread(two[0]).SOPInstanceUID)
    fetch = dicomweb.Pacs.fetch

    def losing(self: dicomweb.Pacs, *arguments: object) -> object:
        orthanc.delete_instance(sop)
        return fetch(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dicomweb.Pacs, "fetch", losing)
    landed = land_pacs(orthanc, tmp_path / "data" / "raw")
    assert landed.new == ("dicoms/SCD0000701",)
    assert "15 of 16 instances of SCD0000601" in landed.failed["dicoms/SCD0000601"]


def test_changed_and_withdrawn_patients_are_told(orthanc: Orthanc, two: list[Path], tmp_path: Path) -> None:
    """An instance more makes a patient changed, with old and new hash in the ledger; one that is gone is reported."""
    orthanc.stow(*two[:-1])
    raw = tmp_path / "data" / "raw"
    land_pacs(orthanc, raw)
    orthanc.stow(two[-1])
    orthanc.delete_patient("SCD0000601")
    landed = land_pacs(orthanc, raw)
    assert landed.changed == ("dicoms/SCD0000701",)
    assert landed.withdrawn == ("dicoms/SCD0000601",)
    line = Ledger(raw).last("dicoms/SCD0000701")
    assert line is not None
    assert line.old != line.new
    assert (raw / "dicoms" / "SCD0000601").is_dir()


def test_trouble_is_told_in_plain_words_and_shows_no_secret(
    orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Wrong password, wrong path, dead server, password in the address: cause and mend, and no secret anywhere."""
    caplog.set_level(logging.DEBUG)
    raw = tmp_path / "raw"
    wrong = "wrong-" + PASSWORD
    monkeypatch.setenv("CMRPIPE_PACS_PASSWORD", wrong)
    cases = [
        (orthanc.address, r"refuses us \(401\).*CMRPIPE_PACS_USER"),
        (f"http://127.0.0.1:{free_port()}/dicom-web", r"cannot be reached \(ConnectionError\)"),
        (orthanc.address.replace("://", f"://{USER}:{PASSWORD}@"), "holds a user or password"),
        ("http://pacs.example.org/dicom-web", "unencrypted"),
    ]
    messages = []
    for address, words in cases:
        with pytest.raises(SourceError, match=words) as caught:
            open_source(address, SourceParams(settle_s=0), raw).look()
        messages.append(str(caught.value))
    monkeypatch.setenv("CMRPIPE_PACS_PASSWORD", PASSWORD)
    with pytest.raises(SourceError, match=r"answered 404.*dicom-web"):
        open_source(f"{orthanc.root}/elsewhere", SourceParams(settle_s=0), raw).look()
    assert not raw.exists()
    told = caplog.text + "".join(messages) + repr(open_source(orthanc.address, SourceParams(), raw).__dict__)
    assert PASSWORD not in told


def test_what_is_no_mr_is_put_aside_unfetched(
    orthanc: Orthanc, two: list[Path], tmp_path: Path, gets: list[str]
) -> None:
    """A CT series in an MR study is listed with the reason; its images are not fetched."""
    import pydicom
    from pydicom.uid import UID

    orthanc.stow(*two[:16])
    image = pydicom.dcmread(two[0])
    image.Modality = "CT"
    image.SeriesInstanceUID = f"{image.SeriesInstanceUID[:-3]}1"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(f"{image.SOPInstanceUID[:-3]}1")
    image.save_as(tmp_path / "ct.dcm")
    orthanc.stow(tmp_path / "ct.dcm")
    raw = tmp_path / "data" / "raw"
    landed = land_pacs(orthanc, raw)
    assert (landed.new, landed.aside, fetched(gets)) == (("dicoms/SCD0000601",), 1, 16)
    assert "modality CT, not MR" in (raw / "aside" / "SCD0000601.csv").read_text()


def test_the_server_is_really_closed_to_strangers(orthanc: Orthanc) -> None:
    """The tests above mean something: without the password the server answers 401."""
    assert requests.get(f"{orthanc.address}/studies", timeout=10).status_code == 401
