"""One id at two sites: another person's folder does not take the place of the first one's, a moved source's does."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner

from cmrpipe.cli.app import app
from cmrpipe.connect.copying import hash_tree
from cmrpipe.landing import Ledger, land
from cmrpipe.landing.ledger import ledger_file
from cmrpipe.progress import silent
from cmrpipe.readers.asides import read_asides
from tests.landing.sites import Sites, drop_an_image, edit_a_contour, export_again, rewrite_contours


def test_another_sites_patient_of_the_same_id_is_refused(sites: Sites) -> None:
    """The first stays, every night anew; the second is told with both sources, the cause and the mend."""
    a, b = sites.site("a", 0, "001", "SC-A"), sites.site("b", 1, "001", "SC-B")
    sites.land(a)
    for _ in range(2):
        landed = sites.land(b)
        told = landed.failed["dicoms/001"]
        for words in (str(a), str(b), "no StudyInstanceUID in common", "Rename", "cmrpipe forget"):
            assert words in told
        assert landed.changed == ()
        assert sites.land(a).changed == ()
    assert hash_tree(sites.raw / "dicoms" / "001") == hash_tree(a / "dicoms" / "001")
    assert (sites.raw / "contourfiles" / "SC-B").is_dir()
    assert sites.rows() == {("001", "SC-A")}, "contours of the one must not be linked to images of the other"


def test_a_patient_that_is_refused_after_it_was_waited_for_has_no_row(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which rows land is decided when all is placed, not while a patient still waits."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    a, b = sites.site("a", 0, "001", "SC-A"), sites.site("b", 1, "001", "SC-B")
    sites.land(a)
    assert set(land(b, sites.raw, settle_s=3600.0, listen=silent).failed) == {"dicoms/001"}
    assert sites.rows() == {("001", "SC-A")}


def test_everybody_else_of_the_source_lands(sites: Sites) -> None:
    """A refused folder stops no other, nor its row."""
    sites.land(sites.site("a", 0, "001", "SC-A"))
    b, more = sites.site("b", 1, "001", "SC-B"), sites.site("more", 2, "002", "SC-C")
    for name in ("dicoms/002", "contourfiles/SC-C"):
        shutil.copytree(more / name, b / name)
    (b / "link.csv").write_text("patient_id,original_id\n1,SC-B\n002,SC-C\n")
    landed = sites.land(b)
    assert set(landed.failed) == {"dicoms/001"}
    assert set(landed.new) == {"contourfiles/SC-B", "contourfiles/SC-C", "dicoms/002"}
    assert sites.rows() == {("001", "SC-A"), ("002", "SC-C")}, "1 would be taken for 001"


def test_another_sites_contours_of_the_same_id_are_refused(sites: Sites) -> None:
    """And the patient of the second source is not linked to the first one's contours."""
    a, b = sites.site("a", 0, "A1", "SC-1"), sites.site("b", 1, "B1", "SC-1")
    sites.land(a)
    landed = sites.land(b)
    assert set(landed.failed) == {"contourfiles/SC-1"}
    assert "no contour in common" in landed.failed["contourfiles/SC-1"]
    assert str(a) in landed.failed["contourfiles/SC-1"]
    assert landed.new == ("dicoms/B1",)
    assert hash_tree(sites.raw / "contourfiles" / "SC-1") == hash_tree(a / "contourfiles" / "SC-1")
    assert sites.rows() == {("A1", "SC-1")}


def test_renamed_it_lands(sites: Sites) -> None:
    """What the message says helps."""
    sites.land(sites.site("a", 0, "001", "SC-A"))
    b = sites.site("b", 1, "001", "SC-B")
    sites.land(b)
    (b / "dicoms" / "001").rename(b / "dicoms" / "B-001")
    (b / "link.csv").write_text("patient_id,original_id\nB-001,SC-B\n")
    landed = sites.land(b)
    assert (landed.new, landed.failed) == (("dicoms/B-001",), {})
    assert sites.rows() == {("001", "SC-A"), ("B-001", "SC-B")}


def test_two_link_tables_of_one_name(sites: Sites) -> None:
    """Both sites call their folder `export`: the second table does not take the first one's place; named, it lands."""
    a, b = sites.site("a/export", 0, "A1", "SC-A"), sites.site("b/export", 1, "B1", "SC-B")
    sites.land(a)
    for _ in range(2):
        landed = sites.land(b)
        assert set(landed.failed) == {"link.csv"}
        assert str(a) in landed.failed["link.csv"]
        assert "--name" in landed.failed["link.csv"]
        assert sites.land(a).failed == {}
    assert sites.rows() == {("A1", "SC-A")}
    assert land(b, sites.raw, name="b", listen=silent).failed == {}
    assert sites.rows() == {("A1", "SC-A"), ("B1", "SC-B")}


def test_a_link_table_grows_moves_and_is_mended(sites: Sites) -> None:
    """From its own source whatever it says; from another address with a row in common."""
    a = sites.site("a/export", 0, "A1", "SC-A")
    sites.land(a)
    (a / "link.csv").write_text("patient_id,original_id\nA1,SC-B\n")
    assert sites.land(a).failed == {}
    moved = a.rename(sites.root / "export")
    assert sites.land(moved).failed == {}
    (moved / "link.csv").write_text("patient_id,original_id\nA1,SC-A\n")
    assert sites.land(moved).failed == {}
    (moved / "link.csv").write_text("patient_id,original_id\nA1,SC-A\nA2,SC-C\n")
    assert sites.land(moved).failed == {}
    back = moved.rename(a)
    (back / "link.csv").write_text("patient_id,original_id\nA2,SC-C\n")
    assert sites.land(back).failed == {}
    assert sites.rows() == {("A2", "SC-C")}


@pytest.mark.parametrize(
    ("change", "folders"),
    [
        (drop_an_image, {"dicoms/001"}),
        (export_again, {"dicoms/001"}),
        (edit_a_contour, {"contourfiles/SC-A"}),
    ],
)
def test_a_source_that_moved_goes_on(sites: Sites, change: Callable[[Path], None], folders: set[str]) -> None:
    """The same patient from another address: with other images of the study, exported again, with contours mended."""
    a = sites.site("a", 0, "001", "SC-A")
    sites.land(a)
    moved = a.rename(sites.root / "elsewhere")
    change(moved)
    landed = sites.land(moved)
    assert set(landed.changed) == folders
    assert landed.failed == {}
    assert sites.land(moved).changed == ()


def test_a_source_that_moved_unchanged_may_draw_all_its_contours_anew(sites: Sites) -> None:
    """Who has been seen to have what landed is no stranger; nor is a source that changes what it brought itself."""
    a = sites.site("a", 0, "001", "SC-A")
    sites.land(a)
    rewrite_contours(a)
    assert sites.land(a).changed == ("contourfiles/SC-A",)
    moved = a.rename(sites.root / "elsewhere")
    assert sites.land(moved).changed == ()
    rewrite_contours(moved)
    assert sites.land(moved).changed == ("contourfiles/SC-A",)
    assert Ledger(sites.raw).landed_from(str(moved)) == ["contourfiles/SC-A", "dicoms/001", "links/elsewhere"]


def test_lines_of_an_older_ledger_tell_who_brought_what(sites: Sites) -> None:
    """After a landing that let the second site's patient in: it stays, and the first site is told."""
    a, b = sites.site("a", 0, "001", "SC-A"), sites.site("b", 1, "001", "SC-B")
    sites.land(b)
    lines = ledger_file(sites.raw).read_text().splitlines()
    first = next(line for line in lines if "dicoms/001" in line)
    old = first.replace(str(b), str(a)).replace(first.split(",")[6], "0" * 64)
    ledger_file(sites.raw).write_text("\n".join([lines[0], old, *lines[1:]]) + "\n")
    landed = sites.land(a)
    assert str(b) in landed.failed["dicoms/001"]
    assert sites.land(b).failed == {}


def test_without_a_ledger_a_namesake_is_refused_too(sites: Sites) -> None:
    """Nobody knows who brought it, and it is another person's; its own source is known again when it lands next."""
    a, b = sites.site("a", 0, "001", "SC-A"), sites.site("b", 1, "001", "SC-B")
    sites.land(a)
    ledger_file(sites.raw).unlink()
    assert "does not name" in sites.land(b).failed["dicoms/001"]
    assert sites.land(a).failed == {}
    assert str(a) in sites.land(b).failed["dicoms/001"]
    drop_an_image(a)
    assert sites.land(a).changed == ("dicoms/001",)


def test_files_without_a_study_are_told_apart_by_their_bytes(sites: Sites) -> None:
    """Images without StudyInstanceUID: one file in common is enough, none is not."""
    sources = [sites.site("a", 0, "001", "SC-A"), sites.site("b", 1, "001", "SC-B")]
    for source in sources:
        for path in source.glob("dicoms/*/*.dcm"):
            image = pydicom.dcmread(path)
            del image.StudyInstanceUID
            image.save_as(path)
    sites.land(sources[0])
    assert "no file in common" in sites.land(sources[1]).failed["dicoms/001"]
    moved = sources[0].rename(sites.root / "elsewhere")
    drop_an_image(moved)
    assert sites.land(moved).changed == ("dicoms/001",)


def test_a_file_in_common_does_not_make_two_studies_one(sites: Sites) -> None:
    """Where the images of both have studies of their own, a file that many have, a scout or a note, tells nothing."""
    a, b = sites.site("a", 0, "001", "SC-A"), sites.site("b", 1, "001", "SC-B")
    for folder in (a / "dicoms" / "001", b / "dicoms" / "001"):
        for path in sorted(folder.iterdir())[3:]:
            path.unlink()
        (folder / "900.dcm").write_bytes(b"the same for everybody")
    sites.land(a)
    assert "no StudyInstanceUID in common" in sites.land(b).failed["dicoms/001"]
    assert hash_tree(sites.raw / "dicoms" / "001") == hash_tree(a / "dicoms" / "001")


def test_a_moved_source_keeps_the_rows_of_what_cannot_be_read_now(sites: Sites) -> None:
    """Its patient landed, and stands; that a file of it cannot be read in the new place takes no label away."""
    a = sites.site("a", 0, "001", "SC-A")
    sites.land(a)
    (sites.root / "mounted").mkdir()
    moved = a.rename(sites.root / "mounted" / "a")
    os.mkfifo(moved / "dicoms" / "001" / "998.dcm")
    assert set(sites.land(moved).failed) == {"dicoms/001"}
    assert sites.rows() == {("001", "SC-A")}


@pytest.mark.parametrize("why", ["a pipe", "empty", "still written"])
def test_a_namesake_that_does_not_land_now_gives_its_row_to_nobody(
    sites: Sites, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """What could not be looked at may be another person's: its row of the link table waits with it."""
    sites.land(sites.site("a", 0, "001", "SC-A"))
    b = sites.site("b", 1, "001", "SC-B")
    folder = b / "dicoms" / "001"
    shutil.copytree(folder, b / "dicoms" / "002")
    if why == "a pipe":
        os.mkfifo(folder / "998.dcm")
    elif why == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
    monkeypatch.setattr(time, "sleep", lambda _: (folder / "999.dcm").write_bytes(b"more"))
    landed = land(b, sites.raw, settle_s=3600.0 if why == "still written" else 0.0, listen=silent)
    assert (*landed.failed, *landed.unsettled) == ("dicoms/001",)
    assert set(landed.new) == {"contourfiles/SC-B", "dicoms/002"}
    assert sites.rows() == {("001", "SC-A")}


def test_a_patient_who_is_nobodys_namesake_has_a_row_before_the_images_can_be_read(sites: Sites) -> None:
    """Nothing stands that the contours could be given to by mistake."""
    a = sites.site("a", 0, "001", "SC-A")
    shutil.copytree(a / "dicoms" / "001", a / "dicoms" / "002")
    os.mkfifo(a / "dicoms" / "001" / "998.dcm")
    assert set(sites.land(a).failed) == {"dicoms/001"}
    assert sites.rows() == {("001", "SC-A")}


def test_packed_ones_are_told_apart_too(sites: Sites) -> None:
    """Landed as archives; the copy beside raw that was refused does not stay."""
    a, b = sites.site("a", 0, "001", "SC-A"), sites.site("b", 1, "001", "SC-B")
    land(a, sites.raw, packing=True, listen=silent)
    before = hash_tree(sites.raw / "dicoms")
    landed = land(b, sites.raw, packing=True, listen=silent)
    assert set(landed.failed) == {"dicoms/001"}
    assert hash_tree(sites.raw / "dicoms") == before
    assert read_asides(sites.raw) == []


def test_two_real_people_of_one_id(final_data: Path, sites: Sites) -> None:
    """SCD0000101 and SCD0000201 as patient 001 of two sites, by command; the exit code tells, `sources` too."""
    folders = []
    for name, patient in (("A", "SCD0000101"), ("B", "SCD0000201")):
        folders.append(sites.root / name)
        (folders[-1] / "dicoms" / "001").mkdir(parents=True)
        for path in random.Random(1).sample(sorted((final_data / "dicoms" / patient).iterdir()), 5):
            shutil.copy2(path, folders[-1] / "dicoms" / "001" / path.name)
    run = CliRunner()
    parameters = sites.root / "params.yaml"
    parameters.write_text("source: {settle_s: 0.0}\n")
    options = ["--raw", str(sites.raw), "--params", str(parameters)]
    assert run.invoke(app, ["land", str(folders[0]), *options]).exit_code == 0
    looked = run.invoke(app, ["sources", str(folders[1]), *options])
    assert "landed from another source" in looked.output
    done = run.invoke(app, ["land", str(folders[1]), *options])
    assert done.exit_code == 1
    assert "dicoms/001 not landed" in done.output
    assert "1 could not land" in done.output
    assert hash_tree(sites.raw / "dicoms") == hash_tree(folders[0] / "dicoms")
    assert run.invoke(app, ["land", os.path.relpath(folders[0]), *options]).exit_code == 0
