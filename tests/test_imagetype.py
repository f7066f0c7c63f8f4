"""What part of a complex image an ImageType names, as scanners write it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmrpipe.imagetype import code_strings, other_part
from cmrpipe.kinds import unfit
from tests.predict.cines import image

MAGNITUDE = ["", "ORIGINAL\\PRIMARY\\M\\RETRO\\DIS2D", "ORIGINAL\\PRIMARY\\M_FFE\\M\\FFE", "DERIVED\\SECONDARY\\OTHER"]
OTHERS = {
    "ORIGINAL\\PRIMARY\\P\\ND": "a phase map",
    "ORIGINAL\\PRIMARY\\PHASE\\ND": "a phase map",
    "ORIGINAL\\PRIMARY\\phase_map\\P\\FFE": "a phase map",
    "ORIGINAL\\PRIMARY\\VELOCITY MAP\\P\\PCA": "velocities",
    "ORIGINAL\\PRIMARY\\R_FFE\\R\\FFE": "the real part of a complex image",
    "ORIGINAL\\PRIMARY\\IMAGINARY": "the imaginary part of a complex image",
}


@pytest.mark.parametrize("kind", MAGNITUDE)
def test_a_magnitude_image_is_no_other_part(kind: str) -> None:
    """Nor is one whose header does not say; prediction judges it."""
    record = replace(image(1, 0, 1), image_type=kind)
    assert (other_part(record), unfit(record)) == ("", "")


@pytest.mark.parametrize(("kind", "what"), OTHERS.items())
def test_another_part_is_told_by_its_own_word(kind: str, what: str) -> None:
    """Prediction refuses it in the same words."""
    record = replace(image(1, 0, 1), image_type=kind)
    assert (other_part(record), unfit(record)) == (what, f"{what}, by its ImageType")


def test_values_are_told_apart_by_backslashes_alone() -> None:
    """Spaces around them, which pad values, do not count; underscores are spaces."""
    assert code_strings("Original\\M_FFE \\ p") == ["ORIGINAL", "M FFE", "P"]
