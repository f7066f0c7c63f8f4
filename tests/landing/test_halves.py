"""Half of a patient who was refused is not linked to the other half of a namesake."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cmrpipe.connect.copying import hash_tree
from cmrpipe.landing import land
from cmrpipe.progress import silent
from tests.landing.sites import Sites, edit_a_contour, export_again, without


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("missing", ["contourfiles", "dicoms"])
def test_half_a_patient_does_not_get_the_other_half_of_a_namesake(sites: Sites, missing: str, packing: bool) -> None:
    """Site A has sent a half and its link table; B's patient of the same ids lands in no part."""
    a, b = sites.site("a", 0, "001", "001"), sites.site("b", 1, "001", "001")
    if missing == "dicoms":  # a set of contours alone is no source: with it comes another patient
        shutil.copytree(sites.site("more", 2, "900", "900") / "dicoms" / "900", a / "dicoms" / "900")
        shutil.rmtree(a / "dicoms" / "001")
    else:
        without(a, missing)
    land(a, sites.raw, packing=packing, listen=silent)
    standing = hash_tree(sites.raw)
    landed = land(b, sites.raw, packing=packing, listen=silent)
    assert set(landed.failed) == {"contourfiles/001", "dicoms/001"}
    assert "would go to another's images" in landed.failed[f"{missing}/001"]
    assert {path: hashed for path, hashed in hash_tree(sites.raw).items() if path != "links/b.csv"} == standing
    assert sites.rows() == {("001", "001")}


def test_half_a_patient_of_another_site_whose_folder_has_the_same_name(sites: Sites) -> None:
    """The table that standing images are named in is called as this source's own would be."""
    a, b = sites.site("a/export", 0, "001", "001"), sites.site("b/export", 1, "001", "001")
    sites.land(without(a, "contourfiles"))
    assert set(sites.land(b).failed) == {"dicoms/001", "contourfiles/001", "link.csv"}
    assert not (sites.raw / "contourfiles" / "001").exists()


def test_half_a_patient_whose_other_half_cannot_be_looked_at(sites: Sites) -> None:
    """Its folder of images is empty: nobody knows whose the contours are."""
    a, b = sites.site("a", 0, "001", "001"), sites.site("b", 1, "001", "001")
    sites.land(without(a, "contourfiles"))
    shutil.rmtree(b / "dicoms" / "001")
    (b / "dicoms" / "001").mkdir()
    shutil.copytree(sites.site("more", 2, "002", "002") / "dicoms" / "002", b / "dicoms" / "002")
    landed = sites.land(b)
    assert set(landed.failed) == {"dicoms/001", "contourfiles/001"}
    assert landed.new == ("dicoms/002",)


def test_contours_that_changed_land_while_their_images_cannot_be_read(sites: Sites) -> None:
    """They are this source's own, and stand: nobody else's."""
    a = sites.site("a", 0, "001", "001")
    sites.land(a)
    moved = a.rename(sites.root / "elsewhere")
    os.mkfifo(moved / "dicoms" / "001" / "998.dcm")
    edit_a_contour(moved)
    assert sites.land(moved).changed == ("contourfiles/001",)


def test_contours_that_come_later_from_elsewhere_land(sites: Sites) -> None:
    """Images and link table from one source, contours from a second that has no images of its own, or the same."""
    a = sites.site("a", 0, "001", "SC-A")
    b = Path(shutil.copytree(a, sites.root / "b"))
    (b / "link.csv").unlink()
    without(a, "contourfiles")
    sites.land(a)
    export_again(b)
    landed = sites.land(b)
    assert (landed.failed, landed.new, landed.changed) == ({}, ("contourfiles/SC-A",), ("dicoms/001",))
    assert sites.rows() == {("001", "SC-A")}


def test_contours_wait_for_images_that_cannot_be_read(sites: Sites) -> None:
    """Whose they are is not known before the source's own images of that name have been looked at."""
    a, b = sites.site("a", 0, "001", "001"), sites.site("b", 1, "001", "001")
    sites.land(without(a, "contourfiles"))
    os.mkfifo(b / "dicoms" / "001" / "998.dcm")
    assert set(sites.land(b).failed) == {"dicoms/001", "contourfiles/001"}
    assert not (sites.raw / "contourfiles" / "001").exists()


def test_contours_of_images_that_never_landed_land(sites: Sites) -> None:
    """A row that has landed gives them to images that cannot be read now; of that name there is nobody else's."""
    a, more = sites.site("a", 0, "001", "001"), sites.site("more", 1, "002", "002")
    (more / "link.csv").write_text("patient_id,original_id\n001,001\n002,002\n")
    sites.land(more)
    os.mkfifo(a / "dicoms" / "001" / "998.dcm")
    landed = sites.land(a)
    assert (set(landed.failed), landed.new) == ({"dicoms/001"}, ("contourfiles/001",))
