"""Clinical values: exact on shapes of known volume, and on the phantom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cmrpipe.clinical import body_surface_m2, clinical_values, disc_volume_ml, ejection_fraction_pct
from cmrpipe.model import Contour, ContourKind, Phase, Sample
from cmrpipe.phantom import read_truth
from cmrpipe.phases import assign_phases
from cmrpipe.readers.contours import read_contour
from cmrpipe.readers.dicom import read_header
from cmrpipe.slices import arrange, slice_gap_mm
from tests.cylinders import EDV, ESV, GAP_MM, MASS, heart


def test_values_of_a_known_heart() -> None:
    """Cylinders of known radius give their volumes, mass, ejection fraction and output, within 0.01 %."""
    found = clinical_values("P", heart(), GAP_MM)
    assert found.edv_ml == pytest.approx(EDV, rel=1e-4)
    assert found.esv_ml == pytest.approx(ESV, rel=1e-4)
    assert found.sv_ml == pytest.approx(EDV - ESV, rel=1e-4)
    assert found.ef_pct == pytest.approx(100 * (1 - ESV / EDV), rel=1e-4)
    assert found.co_l_min == pytest.approx((EDV - ESV) * 60 / 1000, rel=1e-4)
    assert found.mass_g == pytest.approx(MASS, rel=1e-4)
    assert (found.slices_ed, found.slices_es, found.slices_mass, found.reason) == (8, 7, 8, "")
    assert found.edv_index_ml_m2 is None


def test_indexed_by_body_surface() -> None:
    """With height and weight known, every value comes per square metre as well."""
    found = clinical_values("P", heart(patient_size_m=1.8, patient_weight_kg=80.0), GAP_MM)
    assert found.bsa_m2 == pytest.approx(2.0)
    assert found.edv_index_ml_m2 == pytest.approx(EDV / 2, rel=1e-4)
    assert found.esv_index_ml_m2 == pytest.approx(ESV / 2, rel=1e-4)
    assert found.sv_index_ml_m2 == pytest.approx((EDV - ESV) / 2, rel=1e-4)
    assert found.ci_l_min_m2 == pytest.approx((EDV - ESV) * 0.03, rel=1e-4)
    assert found.mass_index_g_m2 == pytest.approx(MASS / 2, rel=1e-4)


def test_heart_rate_from_the_interval() -> None:
    """Without HeartRate, the R-R interval gives it; without both there is no output, and only that is missing."""
    from_interval = clinical_values("P", heart(heart_rate_bpm=None, nominal_interval_ms=800.0), GAP_MM)
    assert from_interval.heart_rate_bpm == pytest.approx(75.0)
    unknown = clinical_values("P", heart(heart_rate_bpm=None), GAP_MM)
    assert unknown.co_l_min is None
    assert unknown.reason == "no cardiac output: heart rate unknown"
    assert unknown.ef_pct is not None


BODY = {"patient_size_m": 1.8, "patient_weight_kg": 80.0}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"patient_size_m": 175.0}, "height of 175 m is not plausible (0.3 to 2.6)"),
        ({"patient_size_m": 0.2}, "height of 0.2 m is not plausible (0.3 to 2.6)"),
        ({"patient_size_m": -1.8}, "height of -1.8 m is not plausible (0.3 to 2.6)"),
        ({"patient_weight_kg": 80_000.0}, "weight of 80000 kg is not plausible (1 to 500)"),
        ({"patient_weight_kg": 0.08}, "weight of 0.08 kg is not plausible (1 to 500)"),
    ],
)
def test_a_body_that_nobody_has_gives_no_body_surface(fields: dict[str, object], reason: str) -> None:
    """A height in cm, a weight in g: nothing is indexed, and it is said why; volumes and output stay."""
    found = clinical_values("P", heart(**BODY | fields), GAP_MM)
    assert (found.bsa_m2, found.edv_index_ml_m2, found.ci_l_min_m2, found.mass_index_g_m2) == (None,) * 4
    assert found.reason == f"no body surface: {reason}"
    assert found.edv_ml == pytest.approx(EDV, rel=1e-4)
    assert found.co_l_min == pytest.approx((EDV - ESV) * 60 / 1000, rel=1e-4)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"heart_rate_bpm": 880.0}, "880"),
        ({"heart_rate_bpm": 880.0, "nominal_interval_ms": 800.0}, "880"),
        ({"heart_rate_bpm": 7.0}, "7"),
        ({"heart_rate_bpm": None, "nominal_interval_ms": 0.8}, "75000"),
    ],
)
def test_a_heart_that_does_not_beat_so_gives_no_output(fields: dict[str, object], said: str) -> None:
    """Neither rate nor output nor its index, by header or interval, with or without volumes; the rest stays."""
    found = clinical_values("P", heart(**BODY | fields), GAP_MM)
    why = f"no cardiac output: heart rate of {said} per minute is not plausible (20 to 300)"
    assert (found.heart_rate_bpm, found.co_l_min, found.ci_l_min_m2, found.reason) == (None, None, None, why)
    assert found.sv_index_ml_m2 == pytest.approx((EDV - ESV) / 2, rel=1e-4)
    drawn = heart(**fields)
    kept = [replace(s, endo=None) if s.phase is Phase.ES else s for s in drawn]
    assert clinical_values("P", kept, GAP_MM, drawn).reason.endswith(why)


def test_what_one_header_says_wrongly_is_left_out() -> None:
    """Among plausible ones: they are used; limits are plausible."""
    samples = heart(**BODY)
    samples[:9] = heart(patient_size_m=180.0, patient_weight_kg=0.0001, heart_rate_bpm=6000.0)[:9]
    found = clinical_values("P", samples, GAP_MM)
    assert found.bsa_m2 == pytest.approx(2.0)
    assert (found.heart_rate_bpm, found.reason) == (60.0, "")
    for height, weight, rate in ((0.3, 1.0, 20.0), (2.6, 500.0, 300.0)):
        at = heart(patient_size_m=height, patient_weight_kg=weight, heart_rate_bpm=rate)
        edge = clinical_values("P", at, GAP_MM)
        assert (edge.bsa_m2, edge.heart_rate_bpm, edge.reason) == (body_surface_m2(height, weight), rate, "")


EVENLY = "EF takes the slices as evenly spaced"


@pytest.mark.parametrize(
    ("fields", "gap", "reason"),
    [
        ({"pixel_spacing_mm": None}, GAP_MM, "pixel spacing unknown"),
        ({}, None, f"slice gap unknown; {EVENLY}"),
        ({"pixel_spacing_mm": None}, None, f"pixel spacing unknown; slice gap unknown; {EVENLY}"),
    ],
)
def test_without_scale_there_is_the_ejection_fraction_alone(
    fields: dict[str, object], gap: float | None, reason: str
) -> None:
    """A ratio needs no millimetres; volumes and mass do, and the reason is told."""
    found = clinical_values("P", heart(**fields), gap)
    assert (found.edv_ml, found.esv_ml, found.sv_ml, found.co_l_min, found.mass_g) == (None,) * 5
    assert found.ef_pct == pytest.approx(100 * (1 - ESV / EDV), rel=1e-4)
    assert (found.slices_ed, found.slices_es) == (8, 7)
    assert found.reason == reason


def test_the_median_of_an_even_number_of_rates() -> None:
    """Of four images it is the middle between the second and the third; images in quarantine count."""
    rates = (50.0, 60.0, 70.0, 90.0)
    drawn = [replace(s, record=replace(s.record, heart_rate_bpm=r)) for s, r in zip(heart(), rates, strict=False)]
    assert clinical_values("P", drawn, GAP_MM).heart_rate_bpm == 65.0
    assert clinical_values("P", drawn[:1], GAP_MM, drawn).heart_rate_bpm == 65.0


def test_formulas() -> None:
    """Each formula on a hand-made example."""
    assert disc_volume_ml([1000.0, 2000.0], 10.0) == pytest.approx(30.0)
    assert ejection_fraction_pct(150.0, 60.0) == pytest.approx(60.0)
    assert body_surface_m2(1.6, 90.0) == pytest.approx(2.0)


def test_the_phantom_has_its_true_values(small_phantom: Path) -> None:
    """Through files, slices and phases, every value of the phantom is found to within 0.1 %."""
    for truth in read_truth(small_phantom).patients:
        folder = small_phantom / "dicoms" / truth.patient_id
        headers = [read_header(p.read_bytes(), p.name, truth.patient_id) for p in sorted(folder.glob("*.dcm"))]
        records = arrange(headers, 20)
        drawn: dict[int, dict[ContourKind, Contour]] = {}
        for path in sorted((small_phantom / "contourfiles" / truth.original_id).rglob("*.txt")):
            read = read_contour(path.read_bytes(), path.relative_to(small_phantom).as_posix(), 1.0)
            assert read.contour is not None
            assert read.number is not None
            drawn.setdefault(read.number, {})[read.contour.kind] = read.contour
        samples = [
            Sample(record, None, kinds.get(ContourKind.ENDO), kinds.get(ContourKind.EPI), Phase.OTHER)
            for record in records
            if (kinds := drawn.get(record.file_number or 0))
        ]
        phases = assign_phases(samples)
        assert (phases.ed_frame, phases.es_frame, phases.reason) == (truth.ed_frame, truth.es_frame, "")
        samples = [replace(s, phase=phase) for s, phase in zip(samples, phases.phases, strict=True)]
        found = clinical_values(truth.patient_id, samples, slice_gap_mm(records))
        assert found.reason == ""
        for name in ("edv_ml", "esv_ml", "sv_ml", "ef_pct", "co_l_min", "mass_g"):
            assert getattr(found, name) == pytest.approx(getattr(truth, name), rel=1e-3), name
        assert found.bsa_m2 == pytest.approx(body_surface_m2(truth.height_m, truth.weight_kg), rel=1e-3)
