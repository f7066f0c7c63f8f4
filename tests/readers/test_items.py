"""Links in folders may lead anywhere, to themselves as well."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmrpipe.cli.whose import refuse_others, remember
from cmrpipe.connect.address import full_address
from cmrpipe.connect.folder import FolderSource
from cmrpipe.errors import InputError, LayoutError
from cmrpipe.landing.apart import check_apart
from cmrpipe.predict.source import find_patients
from cmrpipe.readers.items import Walk
from cmrpipe.readers.layouts import check_layout, keep_out


def test_a_link_that_leads_to_itself_is_no_folder(tmp_path: Path) -> None:
    """As a data set, a source, results or an output: told as any other that is not there, or left to who writes."""
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert full_address(str(loop)) == str(loop)
    assert FolderSource(loop).name == "loop"
    check_apart(str(loop), tmp_path / "raw")
    check_apart(str(tmp_path / "source"), loop)
    keep_out(tmp_path / "raw", loop)
    with pytest.raises(InputError, match="only read"):
        keep_out(loop, loop)
    remember(tmp_path / "results", loop)
    refuse_others(tmp_path / "results", loop, tmp_path / "quarantine.csv", [])
    with pytest.raises(LayoutError, match="is not a folder"):
        check_layout(loop)
    with pytest.raises(LayoutError, match="is not a folder"):
        find_patients(loop, loop)


def test_a_walk_ends_however_links_cross(tmp_path: Path) -> None:
    """Eight folders, each with links to the seven others and to the folder that all lie in: each is seen once."""
    for i in range(8):
        (tmp_path / f"{i}").mkdir()
        for j in range(8):
            if i != j:
                (tmp_path / f"{i}" / f"{j}").symlink_to(tmp_path / f"{j}")
        (tmp_path / f"{i}" / "up").symlink_to(tmp_path.parent)
    walk, new = Walk(str(tmp_path / "0")), []
    for place, again in walk:
        if not again:
            new.append(Path(place).name)
            with os.scandir(place) as scan:
                for item in scan:
                    walk.add(item)
    assert sorted(new) == [f"{i}" for i in range(8)]
