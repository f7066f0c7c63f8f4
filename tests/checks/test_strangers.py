"""What lies in the raw folder beside the layout, and beside what counts in a patient's folder."""

from __future__ import annotations

import pytest

from cmrpipe.checks.strangers import check_strangers
from cmrpipe.codes import FindingCode as Code


@pytest.mark.parametrize(
    ("names", "said"),
    [(["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d"], "a, b, c ...")],
)
def test_three_are_named_and_all_are_counted(names: list[str], said: str) -> None:
    """Beside patients' folders, beside `dicoms/`, and within a patient's folder."""
    beside, top, stray = check_strangers({"dicoms": names, "": names}, {"dicoms/P": names, "dicoms/Q": []})
    assert (beside.code, beside.path, beside.evidence["files"]) == (Code.FILES_BESIDE, "dicoms", len(names))
    assert "beside the patients' folders not read" in beside.message
    assert (top.code, top.path, top.evidence["files"]) == (Code.FILES_BESIDE, "a", len(names))
    assert "beside dicoms/ not read" in top.message
    assert (stray.code, stray.path, stray.evidence["files"]) == (Code.STRAY_FILES, "dicoms/P", len(names))
    assert all(f"({said})" in found.message for found in (beside, top, stray))
