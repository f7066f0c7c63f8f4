"""Predicted labels on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmrpipe.errors import InputError
from cmrpipe.learn.predicted import read_predicted
from tests.learn.spoilt import HEADERS, spoil_header


@pytest.mark.parametrize("header", HEADERS)
def test_labels_with_a_damaged_header_are_told(tmp_path: Path, header: bytes) -> None:
    """By name and with what to do, however they are damaged."""
    path = tmp_path / "A.npy"
    np.save(path, np.zeros((2, 16, 16), np.uint8))
    spoil_header(path, header)
    nothing: Any = None
    with pytest.raises(InputError, match=r"A\.npy.*cmrpipe crossvalidate"):
        read_predicted(path, nothing)
