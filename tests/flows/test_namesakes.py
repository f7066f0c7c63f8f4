"""Two sites with a contour folder of one name, in a workspace."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cmrpipe.connect.copying import hash_tree
from tests.flows.conftest import Space

pytestmark = pytest.mark.slow


def test_the_exit_code_tells_of_contours_alone(space: Space, four_patients: Path, tmp_path: Path) -> None:
    """Patients of different ids, contours of one: the second's are refused, and its patient is recorded."""
    patients = sorted(p.name for p in (four_patients / "dicoms").iterdir())
    contours = sorted((four_patients / "contourfiles").iterdir())
    for site, patient, folder in zip("ab", patients, contours, strict=False):
        shutil.copytree(four_patients / "dicoms" / patient, tmp_path / site / "dicoms" / patient)
        shutil.copytree(folder, tmp_path / site / "contourfiles" / "SC-1")
        (tmp_path / site / "link.csv").write_text(f"patient_id,original_id\n{patient},SC-1\n")
    space.call("cmrpipe", "land", str(tmp_path / "a"))
    said = space.call("cmrpipe", "land", str(tmp_path / "b"), code=1)
    assert "contourfiles/SC-1 not landed" in said
    assert "1 new" in said
    raw = space.root / "data" / "raw"
    assert hash_tree(raw / "contourfiles") == hash_tree(tmp_path / "a" / "contourfiles")
    assert "SC-1" not in (raw / "links" / "b.csv").read_text()
