"""What the system refuses to read: findings of its patient, unless all of it is gone."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cmrpipe import files
from cmrpipe.catalog import Catalog
from cmrpipe.codes import FindingCode as Code
from cmrpipe.connect.folder import FolderSource
from cmrpipe.errors import InputError
from cmrpipe.incremental import refresh as refreshing
from cmrpipe.landing import land
from cmrpipe.progress import silent
from cmrpipe.readers import items
from tests.snapshots import snapshot
from tests.stages.faulty import check, found
from tests.stages.test_ingest import run

Refuse = Callable[[Path, int], None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Let the system refuse to read a file or to list a folder with an error number, whoever the tests run as."""
    refused: dict[str, int] = {}

    def asked(path: object) -> None:
        if code := refused.get(str(path)):
            raise OSError(code, os.strerror(code), str(path))

    def scandir(path: Any = ".") -> Any:
        asked(path)
        return os_scandir(path)

    def read_whole(path: Path) -> bytes:
        asked(path)
        return files.read_whole(path)

    os_scandir = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr("cmrpipe.readers.layouts.read_whole", read_whole)
    return lambda path, code: refused.update({os.fspath(path): code})


@pytest.fixture
def gone(raw: Path, tmp_path: Path) -> Iterator[None]:
    """After a first run: the catalog must be the same once more."""
    run(raw, tmp_path)
    before = snapshot(tmp_path / "catalog")
    yield
    assert snapshot(tmp_path / "catalog") == before


def test_one_patients_trouble_is_a_finding_and_stops_nobody(raw: Path, tmp_path: Path, refuse: Refuse) -> None:
    """An image, a contour, a patient's folder, a folder of contours: all others as before, nobody taken for removed."""
    check(raw, tmp_path)
    before = found(tmp_path)
    one, two, three = Catalog(tmp_path / "catalog").patients()
    whole = Catalog(tmp_path / "catalog").images(three)
    contour = sorted(raw.glob("contourfiles/*/i-contours/*.txt"))[0]
    folder = sorted((raw / "contourfiles").iterdir())[-1]
    places = [(raw / f"dicoms/{one}/7.dcm", errno.EIO), (contour, errno.EACCES)]
    places += [(raw / f"dicoms/{two}", errno.EACCES), (folder / "o-contours", errno.ESTALE)]
    for path in (places[0][0], contour):
        os.utime(path)
    for path, code in places:
        refuse(path, code)
    check(raw, tmp_path)
    told = {f.path: f for f in found(tmp_path) if f.code in {Code.IMAGE_UNREADABLE, Code.CONTOUR_UNREADABLE}}
    assert {raw / path for path in told} == {path for path, _ in places}
    for path, code in places:
        assert f"cannot be read ({os.strerror(code)};" in told[path.relative_to(raw).as_posix()].message
    assert told[f"dicoms/{two}"].patient_id == two
    catalog = Catalog(tmp_path / "catalog")
    assert catalog.patients() == [one, two, three]
    assert catalog.images(three) == whole
    assert sum(not row.error for row in catalog.images(one)) == 39
    again = run(raw, tmp_path)
    assert (again.gone, again.counts["unreadable"]) == (0, 4)
    for path, _ in places:
        refuse(path, 0)
    check(raw, tmp_path)
    assert found(tmp_path) == before


def test_what_was_refused_is_tried_again_though_nothing_changed(raw: Path, tmp_path: Path, refuse: Refuse) -> None:
    """A disk that answers again gives the catalog of a run without trouble."""
    image, contour = sorted(raw.glob("dicoms/*/*.dcm"))[0], sorted(raw.glob("contourfiles/*/o-contours/*.txt"))[0]
    for code in (errno.EIO, 0):
        for path in (image, contour):
            refuse(path, code)
        run(raw, tmp_path / "a")
    run(raw, tmp_path / "b")
    assert snapshot(tmp_path / "a" / "catalog") == snapshot(tmp_path / "b" / "catalog")
    assert run(raw, tmp_path / "a").done == 0


def test_links_without_content_are_unreadable_until_it_comes(raw: Path, tmp_path: Path) -> None:
    """As git-annex leaves them: each is told with its cause, and they are files once more when it has been fetched."""
    check(raw, tmp_path)
    before = found(tmp_path)
    annex = tmp_path / "annex"
    annex.mkdir()
    patient = sorted((raw / "dicoms").iterdir())[0]
    linked = [*patient.glob("*.dcm"), sorted(raw.glob("contourfiles/*/i-contours/*.txt"))[0]]
    for path in linked:
        path.rename(annex / path.name)
        path.symlink_to(tmp_path / "objects" / path.name)
    check(raw, tmp_path)
    told = {f.path: f for f in found(tmp_path) if f.code in {Code.IMAGE_UNREADABLE, Code.CONTOUR_UNREADABLE}}
    assert {raw / path for path in told} == set(linked)
    assert all("where nothing is (`git annex get`" in f.message for f in told.values())
    assert told[f"dicoms/{patient.name}/7.dcm"].instance_number == 7
    assert not any(f.code is Code.STRAY_FILES for f in found(tmp_path))
    assert run(raw, tmp_path).counts["unreadable"] == len(linked)
    annex.rename(tmp_path / "objects")
    check(raw, tmp_path)
    assert found(tmp_path) == before


@pytest.mark.usefixtures("gone")
@pytest.mark.parametrize("code", [errno.ENOTCONN, errno.ESTALE, errno.ENODEV, errno.EACCES])
@pytest.mark.parametrize("parent", ["dicoms", "contourfiles"])
def test_a_share_that_is_gone_stops_the_run(raw: Path, tmp_path: Path, refuse: Refuse, code: int, parent: str) -> None:
    """Before a patient is looked at: not one of them is taken for removed."""
    refuse(raw / parent, code)
    with pytest.raises(OSError, match=os.strerror(code)):
        run(raw, tmp_path)


@pytest.mark.usefixtures("gone")
@pytest.mark.parametrize("parent", ["dicoms", "contourfiles"])
def test_a_share_that_goes_meanwhile_stops_the_run(
    raw: Path, tmp_path: Path, refuse: Refuse, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the first file is refused the folder of all is looked at, and named."""
    victim = sorted(path for path in (raw / parent).rglob("*.*") if path.is_file())[0]
    os.utime(victim)

    def refresh(*args: Any, **more: Any) -> Any:
        """What follows when all folders are listed."""
        refuse(victim, errno.ENOTCONN)
        refuse(raw / parent, errno.ENOTCONN)
        return refreshing.refresh(*args, **more)

    monkeypatch.setattr("cmrpipe.stages.ingest.refresh", refresh)
    with pytest.raises(InputError, match=f"{parent}: cannot be read .*Check the disk"):
        run(raw, tmp_path)


@pytest.mark.usefixtures("gone")
def test_contours_whose_disk_is_gone_stop_the_run(raw: Path, tmp_path: Path) -> None:
    """A link that leads nowhere is no folder without contours."""
    (raw / "contourfiles").rename(tmp_path / "disk")
    (raw / "contourfiles").symlink_to(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        run(raw, tmp_path)
    (raw / "contourfiles").unlink()


def test_a_linked_patient_who_cannot_be_looked_at_is_there(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system does not even say whether it is a folder."""
    run(raw, tmp_path)
    patient = Catalog(tmp_path / "catalog").patients()[0]

    def is_folder(item: os.DirEntry[str]) -> bool:
        if item.name == patient:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), item.path)
        return items.is_folder(item)

    monkeypatch.setattr("cmrpipe.readers.layouts.is_folder", is_folder)
    assert run(raw, tmp_path).gone == 0
    assert patient in Catalog(tmp_path / "catalog").patients()


def test_a_patient_of_whom_something_cannot_be_listed_does_not_land(
    small_phantom: Path, tmp_path: Path, refuse: Refuse
) -> None:
    """Half a patient would land else: it is told, and all others land."""
    patient = sorted((small_phantom / "dicoms").iterdir())[0]
    refuse(patient, errno.EACCES)
    landed = land(FolderSource(small_phantom), tmp_path / "data" / "raw", listen=silent)
    assert list(landed.failed) == [f"dicoms/{patient.name}"]
    assert "Permission denied" in landed.failed[f"dicoms/{patient.name}"]
    assert len(landed.new) == 5
