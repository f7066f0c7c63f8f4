"""A folder of DICOM files under whatever names: sorted by header, nothing dropped in silence."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pydicom
import pytest
import structlog
from pydicom.uid import DeflatedExplicitVRLittleEndian

from cmrpipe import logs
from cmrpipe.checks.asides import check_asides
from cmrpipe.checks.images import check_files
from cmrpipe.codes import FindingCode
from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.opening import open_source
from cmrpipe.connect.source import Fetched, Offer
from cmrpipe.connect.unsorted import UnsortedFolder
from cmrpipe.errors import LayoutError
from cmrpipe.files import FILE_BYTES
from cmrpipe.landing import Landed, land
from cmrpipe.params import SourceParams
from cmrpipe.progress import silent
from cmrpipe.readers.asides import read_asides
from cmrpipe.readers.dicom import read_header
from tests.plainuser import cmrpipe


def land_unsorted(folder: Path, raw: Path, **params: object) -> Landed:
    """Land from a folder."""
    settings = SourceParams.model_validate({"settle_s": 0.0, **params})
    return land(open_source(str(folder), settings, raw), raw, listen=silent)


@pytest.fixture
def heap(small_phantom: Path, tmp_path: Path) -> Path:
    """All images of the phantom in one folder with senseless names, its contours and links beside them."""
    images = sorted(small_phantom.glob("dicoms/*/*.dcm"))
    random.Random(3).shuffle(images)
    for i, path in enumerate(images):
        folder = tmp_path / "heap" / f"disk{i % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / f"IMG{i:05d}")
    shutil.copytree(small_phantom / "contourfiles", tmp_path / "heap" / "contourfiles")
    shutil.copy2(small_phantom / "link.csv", tmp_path / "heap" / "link.csv")
    return tmp_path / "heap"


def change(path: Path, target: Path, **values: object) -> None:
    """A copy of an image with other header values."""
    image = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(image, name, value)
    image.save_as(target)


def test_a_heap_lands_as_the_layout_would(heap: Path, small_phantom: Path, tmp_path: Path) -> None:
    """The same files under the same names as from the sorted folder; a second landing does nothing."""
    raw = tmp_path / "data" / "raw"
    land_unsorted(heap, raw)
    for name in ("dicoms", "contourfiles"):
        assert hash_tree(raw / name) == hash_tree(small_phantom / name)
    assert read_asides(raw) == []
    landed = land_unsorted(heap, raw)
    assert (landed.new, landed.changed, len(landed.unchanged)) == ((), (), 6)


def test_a_patient_lands_under_the_name_that_the_header_has(heap: Path, small_phantom: Path, tmp_path: Path) -> None:
    """In whatever character set, one a file: one patient, of whose images validation says nothing."""
    patient = sorted(p.name for p in (small_phantom / "dicoms").iterdir())[0]
    for i, path in enumerate(sorted(path for path in heap.glob("disk*/*"))):
        if pydicom.dcmread(path, specific_tags=["PatientID"]).PatientID == patient:
            change(path, path, SpecificCharacterSet=("ISO_IR 192", "ISO_IR 100")[i % 2], PatientID="Müller01")
    raw = tmp_path / "data" / "raw"
    land_unsorted(heap, raw)
    assert "Müller01" in {path.name for path in (raw / "dicoms").iterdir()}
    images = [
        read_header(path.read_bytes(), f"dicoms/Müller01/{path.name}", "Müller01")
        for path in sorted((raw / "dicoms" / "Müller01").iterdir())
    ]
    assert len(images) == 40
    assert list(check_files(images)) == []


def test_what_does_not_fit_is_put_aside_with_its_reason(heap: Path, small_phantom: Path, tmp_path: Path) -> None:
    """Other modality or series, no number, no patient, a copy, no DICOM, equal numbers: each is told, none lands."""
    one, two, three = sorted((heap / "disk0").iterdir())[:3]
    header = pydicom.dcmread(one)
    change(one, heap / "ct", Modality="CT")
    change(one, heap / "localizer", SeriesInstanceUID="1.2.3", InstanceNumber=1)
    change(one, heap / "unnumbered", InstanceNumber=None)
    change(one, heap / "nobody", PatientID="")
    change(one, heap / "slash", PatientID="../x")
    shutil.copy2(two, heap / "zz-copy")
    change(three, heap / "equal", SeriesDescription="changed")
    (heap / "notes.txt").write_text("not an image")
    shutil.copy2(two, heap / "huge")
    os.truncate(heap / "huge", FILE_BYTES + 1)
    raw = tmp_path / "data" / "raw"
    landed = land_unsorted(heap, raw)
    reasons = {aside.what: aside.reason for aside in read_asides(raw)}
    assert "modality CT" in reasons.pop("ct")
    assert "not the series that is a short-axis cine" in reasons.pop("localizer")
    assert "no InstanceNumber" in reasons.pop("unnumbered")
    assert "no PatientID" in reasons.pop("nobody")
    assert "cannot name a folder" in reasons.pop("slash")
    assert "a copy of disk0/" in reasons.pop("zz-copy")
    assert "different images have InstanceNumber" in reasons.pop("equal")
    assert "different images" in reasons.pop(three.relative_to(heap).as_posix())
    assert "not a DICOM file" in reasons.pop("notes.txt")
    assert "more than any image" in reasons.pop("huge")
    assert reasons == {}
    assert landed.aside == 10
    told = list(check_asides(read_asides(raw)))
    assert sum(int(found.evidence["images"] or 0) for found in told) == 10
    assert {found.code for found in told} == {FindingCode.IMAGE_PUT_ASIDE}
    assert header.PatientID
    expected = hash_tree(small_phantom / "dicoms")
    found = hash_tree(raw / "dicoms")
    assert len(expected) - len(found) == 1
    assert found.items() <= expected.items()


@pytest.mark.parametrize(
    "name", ["漢" * 100, "PH~", "lost+found", "PH.tmp", "PH.dvc", "PH.zip", "PH\x7f", "PH\x9b31m", "PH\u202e21", "P\nH"]
)
@pytest.mark.filterwarnings("ignore")
def test_an_id_that_names_no_folder_is_put_aside(heap: Path, small_phantom: Path, tmp_path: Path, name: str) -> None:
    """One too long stopped the landing of everybody; others would have landed as strays, which nobody reads."""
    path = sorted(small_phantom.glob("dicoms/*/*.dcm"))[0]
    change(path, heap / "odd", SpecificCharacterSet="ISO_IR 192", PatientID=name)
    raw = tmp_path / "data" / "raw"
    landed = land_unsorted(heap, raw)
    assert sorted(landed.new) == sorted(
        f"{kind}/{place.name}" for kind in ("contourfiles", "dicoms") for place in (small_phantom / kind).iterdir()
    )
    told = {aside.what: aside.reason for aside in read_asides(raw)}["odd"]
    assert "cannot name a folder" in told
    assert told.isprintable()


def test_two_cines_are_ambiguous_until_one_is_named(heap: Path, small_phantom: Path, tmp_path: Path) -> None:
    """A second stack of slices puts its patient aside as a whole; source.series decides."""
    patient = sorted(p.name for p in (small_phantom / "dicoms").iterdir())[0]
    for i, path in enumerate(sorted((small_phantom / "dicoms" / patient).iterdir())):
        change(path, heap / f"again{i}", SeriesInstanceUID="1.2.3", SeriesDescription="cine long")
    raw = tmp_path / "data" / "raw"
    landed = land_unsorted(heap, raw)
    (told,) = landed.failed.values()
    assert told.startswith("none of its 80 images could be sorted (2 stacks of parallel slices in 2 of 2 series; ")
    assert told.endswith("; see aside/")
    assert all("2 of 2 series" in aside.reason for aside in read_asides(raw))
    landed = land_unsorted(heap, raw, series="^cine long$")
    assert f"dicoms/{patient}" in landed.new
    assert sum(aside.patient_id == patient for aside in read_asides(raw)) == 40


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    """The message says what is missing."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "readme.txt").write_text("nothing")
    with pytest.raises(LayoutError, match="dicoms/"):
        land_unsorted(tmp_path / "empty", tmp_path / "raw")
    with pytest.raises(LayoutError, match="no DICOM image"):
        land_unsorted(tmp_path / "empty", tmp_path / "raw", sort="always")


@pytest.mark.parametrize(
    ("change_to", "told"), [({"PatientID": ""}, r"no PatientID.*dicoms/<patient_id>"), ({"deflated": True}, "dcmconv")]
)
def test_images_none_of_which_can_land_say_why(
    small_phantom: Path, tmp_path: Path, change_to: dict[str, object], told: str
) -> None:
    """A folder full of images is not called one without, and the first image's reason comes with what to do."""
    folder = tmp_path / "heap"
    folder.mkdir()
    (folder / "notes.txt").write_text("not an image")
    for path in sorted(small_phantom.glob("dicoms/*/*.dcm"))[:3]:
        if "deflated" in change_to:
            image = pydicom.dcmread(path)
            image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
            image.save_as(folder / path.name)
        else:
            change(path, folder / path.name, **change_to)
    with pytest.raises(LayoutError, match=told):
        land_unsorted(folder, tmp_path / "raw", sort="always")


def test_an_image_that_cannot_be_read_as_such_says_what_to_do(small_phantom: Path, tmp_path: Path) -> None:
    """An enhanced object among what is put aside: export it otherwise, or split it."""
    folder, raw = tmp_path / "heap", tmp_path / "raw"
    shutil.copytree(sorted((small_phantom / "dicoms").iterdir())[0], folder)
    change(folder / "1.dcm", folder / "several.dcm", NumberOfFrames=10)
    land_unsorted(folder, raw, sort="always")
    (aside,) = read_asides(raw)
    assert aside.what == "several.dcm"
    assert "emf2sf" in aside.reason


@pytest.mark.parametrize("table", ["contours", "images"])
def test_images_in_the_layout_get_contours_from_another_folder(small_phantom: Path, tmp_path: Path, table: str) -> None:
    """A folder with dicoms/ alone lands with the contours and the table named beside it; what does not land is told."""
    for name, folder in (("images", "dicoms"), ("contours", "contourfiles")):
        shutil.copytree(small_phantom / folder, tmp_path / name / folder)
    shutil.copy2(small_phantom / "link.csv", tmp_path / table / "link.csv")
    (tmp_path / "contours" / "contourfiles" / "notes.txt").write_text("mine")
    raw = tmp_path / "data" / "raw"
    landed = land_unsorted(tmp_path / "images", raw, contours=str(tmp_path / "contours"))
    assert (len(landed.new), landed.aside) == (6, 1)
    (told,) = (raw / "aside").iterdir()
    assert "contourfiles/notes.txt" in told.read_text()
    for name in ("dicoms", "contourfiles"):
        assert hash_tree(raw / name) == hash_tree(small_phantom / name)
    (links,) = (raw / "links").iterdir()
    assert links.read_bytes() == (small_phantom / "link.csv").read_bytes()
    again = land_unsorted(tmp_path / "images", raw, contours=str(tmp_path / "contours"))
    assert (again.new, again.changed, len(again.unchanged)) == ((), (), 6)
    with pytest.raises(LayoutError, match="nowhere: is not a folder"):
        land_unsorted(tmp_path / "images", raw, contours=str(tmp_path / "nowhere"))


def test_contours_that_are_not_looked_at_are_told(
    small_phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A source with contours of its own keeps to these, and says so."""
    logs.configure(json_lines=False)
    try:
        land_unsorted(small_phantom, tmp_path / "data" / "raw", contours=str(tmp_path))
    finally:
        structlog.reset_defaults()
    assert "the source has contours of its own" in capsys.readouterr().err


def fetch_all(heap: Path, target: Path, settle_s: float) -> tuple[UnsortedFolder, list[tuple[Offer, Fetched]]]:
    """All patients of a heap, fetched."""
    source = UnsortedFolder(heap, settle_s=settle_s)
    return source, [(offer, source.fetch(offer, target / offer.folder)) for offer in source.look().offers]


def test_patients_that_were_fetched_are_looked_at_again_in_one_walk(
    heap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in one each; whose files came after they were fetched does not land, wherever the file lies."""
    source, fetched = fetch_all(heap, tmp_path / "new", 0.0)
    walks, read = [], UnsortedFolder._read

    def walk(self: UnsortedFolder) -> object:
        walks.append(self)
        return read(self)

    monkeypatch.setattr(UnsortedFolder, "_read", walk)
    grown, others = fetched[0], fetched[1:]
    first = sorted((tmp_path / "new" / grown[0].folder).iterdir())[0]
    (heap / "late").mkdir()
    change(first, heap / "late" / "1", InstanceNumber=99)
    assert [source.steady(*each) for each in fetched] == [False, True, True]
    assert len(walks) == 1
    again = source.fetch(others[0][0], tmp_path / "again")
    assert source.steady(others[0][0], again)
    assert len(walks) == 2


def test_a_walk_before_patients_had_the_time_to_settle_says_nothing_of_them(heap: Path, tmp_path: Path) -> None:
    """A file that comes after it is seen."""
    source, fetched = fetch_all(heap, tmp_path / "new", 3600.0)
    assert not any(offer.quiet for offer, _ in fetched)
    assert all(source.steady(*each) for each in fetched)
    first = sorted((tmp_path / "new" / fetched[0][0].folder).iterdir())[0]
    change(first, heap / "late", InstanceNumber=99)
    assert [source.steady(*each) for each in fetched] == [False, True, True]


def test_folders_behind_links_are_searched(heap: Path, small_phantom: Path, tmp_path: Path) -> None:
    """A part of the heap that lies elsewhere lands as if it were there; a link that leads back is told, and ends."""
    (heap / "disk1").rename(tmp_path / "elsewhere")
    (heap / "disk1").symlink_to("../elsewhere")
    (heap / "disk0" / "back").symlink_to("../..")
    landed = land_unsorted(heap, tmp_path / "data" / "raw")
    assert hash_tree(tmp_path / "data" / "raw" / "dicoms") == hash_tree(small_phantom / "dicoms")
    assert [(aside.what, aside.reason) for aside in read_asides(tmp_path / "data" / "raw")] == [
        ("disk0/back", "leads to a folder that it lies in, or that was searched already")
    ]
    assert landed.whole


def test_folders_full_of_links_to_each_other_are_searched_once(heap: Path, small_phantom: Path, tmp_path: Path) -> None:
    """As many ways as there are orders of them: each folder goes by its own name, and each link is told."""
    others = [heap / f"a{i}" for i in range(8)]
    for folder in others:
        folder.mkdir()
        for other in (*others, heap / "disk0"):
            if other != folder:
                (folder / other.name).symlink_to(other)
    landed = land_unsorted(heap, tmp_path / "data" / "raw")
    assert hash_tree(tmp_path / "data" / "raw" / "dicoms") == hash_tree(small_phantom / "dicoms")
    assert len(read_asides(tmp_path / "data" / "raw")) == 8 * 8
    assert landed.whole


@pytest.mark.parametrize("closed", ["disk1", "disk1/IMG00001"])
def test_what_cannot_be_read_is_told_and_is_no_success(heap: Path, tmp_path: Path, closed: str) -> None:
    """A folder, or a file, that is closed to us: it is named, it is a finding, and the exit code tells."""
    raw, params = tmp_path / "data" / "raw", tmp_path / "params.yaml"
    params.write_text("source: {settle_s: 0}\n")
    mode = (heap / closed).stat().st_mode
    (heap / closed).chmod(0)
    looked = cmrpipe("sources", heap, "--raw", raw, "--params", params)
    done = cmrpipe("land", heap, "--raw", raw, "--params", params)
    (heap / closed).chmod(mode)
    assert f"{closed}  cannot be read (Permission denied)" in looked.stdout
    assert done.returncode == 1, done.stderr
    assert f"{closed} cannot be read (Permission denied)" in done.stderr
    assert "3 new, 1 files or folders could not be read" in done.stdout
    (aside,) = read_asides(raw)
    assert (aside.what, aside.reason) == (closed, "cannot be read (Permission denied)")
    done = cmrpipe("land", heap, "--raw", raw, "--params", params)
    assert done.returncode == 0, done.stderr
    assert read_asides(raw) == []


def test_what_every_disk_has_is_nobody_s(heap: Path, tmp_path: Path) -> None:
    """A whole disk as a source: its lost+found, closed to all but root, is no folder that is missed."""
    (tmp_path / "params.yaml").write_text("source: {settle_s: 0}\n")
    (heap / "lost+found").mkdir(mode=0)
    done = cmrpipe("land", heap, "--raw", tmp_path / "data" / "raw", "--params", tmp_path / "params.yaml")
    assert done.returncode == 0, done.stderr


def test_a_heap_that_is_closed_as_a_whole_is_no_empty_one(heap: Path, tmp_path: Path) -> None:
    """The message names the folder that hides the images, not a layout that nobody meant."""
    params = tmp_path / "params.yaml"
    for sort in ("auto", "always"):
        params.write_text(f"source: {{settle_s: 0, sort: {sort}}}\n")
        for disk in heap.glob("disk*"):
            disk.chmod(0)
        done = cmrpipe("land", heap, "--raw", tmp_path / "raw", "--params", params)
        for disk in heap.glob("disk*"):
            disk.chmod(0o755)
        assert done.returncode == 2
        assert "Permission denied" in done.stderr
        assert "dicoms/" not in done.stderr


def test_names_that_are_no_text_hide_nothing(heap: Path, small_phantom: Path, tmp_path: Path) -> None:
    """Images land whatever their files are called, and what is put aside is told with a name that can be written."""
    (heap / "disk1").rename(heap / os.fsdecode(b"Ger\xe4t"))
    (heap / os.fsdecode(b"gru\xdf.txt")).write_text("not an image")
    raw = tmp_path / "data" / "raw"
    land_unsorted(heap, raw)
    assert hash_tree(raw / "dicoms") == hash_tree(small_phantom / "dicoms")
    assert [aside.what for aside in read_asides(raw)] == [r"gru\udcdf.txt"]
