"""The measured origin against the declared one."""

from __future__ import annotations

import numpy as np
import pytest

from cmrpipe.checks.misfit import measure_fits
from cmrpipe.checks.origins import PatientOrigin, check_origins, measure_origin
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Contour, ContourKind, Finding, Sample
from cmrpipe.origin import REACH, Shift, edge_response
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


def findings(found: dict[str, PatientOrigin]) -> list[Finding]:
    """What is said."""
    return list(check_origins(found, {name: f"contourfiles/{name}" for name in found}, LIMITS))


def told(found: dict[str, PatientOrigin]) -> list[tuple[str, str]]:
    """Patients and paths of the findings."""
    said = findings(found)
    assert {finding.code for finding in said} <= {Code.ORIGIN_DISAGREES}
    return [(finding.patient_id, finding.path) for finding in said]


def measured(x: float, y: float, error: tuple[float, float] = (0.05, 0.05), contours: int = 20) -> PatientOrigin:
    """A patient whose contours fit best when moved by (x, y)."""
    dy, dx = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    return PatientOrigin(1 - 0.02 * ((dx - x) ** 2 + (dy - y) ** 2), Shift(x, y, *error, contours), contours)


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


def test_contours_that_fit_say_where_the_origin_is() -> None:
    """The mean of their responses; one that fits badly, or of which no fit is known, has no say."""
    samples = stack()
    fits = measure_fits(samples)
    numbers = sorted(fits)
    poor = fits | {numbers[0]: 0.45, numbers[1]: 0.55}
    del poor[numbers[2]]
    origin = measure_origin(samples, poor)
    assert origin is not None
    kept = [s for s in samples if s.record.file_number not in (numbers[0], numbers[2])]
    assert origin.contours == len(kept) == len(samples) - 2
    several = [edge_response(s.image, s.endo.points) for s in kept if s.image is not None and s.endo is not None]
    assert origin.response == pytest.approx(np.mean([one for one in several if one is not None], axis=0))
    assert measure_origin(samples, dict.fromkeys(numbers, 0.1)) is None
    assert told({}) == []


@pytest.mark.parametrize(("x", "expected"), [(-0.4, []), (0.6, [("", "contourfiles")])])
def test_half_a_pixel_of_a_set_is_in_order(x: float, expected: list[tuple[str, str]]) -> None:
    """However sure it is; beyond that the set is told, with how much is behind it."""
    said = findings({f"P{i}": measured(x, 0.0) for i in range(5)})
    assert [(finding.patient_id, finding.path) for finding in said] == expected
    for finding in said:
        assert finding.evidence["contours"] == 100
        assert finding.evidence["shift_x_px"] == pytest.approx(x, abs=0.01)


@pytest.mark.parametrize(
    ("x", "contours", "told_"), [(1.1, 20, False), (-1.3, 20, True), (3.0, 4, False), (3.0, 5, True)]
)
def test_a_pixel_of_a_patient_is_in_order(x: float, contours: int, told_: bool) -> None:
    """And so is anything that fewer than five contours say."""
    said = findings({f"P{i}": measured(0.0, 0.0) for i in range(6)} | {"Q": measured(x, 0.0, contours=contours)})
    assert [finding.patient_id for finding in said] == ["Q"] * told_
    for finding in said:
        assert "unlike the declared origin" in finding.message
        assert finding.evidence["contours"] == contours


def test_a_patient_is_held_against_the_set() -> None:
    """In a set that is off as a whole, who is not off is told, and who is as the set is is not."""
    found = {f"P{i}": measured(-2.0, 0.5) for i in range(8)} | {"Q": measured(0.0, 0.0)}
    said = findings(found)
    assert [finding.patient_id for finding in said] == ["", "Q"]
    assert "unlike those of the other patients" in said[1].message


def test_the_error_along_the_shift_counts() -> None:
    """Not that across it; three times as large a shift is sure."""
    for error, expected in (((0.1, 5.0), ["Q"]), ((5.0, 0.1), []), ((0.6, 0.6), ["Q"]), ((0.7, 0.7), [])):
        said = findings({"Q": measured(2.0, 0.0, error)})
        assert [finding.patient_id for finding in said] == expected
        for finding in said:
            assert (finding.evidence["error_x_px"], finding.evidence["error_y_px"]) == error
        others = {f"P{i}": measured(0.0, 0.01 * i) for i in range(6)}
        assert [finding.patient_id for finding in findings(others | {"Q": measured(2.0, 0.0, error)})] == expected
