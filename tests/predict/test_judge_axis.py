"""Which way a stack lies: across the ventricle, or along it."""

from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.model import ImageRecord
from cmrpipe.phantom.scene import Grid, draw_anatomy
from cmrpipe.predict.judge import judge
from tests.predict.cines import cine

TWO_CHAMBERS = (0.5774, -0.5774, -0.5774, -0.4082, 0.4082, -0.8165)
"""A plane with the ventricle's axis in it: its row direction."""

TILTED = (0.7071, 0.7071, 0.0, 0.5, -0.5, -0.7071)
"""Its normal is (-0.5, 0.5, -0.71): it points up where a ventricle points down."""


def along(records: list[ImageRecord], orientation: tuple[float, ...], series: str) -> list[ImageRecord]:
    """The same stack, turned to an orientation."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    axis = np.cross(row, column)
    return [
        replace(
            r,
            path=f"{series}/{r.path}",
            orientation=orientation,  # type: ignore[arg-type]
            position_mm=tuple(8.0 * (i // 4) * axis),
            series_uid=series,
        )
        for i, r in enumerate(records)
    ]


def test_few_slices_may_be_long_axis_planes() -> None:
    """Nobody can tell from headers; the result says so."""
    assert judge(cine(5), 20).notes == ()
    (note,) = judge(cine(4), 20).notes
    assert "long-axis planes" in note


def test_a_stack_along_the_ventricle_is_refused() -> None:
    """However many planes it has; with a short axis beside, that is judged, though it has fewer slices."""
    long = along(cine(7), TWO_CHAMBERS, "9")
    alone = judge(long, 20)
    assert (alone.stack, len(alone.refused)) == ((), 28)
    assert alone.reason == "the stack is a long axis: its normal is 88 degrees off a ventricle's usual axis"
    both = judge([*long, *cine(5)], 20)
    assert {r.series_uid for r in both.stack} == {"1.2"}
    assert both.notes == ()
    assert len(both.refused) == 28


def test_volumes_of_a_stack_that_may_lie_along_the_ventricle_are_none() -> None:
    """Between a short axis and a long one nobody can tell; a short axis beside it is judged instead."""
    tilted = along(cine(7), TILTED, "9")
    alone = judge(tilted, 20)
    assert len(alone.stack) == 28
    assert alone.incomplete == "the stack's normal is 67 degrees off a ventricle's usual axis: it may be a long axis"
    both = judge([*tilted, *cine(5)], 20)
    assert {r.series_uid for r in both.stack} == {"1.2"}
    assert both.incomplete == ""


@pytest.mark.parametrize("seed", range(20))
def test_a_phantoms_short_axis_is_a_usual_one(seed: int) -> None:
    """As those of real patients are; seen from either side."""
    anatomy = draw_anatomy(np.random.default_rng(seed), Grid(10, 20, 64, 72))
    row, column = anatomy.row_direction, anatomy.column_direction
    for orientation in ((*row, *column), (*column, *row)):
        found = judge(along(cine(5), orientation, "9"), 20)
        assert (len(found.stack), found.notes, found.incomplete) == (20, (), "")
