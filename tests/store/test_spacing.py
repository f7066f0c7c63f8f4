"""The pixel spacing that a patient's images share."""

from __future__ import annotations

import pytest

from cmrpipe.model import ImageRecord, Phase, Sample
from cmrpipe.store.assemble import Spacing, spacing_of

USUAL = (1.367188, 1.367188)


@pytest.mark.parametrize(
    ("spacings", "shared"),
    [
        ([USUAL] * 3, USUAL),
        ([USUAL, (1.3672, 1.3672), USUAL], USUAL),  # rounded in one header
        ([(1.37, 1.37), USUAL], USUAL),  # of equals the smallest, whatever the order
        ([USUAL, (1.5, 1.5), USUAL], None),
        ([USUAL, (1.367188, 1.5)], None),
        ([USUAL, None], None),
        ([None, None], None),
        ([], None),
    ],
)
def test_rounding_is_no_difference_and_a_difference_is(spacings: list[Spacing | None], shared: Spacing | None) -> None:
    """One image's rounded header does not cost a patient its millimetres."""
    samples = [
        Sample(ImageRecord(f"{i}.dcm", "", 0, "P", pixel_spacing_mm=spacing), None, None, None, Phase.ED)
        for i, spacing in enumerate(spacings)
    ]
    assert spacing_of(samples) == shared
    assert spacing_of(samples[::-1]) == shared
