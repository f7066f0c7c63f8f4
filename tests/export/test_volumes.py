"""cmrpipe.export.volumes: which slices make a volume, and where it lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.export.volumes import volumes
from cmrpipe.model import Phase
from cmrpipe.store import PatientData
from tests.export.stacks import ALONG_COLUMNS, ALONG_ROWS, GAP, SPACING, position, stack

ED, ES, OTHER = Phase.ED, Phase.ES, Phase.OTHER


def cut(data: PatientData) -> dict[str, tuple[int, ...]]:
    """Samples of each volume by its name."""
    return {volume.name: volume.samples for volume in volumes(data)}


def test_every_pixel_lies_where_the_dicom_formula_puts_it() -> None:
    """Oblique slices with unlike row and column spacing: the affine gives each pixel's place, in RAS."""
    data = stack("P", [(k, 1, ED) for k in range(2, 6)])
    (volume,) = volumes(data)
    assert volume.affine is not None
    for k, i in enumerate(volume.samples):
        for row, column in ((0, 0), (5, 0), (0, 8), (3, 7)):
            lps = position(i + 2) + ALONG_COLUMNS * column * SPACING[1] + ALONG_ROWS * row * SPACING[0]
            np.testing.assert_allclose(volume.affine @ (column, row, k, 1), (-lps[0], -lps[1], lps[2], 1), atol=1e-9)
    assert volume.spacing_mm == pytest.approx((SPACING[1], SPACING[0], GAP))


def test_slices_are_in_order_and_phases_apart() -> None:
    """Samples may come in any order; each phase is a volume, its slices sorted."""
    data = stack("P", [(2, 7, ES), (1, 1, ED), (0, 7, ES), (0, 1, ED), (1, 7, ES)])
    assert cut(data) == {"P_ED": (3, 1), "P_ES": (2, 4, 0)}


def test_missing_slice_cuts_a_volume() -> None:
    """Nothing is invented for a slice without contour: the two sides are volumes of their own, rightly placed."""
    data = stack("P", [(0, 1, ED), (1, 1, ED), (3, 1, ED), (4, 1, ED)])
    assert cut(data) == {"P_ED": (0, 1), "P_ED_2": (2, 3)}
    second = volumes(data)[1]
    assert second.affine is not None
    np.testing.assert_allclose(second.affine[:3, 3] * (-1, -1, 1), position(3))


def test_repeated_slices_are_told_apart_by_frame() -> None:
    """Several frames of the same slices are a volume each."""
    data = stack("P", [(k, frame, OTHER) for k in range(3) for frame in (4, 9)])
    assert cut(data) == {"P_other": (0, 2, 4), "P_other_2": (1, 3, 5)}


def test_uneven_steps_and_turned_slices_cut_a_volume() -> None:
    """A slice that is not where the grid has it, or that is turned, is not squeezed into the grid."""
    data = stack("P", [(k, 1, ED) for k in range(5)])
    data.position_mm[3:] += (0, 0, 0.5)
    assert cut(data) == {"P_ED": (0, 1, 2), "P_ED_2": (3, 4)}
    data = stack("P", [(k, 1, ED) for k in range(5)])
    data.orientation[2:, :3] = -ALONG_ROWS
    data.orientation[2:, 3:] = ALONG_COLUMNS
    assert cut(data) == {"P_ED": (0, 1), "P_ED_2": (2, 3, 4)}


def test_single_slice_is_as_thick_as_the_gap() -> None:
    """One slice has no step: its third axis is the normal, as long as the patient's slice gap."""
    (volume,) = volumes(stack("P", [(4, 1, ED)]))
    assert volume.affine is not None
    np.testing.assert_allclose(volume.affine[:3, 2] * (-1, -1, 1), GAP * np.cross(ALONG_COLUMNS, ALONG_ROWS))


def test_unknown_places_stay_unknown() -> None:
    """Without positions slices are stacked by index and have no affine; without pixel spacing no spacing either."""
    data = stack("P", [(k, 1, ED) for k in range(3)])
    data.position_mm[:] = np.nan
    (volume,) = volumes(data)
    assert volume.affine is None
    assert volume.spacing_mm == (SPACING[1], SPACING[0], GAP)
    (volume,) = volumes(replace(data, pixel_spacing_mm=None))
    assert volume.spacing_mm is None
    data.position_mm[0] = position(0)
    assert cut(data) == {"P_ED": (0,), "P_ED_2": (1, 2)}
    data.slice_index[:] = -1
    assert len(cut(data)) == 3
