"""The measured origin against the declared one."""

from __future__ import annotations

import numpy as np

from cmrpipe.checks.misfit import measure_fits
from cmrpipe.checks.origins import PatientOrigin, check_origins, measure_origin
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Contour, ContourKind, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import stack

LIMITS = ValidateParams()


def moved(x: float, y: float, seed: int) -> PatientOrigin:
    """A patient whose contours are off by (x, y), each also by a little of its own."""
    rng = np.random.default_rng(seed)
    samples = []
    for s in stack():
        assert s.endo is not None
        points = s.endo.points + rng.normal((x, y), 0.1)
        samples.append(Sample(s.record, s.image, Contour(ContourKind.ENDO, points), None, s.phase))
    origin = measure_origin(samples, measure_fits(samples))
    assert origin is not None
    return origin


def told(found: dict[str, PatientOrigin]) -> list[tuple[str, str]]:
    """Patients and paths of the findings."""
    findings = list(check_origins(found, {name: f"contourfiles/{name}" for name in found}, LIMITS))
    assert {finding.code for finding in findings} <= {Code.ORIGIN_DISAGREES}
    return [(finding.patient_id, finding.path) for finding in findings]


def test_an_origin_that_agrees_is_not_told() -> None:
    """Small shifts of single patients are no disagreement."""
    assert told({f"P{i}": moved(0.4 * np.cos(i), 0.4 * np.sin(i), i) for i in range(6)}) == []


def test_a_set_with_another_origin_is_told_once() -> None:
    """All contours a pixel off: one finding for the set, none for its patients."""
    assert told({f"P{i}": moved(-1.0, -1.0 + 0.05 * i, i) for i in range(5)}) == [("", "contourfiles")]


def test_one_patient_with_another_origin_is_told() -> None:
    """One patient's contours count from 0: told at that patient."""
    found = {f"P{i}": moved(0.0, 0.05 * i, i) for i in range(5)} | {"Q": moved(-1.0, -1.0, 9)}
    assert told(found) == [("Q", "contourfiles/Q")]
    assert told({"Q": moved(-1.0, -1.0, 9)}) == [("Q", "contourfiles/Q")]


def test_a_patient_that_scatters_as_others_do_is_not_told() -> None:
    """Where patients differ by pixels, a patient among them is no exception."""
    found = {f"P{i}": moved(1.6 * np.cos(2 * i), 1.6 * np.sin(2 * i), i) for i in range(6)}
    assert told(found) == []
