"""The ingest stage."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pydicom
import pytest
from pydicom.uid import RLELossless

from cmrpipe.catalog import Catalog
from cmrpipe.errors import LayoutError
from cmrpipe.files import FILE_BYTES
from cmrpipe.model import ContourRecord, ImageRecord
from cmrpipe.params import IngestParams
from cmrpipe.progress import silent
from cmrpipe.readers import dicom
from cmrpipe.readers.archives import pack
from cmrpipe.readers.layouts import strangers
from cmrpipe.stages import ingest as stage
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.summary import Summary
from tests.snapshots import snapshot


def run(raw: Path, base: Path, workers: int = 1, params: IngestParams | None = None) -> Summary:
    """Ingest into `base/catalog`."""
    return ingest(raw, base / "catalog", base / "state", params or IngestParams(), listen=silent, workers=workers)


def test_real_data_give_a_row_for_every_file(final_data: Path, tmp_path: Path) -> None:
    """1,140 images, 96 + 46 contours, 5 links; 20 frames a slice; and a second run has nothing to do."""
    summary = run(final_data, tmp_path, workers=2)
    assert (summary.done, summary.counts["images"], summary.counts["contours"]) == (5, 1140, 142)
    images = pd.read_parquet(tmp_path / "catalog" / "images")
    contours = pd.read_parquet(tmp_path / "catalog" / "contours")
    assert (len(images), len(contours)) == (1140, 142)
    assert contours["kind"].value_counts().to_dict() == {"endo": 96, "epi": 46}
    assert (images["error"] == "").all()
    assert (contours["error"] == "").all()
    assert (images["file_number"] == images["instance_number"]).all()
    assert (images["frame"] == (images["file_number"] - 1) % 20 + 1).all()
    assert (images["slice_index"] == (images["file_number"] - 1) // 20).all()
    assert (images["grid_source"] == "position").all()
    assert images.groupby("patient_id").size().tolist() == [240, 260, 200, 220, 220]
    again = run(final_data, tmp_path)
    assert (again.done, again.unchanged) == (0, 5)


def test_processes_state_and_place_change_no_byte(small_phantom: Path, raw: Path, tmp_path: Path) -> None:
    """Another folder, another number of processes, no memory of earlier runs: the same catalog."""
    run(small_phantom, tmp_path / "a")
    run(raw, tmp_path / "b", workers=2)
    assert snapshot(tmp_path / "a" / "catalog") == snapshot(tmp_path / "b" / "catalog")


def test_only_changed_files_are_read(
    raw: Path, tmp_path: Path, edit: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When one image changes, that file alone is parsed, and the catalog is that of a fresh run."""
    run(raw, tmp_path / "a")
    victim = sorted(raw.glob("dicoms/*/*.dcm"))[3]
    edit(victim, sorted(raw.glob("dicoms/*/*.dcm"))[4].read_bytes())
    parsed: list[str] = []

    def counting(data: bytes, path: str, patient_id: str) -> object:
        parsed.append(path)
        return dicom.read_header(data, path, patient_id)

    monkeypatch.setattr(stage, "read_header", counting)
    summary = run(raw, tmp_path / "a")
    assert parsed == [victim.relative_to(raw).as_posix()]
    assert (summary.done, summary.unchanged) == (1, 2)
    monkeypatch.undo()
    run(raw, tmp_path / "b")
    assert snapshot(tmp_path / "a" / "catalog") == snapshot(tmp_path / "b" / "catalog")


def test_exchanged_names_are_seen(raw: Path, tmp_path: Path) -> None:
    """Two images of one size and modification time, as an unpacked archive has them, change places: both are read."""
    for path in raw.rglob("*.dcm"):
        os.utime(path, (1.4e9, 1.4e9))
    run(raw, tmp_path / "a")
    one, other = sorted(raw.glob("dicoms/*/2?.dcm"))[3:5]
    assert one.stat().st_size == other.stat().st_size
    one.rename(raw / "aside.dcm")
    other.rename(one)
    (raw / "aside.dcm").rename(other)
    run(raw, tmp_path / "a")
    run(raw, tmp_path / "b")
    assert snapshot(tmp_path / "a" / "catalog") == snapshot(tmp_path / "b" / "catalog")


def test_rotten_catalog_is_not_built_upon(raw: Path, tmp_path: Path, edit: Callable[[Path, bytes], None]) -> None:
    """Rows of an altered table are not taken over when a file of its patient changes."""
    run(raw, tmp_path / "a")
    table = sorted((tmp_path / "a" / "catalog" / "images").iterdir())[0]
    other = sorted((tmp_path / "a" / "catalog" / "images").iterdir())[1]
    table.write_bytes(other.read_bytes())
    victim = sorted(raw.glob("dicoms/*/*.dcm"))[0]
    edit(victim, victim.read_bytes() + b"\0\0")
    run(raw, tmp_path / "a")
    run(raw, tmp_path / "b")
    assert snapshot(tmp_path / "a" / "catalog") == snapshot(tmp_path / "b" / "catalog")


def test_parameter_change_reads_everything_again(raw: Path, tmp_path: Path) -> None:
    """Another contour origin moves every point, for every patient."""
    run(raw, tmp_path)
    name = Catalog(tmp_path / "catalog").original_ids()[0]
    before = Catalog(tmp_path / "catalog").contours(name)[0].points
    summary = run(raw, tmp_path, params=IngestParams(contour_origin=0.0))
    after = Catalog(tmp_path / "catalog").contours(name)[0].points
    assert summary.done == 3
    assert before is not None
    assert after is not None
    assert (after - before == 1.0).all()


def test_bad_files_are_rows_and_the_rest_goes_on(raw: Path, tmp_path: Path) -> None:
    """A text file named 7.dcm, a cut image and contours that are none: rows with an error, all others fine."""
    folder = sorted((raw / "dicoms").iterdir())[0]
    (folder / "7.dcm").write_text("not an image")
    (folder / "8.dcm").write_bytes((folder / "8.dcm").read_bytes()[:3000])
    contours = sorted(raw.glob("contourfiles/*/i-contours/*.txt"))[:2]
    contours[0].write_text("1.0 2.0\n")
    contours[1].write_text("1.0 2.0\nabc def\n3 4\n5 6\n")
    (folder / ".DS_Store").write_bytes(b"x")
    summary = run(raw, tmp_path)
    assert (summary.counts["unreadable"], summary.counts["stray"]) == (4, 1)
    errors = {r.path.rpartition("/")[2]: r.error for r in Catalog(tmp_path / "catalog").images(folder.name) if r.error}
    assert "not a DICOM file" in errors["7.dcm"]
    assert "truncated" in errors["8.dcm"]
    assert len(errors) == 2


def test_a_file_beyond_all_measure_is_a_row_and_the_rest_goes_on(raw: Path, tmp_path: Path) -> None:
    """It is not read: a disk image under an image's name would take all memory, and the run with it."""
    image, contour = sorted(raw.glob("dicoms/*/7.dcm"))[0], sorted(raw.glob("contourfiles/*/i-contours/*.txt"))[0]
    for path in (image, contour):
        os.truncate(path, FILE_BYTES + 1)
    summary = run(raw, tmp_path)
    book = Catalog(tmp_path / "catalog")
    rows: list[ImageRecord | ContourRecord] = [*book.images(image.parent.name)]
    rows += book.contours(contour.parents[1].name)
    assert {row.path for row in rows if row.error} == {p.relative_to(raw).as_posix() for p in (image, contour)}
    assert all(row.error.startswith("has 1,073,741,825 bytes, more than any") for row in rows if row.error)
    assert summary.counts["unreadable"] == 2


@pytest.mark.filterwarnings("ignore")
def test_compressed_pixels_that_cannot_be_decoded_are_told_at_once(raw: Path, tmp_path: Path) -> None:
    """Nothing but decoding shows the damage; the store would stop at it. A whole compressed image has no error."""
    victim, whole = sorted(raw.glob("dicoms/*/*.dcm"))[:2]
    for path in (victim, whole):
        image = pydicom.dcmread(path)
        image.compress(RLELossless)
        image.save_as(path)
    data = victim.read_bytes()
    victim.write_bytes(data[: len(data) * 2 // 3])
    summary = run(raw, tmp_path)
    rows = {row.path: row for row in Catalog(tmp_path / "catalog").images(victim.parent.name)}
    assert summary.counts["unreadable"] == 1
    assert rows[victim.relative_to(raw).as_posix()].error.startswith("its pixels cannot be read (")
    assert rows[whole.relative_to(raw).as_posix()].error == ""


def test_links_that_lead_back_are_strays_and_those_that_lead_nowhere_unreadable(raw: Path, tmp_path: Path) -> None:
    """A link to where it lies, to itself, in a circle, by way of a file; one to a folder elsewhere is followed once."""
    folder = sorted((raw / "dicoms").iterdir())[0]
    count = len(list(folder.glob("*.dcm")))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "1.dcm").rename(elsewhere / "1.dcm")
    (folder / "itself.dcm").symlink_to("itself.dcm")
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    (folder / "here").symlink_to(".")
    (folder / "nowhere.dcm").symlink_to("gone.dcm")
    (folder / "more").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    (elsewhere / "again").symlink_to(elsewhere)
    (folder / "a").symlink_to(elsewhere / "9")
    (elsewhere / "9").mkdir()
    (folder / "by-file.dcm").symlink_to("2.dcm/foo")
    (raw / "dicoms" / "circle").symlink_to("circle")
    (raw / "README.txt").symlink_to("link.csv/foo")
    summary = run(raw, tmp_path)
    rows = Catalog(tmp_path / "catalog").images(folder.name)
    broken = {row.path.rpartition("/")[2]: row.error for row in rows if row.error}
    assert len(rows) - len(broken) == count
    assert broken.keys() == {"itself.dcm", "one", "two", "nowhere.dcm", "by-file.dcm"}
    assert "it is a link to 'gone.dcm', where nothing is" in broken["nowhere.dcm"]
    assert f"dicoms/{folder.name}/more/1.dcm" in {row.path for row in rows}
    assert (summary.counts["stray"], summary.counts["unreadable"]) == (4, 5)
    assert strangers(raw) == {"dicoms": ["circle"]}


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """No patient: a clear error, and no catalog."""
    (tmp_path / "raw").mkdir()
    with pytest.raises(LayoutError, match="dicoms"):
        run(tmp_path / "raw", tmp_path)
    assert not (tmp_path / "catalog").exists()


def test_a_name_that_is_no_text_is_refused_by_name(raw: Path, tmp_path: Path) -> None:
    """As an old system's code page leaves it; no table could hold it."""
    folder = sorted((raw / "dicoms").iterdir())[0]
    (folder / "7.dcm").rename(folder / os.fsdecode(b"K\xf6rper.dcm"))
    with pytest.raises(LayoutError, match=r"K\\udcf6rper.dcm.*Rename"):
        run(raw, tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_name_that_is_too_long_is_refused_by_name(raw: Path, tmp_path: Path, packed: bool) -> None:
    """Before anything is read, with what to do; not by the file that could not be named by it."""
    folder = sorted((raw / "dicoms").iterdir())[0]
    if packed:
        pack(folder, folder.with_name(f"{'P' * 240}.zip"))
    else:
        folder.rename(folder.with_name("P" * 240))
    with pytest.raises(LayoutError, match=r"dicoms/P{240}: has a name of 240 bytes, more than 220\. Rename"):
        run(raw, tmp_path)


def test_gone_patient_is_reported(raw: Path, tmp_path: Path) -> None:
    """A patient folder that is no longer there leaves the catalog, counted as gone."""
    import shutil

    run(raw, tmp_path)
    shutil.rmtree(sorted((raw / "dicoms").iterdir())[0])
    summary = run(raw, tmp_path)
    assert (summary.gone, summary.unchanged, len(Catalog(tmp_path / "catalog").patients())) == (1, 2, 2)
