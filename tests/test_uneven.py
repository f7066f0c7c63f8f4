"""Uneven slices: what validation tells, and what clinical values, evaluation and prediction withhold, is one thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cmrpipe.checks.series import check_series
from cmrpipe.clinical import clinical_values
from cmrpipe.codes import FindingCode as Code
from cmrpipe.learn.volumes import pair
from cmrpipe.model import Finding, ImageRecord, Sample
from cmrpipe.params import ValidateParams
from cmrpipe.predict.judge import judge
from cmrpipe.slices import UNEVEN, arrange, measure_gap
from tests.cylinders import GAP_MM, heart
from tests.learn.hearts import make_patient
from tests.predict.cines import NORMAL, cine

OFF = [-2.0, -1.05, -0.95, 0.0, 0.95, 1.05, 2.0]
"""By how much one slice gap differs from the others, in shares of what is allowed."""


def places(off: float, slices: int, after: int) -> list[float]:
    """Positions of slices, one gap of which is off."""
    steps = [GAP_MM * (1 + UNEVEN * off * (step == after)) for step in range(slices - 1)]
    return [0.0, *np.cumsum(steps).tolist()]


def told(records: list[ImageRecord]) -> list[Finding]:
    """What validation says of slice gaps."""
    found = check_series("P", arrange(records, 20), ValidateParams())
    return [finding for finding in found if finding.code is Code.SLICE_GAP_IRREGULAR]


def drawn(places_mm: list[float]) -> list[Sample]:
    """The heart of cylinders, whose slices lie there."""
    fields = {"orientation": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), "series_uid": "1.2"}
    records = [
        replace(s.record, position_mm=(0.0, 0.0, places_mm[s.record.slice_index or 0]), **fields)  # type: ignore[arg-type]
        for s in heart()
    ]
    return [replace(s, record=record) for s, record in zip(heart(), records, strict=True)]


@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize("after", [0, 3, 6])
def test_clinical_values_are_withheld_where_a_finding_tells(off: float, after: int) -> None:
    """All volumes that lie across that gap, and none without a finding; ES begins a slice later."""
    samples = drawn(places(off, 8, after))
    records = [sample.record for sample in samples]
    gap = measure_gap(records)
    assert gap is not None
    found = clinical_values("P", samples, gap.gap_mm)
    assert bool(told(records)) is (found.edv_ml is None) is (found.mass_g is None) is (abs(off) > 1)
    assert (found.esv_ml is None) is (abs(off) > 1 and after > 0)


@pytest.mark.parametrize("off", OFF)
def test_evaluation_withholds_what_a_finding_tells(off: float) -> None:
    """Of four slices at two phases."""
    data = make_patient("A", 0, images=8)
    ways = places(off, 4, 1)
    data = replace(data, position_mm=np.array([[0.0, 0.0, ways[index]] for index in data.slice_index]))
    found = pair(data, data.label, {})
    records = drawn([*ways, *(ways[-1] + GAP_MM * step for step in range(1, 5))])
    assert bool(told([s.record for s in records])) is (found.expert.edv_ml is None) is (found.model.esv_ml is None)
    assert (found.reason != "") is (abs(off) > 1)


@pytest.mark.parametrize("off", OFF)
def test_prediction_withholds_what_a_finding_tells(off: float) -> None:
    """Of a whole cine."""
    ways = places(off, 6, 2)
    records = [
        replace(r, position_mm=tuple(ways[at // 4] * axis for axis in NORMAL))  # type: ignore[arg-type]
        for at, r in enumerate(cine(6))
    ]
    withheld = judge(records, 20).incomplete
    assert bool(told(records)) is withheld.startswith("slices are not evenly spaced") is (abs(off) > 1)


def test_every_gap_that_is_off_is_named() -> None:
    """Not the widest alone: volumes are withheld across each of them."""
    (found,) = told([s.record for s in drawn([0.0, 8.0, 18.0, 26.0, 34.0, 39.0, 47.0, 55.0])])
    assert "the gaps after slices 1, 4 are off by up to 3.00 mm. No volume is given across them." in found.message
    (found,) = told([s.record for s in drawn(places(2.0, 8, 5))])
    assert "the gap after slice 5 is off by 1.60 mm. No volume is given across it." in found.message
