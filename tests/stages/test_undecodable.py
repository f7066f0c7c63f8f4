"""Images whose header is in order for ingest, and whose pixels cannot be had all the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest

from cmrpipe.codes import FindingCode as Code
from cmrpipe.params import StoreParams
from cmrpipe.phantom import Truth
from cmrpipe.progress import silent
from cmrpipe.quarantine import read_quarantine
from cmrpipe.stages.store import store
from cmrpipe.store import open_store
from tests.stages.faulty import check, found


def break_tags(path: Path, how: str) -> None:
    """Give an image tags that its pixels cannot be read by."""
    image = pydicom.dcmread(path)
    if how == "bits":
        image.BitsStored = image.BitsAllocated + 16
    else:
        image.add_new("RescaleSlope", "DS" if how == "rescale" else "LO", ["1", "2"] if how == "rescale" else how)
    image.save_as(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["bits", "rescale", "nan"])
def test_one_image_is_lost_and_no_more(clean: tuple[Path, Truth], tmp_path: Path, how: str) -> None:
    """One that is drawn in is told and left out; a frame in which nothing is drawn stops nothing."""
    base = tmp_path / "base"
    shutil.copytree(clean[0], base)
    drawn = int(sorted((base / "set" / "contourfiles").glob("*/i-contours/*"))[0].name.split("-")[2])
    patient = sorted((base / "set" / "dicoms").iterdir())[0]
    numbers = {int(path.name.split("-")[2]) for path in (base / "set" / "contourfiles").glob("*/*/*")}
    beside = next(n for n in range(1, 49) if n not in numbers)
    for number in (drawn, beside):
        break_tags(patient / f"{number}.dcm", how)
    check(base / "set", base)
    name = f"dicoms/{patient.name}/{drawn}.dcm"
    told = [f.path for f in found(base) if f.code is Code.IMAGE_UNDECODABLE]
    assert name in told
    assert name in {row.name for row in read_quarantine(base / "quarantine.csv")}
    for where, out in ((clean[0], "before"), (base, "after")):
        args = (where / "set", where / "catalog", where / "quarantine.csv", tmp_path / out, StoreParams())
        store(*args, listen=silent)
    with open_store(tmp_path / "before") as before, open_store(tmp_path / "after") as after:
        assert after.count(patient.name) == before.count(patient.name) - 1
        assert after.load(patient.name).heart_px == pytest.approx(before.load(patient.name).heart_px, abs=2)
