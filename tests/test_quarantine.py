"""A quarantine that is not there leaves nothing out, and nobody may take it for one that lists nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmrpipe.errors import InputError
from cmrpipe.learn.source import DirectSource
from cmrpipe.params import IngestParams, OverlayParams, StoreParams, ValidateParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import read_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.overlay import overlay
from cmrpipe.stages.store import store
from cmrpipe.stages.validate import validate

REFUSED = r"typo\.csv: is not there\. Run `cmrpipe validate`, which writes it, or name another one with --quarantine"


@pytest.fixture
def catalog(small_phantom: Path, tmp_path: Path) -> Path:
    """The small phantom's catalog."""
    ingest(small_phantom, tmp_path / "catalog", tmp_path / "state", IngestParams(), listen=silent)
    return tmp_path / "catalog"


def test_who_leaves_out_by_it_refuses(small_phantom: Path, catalog: Path, tmp_path: Path) -> None:
    """Store, pictures and training straight from the files: with the mend, and before anything is written."""
    typo, out = tmp_path / "typo.csv", tmp_path / "out"
    before = set(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=REFUSED):
        store(small_phantom, catalog, typo, out, StoreParams(), listen=silent)
    with pytest.raises(InputError, match=REFUSED):
        overlay(small_phantom, catalog, tmp_path / "findings", typo, out, OverlayParams(), listen=silent)
    with pytest.raises(InputError, match=REFUSED):
        DirectSource(small_phantom, catalog, typo)
    assert set(tmp_path.rglob("*")) == before


def test_validate_makes_it(small_phantom: Path, catalog: Path, tmp_path: Path) -> None:
    """Also where there is nothing to leave out, so that the stages after it find it."""
    new = tmp_path / "new.csv"
    validate(small_phantom, catalog, tmp_path / "findings", new, ValidateParams(), listen=silent)
    assert read_quarantine(new) == []
    assert store(small_phantom, catalog, new, tmp_path / "out", StoreParams(), listen=silent).counts["samples"]


def test_one_that_cannot_be_read_and_one_of_other_letters_have_each_their_mend(tmp_path: Path) -> None:
    """What the system refuses is not mended by saving it otherwise."""
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)\. Check the path"):
        read_quarantine(tmp_path)
    (tmp_path / "q.csv").write_bytes("what,name\nimage,M\u00fcller\n".encode("latin-1"))
    with pytest.raises(InputError, match="Save it as UTF-8"):
        read_quarantine(tmp_path / "q.csv")
