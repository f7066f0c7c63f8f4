"""Connected regions and holes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cmrpipe.contours import read_contour
from cmrpipe.raster import area_mask
from cmrpipe.regions import count_regions, is_solid, joined


@pytest.mark.parametrize(
    ("rows", "regions", "solid"),
    [
        (["...", "..."], 0, False),
        ([".#.", "###"], 1, True),
        (["###", "#.#", "###"], 1, False),
        (["#..", ".#.", "..#"], 3, False),
        (["#.#", "#.#", "###"], 1, True),
        (["###", "...", "###"], 2, False),
        (["##.", "#.#", "###"], 1, False),
    ],
    ids=["empty", "whole", "hole", "corners only", "open ring", "two", "hole open at a corner only"],
)
def test_regions(rows: list[str], regions: int, solid: bool) -> None:
    """Pixels connect by their edges; holes, and holes that touch the outside by a corner, are holes."""
    mask = np.array([[c == "#" for c in row] for row in rows])
    assert count_regions(mask) == regions
    assert is_solid(mask) == solid


def test_real_masks_are_solid(shared_data: Path) -> None:
    """Every real contour gives one region without holes."""
    for path in sorted((shared_data / "final_data" / "contourfiles").rglob("*.txt")):
        points = read_contour(path.read_bytes(), path.name, 1.0).points
        assert points is not None
        assert is_solid(area_mask(points, (256, 256))), path.name


def test_what_is_joined_with_a_seed() -> None:
    """Whole regions that the seed touches, by edges alone; others not, and nothing outside of the mask."""
    mask = np.array([[1, 1, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 0, 1, 1]], bool)
    seed = np.zeros_like(mask)
    seed[0, 0] = seed[0, 2] = True
    assert joined(mask, seed).tolist() == [
        [True, True, False, False, False],
        [False, True, False, False, False],
        [False] * 5,
    ]
    assert not joined(mask, ~mask).any()
    assert np.array_equal(joined(mask, mask), mask)
