"""Clinical values: exact on shapes of known volume, and absent with a reason where they cannot be had."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.clinical import body_surface_m2, clinical_values, disc_volume_ml, ejection_fraction_pct
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Contour, ContourKind, ContourRecord, ImageRecord, Phase, Sample
from cmrpipe.phantom import read_truth
from cmrpipe.phases import assign_phases
from cmrpipe.readers.contours import read_contour
from cmrpipe.readers.dicom import read_header
from cmrpipe.samples import patient_samples, unplaced
from cmrpipe.slices import arrange, slice_gap_mm

GAP_MM = 8.0
SPACING = (1.5, 1.2)


def circle(radius_mm: float) -> np.ndarray:
    """A circle of 720 points, given in millimetres, drawn in pixels that are not square."""
    angle = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    return np.column_stack([60 + radius_mm * np.cos(angle) / SPACING[1], 60 + radius_mm * np.sin(angle) / SPACING[0]])


def heart(**fields: object) -> list[Sample]:
    """Eight slices; cavity of radius 25 mm at ED with a wall of 8 mm, 18 mm at ES in all but the most basal slice."""
    samples = []
    for index in range(8):
        for phase, radius in ((Phase.ED, 25.0), (Phase.ES, 18.0)):
            if phase is Phase.ES and index == 0:
                continue
            record = ImageRecord(
                f"{index}-{phase}", "", 0, "P", slice_index=index, pixel_spacing_mm=SPACING, heart_rate_bpm=60.0
            )
            epi = Contour(ContourKind.EPI, circle(33.0)) if phase is Phase.ED else None
            endo = Contour(ContourKind.ENDO, circle(radius))
            samples.append(Sample(replace(record, **fields), None, endo, epi, phase))  # type: ignore[arg-type]
    return samples


EDV = math.pi * 25**2 * 8 * GAP_MM / 1000
ESV = math.pi * 18**2 * 7 * GAP_MM / 1000
MASS = 1.05 * math.pi * (33**2 - 25**2) * 8 * GAP_MM / 1000


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
        ({"pixel_spacing_mm": (0.0, 1.0)}, GAP_MM, "pixel spacing unknown"),
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


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ([4], "no EDV: endocardium of slice 4 missing; no ESV: endocardium of slice 4 missing"),
        ([2, 3, 4, 5, 6, 7], "no EF: 2 slices only"),
    ],
)
def test_areas_of_a_part_are_no_ejection_fraction(gone: list[int], reason: str) -> None:
    """Neither of a ventricle with a hole nor of a slice or two."""
    samples = [s for s in heart() if s.record.slice_index not in gone]
    found = clinical_values("P", samples, None)
    assert found.ef_pct is None
    assert found.reason == f"slice gap unknown; {reason}"


def test_areas_with_a_contour_in_quarantine_are_no_ejection_fraction() -> None:
    """As with the volumes."""
    drawn = heart(pixel_spacing_mm=None)
    kept = [replace(s, endo=None) if s.phase is Phase.ES and s.record.slice_index == 3 else s for s in drawn]
    found = clinical_values("P", kept, None, drawn)
    assert found.ef_pct is None
    assert found.reason.endswith("no ESV: endocardium of slice 3 in quarantine")


def test_areas_of_mixed_spacing_are_no_ejection_fraction() -> None:
    """Some images in mm, others in pixels: areas cannot be added up."""
    samples = heart()
    samples[0] = replace(samples[0], record=replace(samples[0].record, pixel_spacing_mm=None))
    found = clinical_values("P", samples, GAP_MM)
    assert (found.ef_pct, found.reason) == (None, "pixel spacing unknown")


def test_no_contours() -> None:
    """A patient without contours has a row with the reason."""
    found = clinical_values("P", [], GAP_MM)
    assert (found.slices_ed, found.slices_es, found.slices_mass, found.reason) == (0, 0, 0, "no contours")


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (Phase.ED, "no EDV: no endocardium at ED; no mass: no slice with both contours at ED"),
        (Phase.ES, "no ESV: no endocardium at ES"),
    ],
)
def test_a_phase_that_nobody_drew_has_no_volume(gone: Phase, reason: str) -> None:
    """The other phase has its own; what needs both is not there."""
    found = clinical_values("P", [s for s in heart() if s.phase is not gone], GAP_MM)
    assert (found.sv_ml, found.ef_pct, found.reason) == (None, None, reason)
    assert (found.edv_ml is None, found.mass_g is None) == (gone is Phase.ED,) * 2
    assert (found.esv_ml is None) == (gone is Phase.ES)


def test_a_quarantined_endocardium_takes_what_depends_on_it() -> None:
    """Without the ES endocardium of a slice there is no ESV, stroke volume or EF; EDV and mass stay."""
    drawn = heart()
    kept = [replace(s, endo=None) if s.phase is Phase.ES and s.record.slice_index == 3 else s for s in drawn]
    found = clinical_values("P", kept, GAP_MM, drawn)
    assert (found.esv_ml, found.sv_ml, found.ef_pct, found.co_l_min) == (None, None, None, None)
    assert found.edv_ml == pytest.approx(EDV, rel=1e-4)
    assert found.mass_g == pytest.approx(MASS, rel=1e-4)
    assert found.reason == "no ESV: endocardium of slice 3 in quarantine"


def test_a_quarantined_epicardium_takes_the_mass_alone() -> None:
    """Without epicardia there is no mass; the volumes stay."""
    drawn = heart()
    found = clinical_values("P", [replace(s, epi=None) for s in drawn], GAP_MM, drawn)
    assert found.mass_g is None
    assert found.ef_pct is not None
    assert found.reason == "no mass: contours of slices 0, 1, 2, 3, 4, 5, 6, 7 in quarantine"


def test_a_quarantined_image_counts_as_its_contours() -> None:
    """A sample that is left out as a whole takes the values that need it."""
    drawn = heart()
    found = clinical_values("P", drawn[:2] + drawn[3:], GAP_MM, drawn)
    assert found.esv_ml is None
    assert found.edv_ml is not None


def test_a_hole_between_drawn_slices_is_no_value() -> None:
    """A slice without contour between drawn neighbours would make the volume too small: none is given."""
    found = clinical_values("P", [s for s in heart() if s.record.slice_index != 4], GAP_MM)
    assert found.edv_ml is None
    assert "no EDV: endocardium of slice 4 missing" in found.reason
    assert "no mass: contours of slice 4 missing" in found.reason


def stacked(step_mm: float, lost: int) -> list[Sample]:
    """The heart with positions along x; slices from index `lost` on lie a step further."""
    samples = []
    for sample in heart():
        index = sample.record.slice_index or 0
        position = (step_mm * (index + (index >= lost)), 7.0, -9.0)
        record = replace(sample.record, orientation=(0.0, 0.6, 0.8, 0.0, -0.8, 0.6), position_mm=position)
        samples.append(replace(sample, record=record))
    return samples


@pytest.mark.parametrize("step_mm", [GAP_MM, -GAP_MM])
def test_a_slice_that_is_not_there_is_no_value(step_mm: float) -> None:
    """Slices are numbered without gaps: that one is lost shows in the positions of its neighbours alone."""
    samples = stacked(step_mm, lost=4)
    found = clinical_values("P", samples, GAP_MM)
    assert (found.edv_ml, found.esv_ml, found.ef_pct, found.mass_g) == (None, None, None, None)
    why = "slices 3, 4 lie 16.0 mm apart, where the stack's lie 8.0 mm"
    assert found.reason == f"no EDV: {why}; no ESV: {why}; no mass: {why}"
    unknown = [replace(s, record=replace(s.record, pixel_spacing_mm=None)) for s in samples]
    assert clinical_values("P", unknown, GAP_MM).ef_pct is None


def test_even_slices_are_summed_up() -> None:
    """Positions to a tenth of the gap are even; a slice that is lost at the base of ES touches ED alone."""
    assert clinical_values("P", stacked(0.95 * GAP_MM, lost=9), GAP_MM).reason == ""
    found = clinical_values("P", stacked(GAP_MM, lost=1), GAP_MM)
    assert found.edv_ml is None
    assert found.esv_ml == pytest.approx(ESV, rel=1e-4)


def test_an_endocardium_without_an_image_leaves_no_value() -> None:
    """It was drawn, and nobody can tell in which slice and phase: a sum of the others may be too small."""
    found = clinical_values("P", heart(), GAP_MM, unplaced=[34, 40])
    assert (found.edv_ml, found.esv_ml, found.ef_pct, found.mass_g) == (None, None, None, None)
    assert found.reason.startswith("no values: nobody can tell where endocardium 34, 40 belongs (")


def test_endocardia_that_nobody_can_place_are_told() -> None:
    """1 is in its place; others lack an image, are of two, cannot be read, are there twice, or in no slice (7)."""
    images = [ImageRecord(f"dicoms/P/{n}.dcm", "", 1, "P", file_number=n, slice_index=n, frame=1) for n in (1, 4, 5)]
    images += [ImageRecord(f"dicoms/P/{n}-3.dcm", "", 1, "P", file_number=3, slice_index=3, frame=n) for n in (1, 2)]
    images.append(ImageRecord("dicoms/P/7.dcm", "", 1, "P", file_number=7))
    contours = [
        ContourRecord(f"contourfiles/O/{at}", "", 1, "O", number, kind, circle(25.0), error=error)
        for at, (number, kind, error) in enumerate(
            [(n, ContourKind.ENDO, "no number" if n == 4 else "") for n in (1, 2, 3, 4, 5, 5, 7)]
            + [(6, ContourKind.EPI, ""), (None, ContourKind.ENDO, "")]
        )
    ]
    labels = PatientLabels("P", tuple(images), tuple(contours), ("O",))
    assert unplaced(labels, patient_samples(labels)) == [2, 3, 4, 5, 7]


def test_a_slice_without_epicardium_takes_the_mass() -> None:
    """At the ends, too: the sum over the others would be too small. The volumes stay."""
    samples = [replace(s, epi=None) if s.record.slice_index in (0, 7) else s for s in heart()]
    found = clinical_values("P", samples, GAP_MM)
    assert found.mass_g is None
    assert found.edv_ml == pytest.approx(EDV, rel=1e-4)
    assert (found.slices_ed, found.slices_mass, found.reason) == (8, 6, "no mass: epicardium of slices 0, 7 missing")


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
