"""A folder in the layout: links to folders are followed, wherever what lies behind them is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmrpipe.connect.folder import FolderSource, newest_change
from cmrpipe.connect.source import Fetched
from cmrpipe.landing import land
from cmrpipe.progress import silent
from cmrpipe.readers.layouts import contour_folders


@pytest.fixture
def linked(raw: Path, tmp_path: Path) -> Path:
    """A contour file, in a folder that stands in the source as a link to elsewhere."""
    folder = raw / "contourfiles" / contour_folders(raw)[0] / "i-contours"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    return sorted((tmp_path / "elsewhere").iterdir())[0]


def test_what_changes_behind_a_link_lands(raw: Path, linked: Path, tmp_path: Path) -> None:
    """Without it, nothing lands twice."""
    target, folder = tmp_path / "data" / "raw", f"contourfiles/{contour_folders(raw)[0]}"
    assert len(land(raw, target, listen=silent).new) == 6
    assert len(land(raw, target, listen=silent).unchanged) == 6
    linked.write_bytes(linked.read_bytes().partition(b"\n")[2])
    landed = land(raw, target, listen=silent)
    assert (landed.changed, len(landed.unchanged)) == ((folder,), 5)
    assert (target / folder / "i-contours" / linked.name).read_bytes() == linked.read_bytes()


def test_what_still_changes_behind_a_link_is_not_quiet(raw: Path, linked: Path) -> None:
    """Files there count for the time of the last change."""
    os.utime(linked, (4e9, 4e9))
    assert newest_change(raw, f"contourfiles/{contour_folders(raw)[0]}")[1] == 4e9


@pytest.mark.parametrize("came", ["link", "name"])
def test_a_folder_that_becomes_unreadable_while_it_is_fetched_is_not_steady(raw: Path, came: str) -> None:
    """It is left for the next landing, and stops nobody else."""
    source = FolderSource(raw)
    offer = source.look().offers[0]
    place = raw / offer.folder
    if came == "link":
        (place / "2.txt").symlink_to(place / "nowhere")
    else:
        (place / "caf\udce9.txt").touch()
    assert not source.steady(offer, Fetched({}))
