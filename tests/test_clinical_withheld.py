"""Clinical values that cannot be had: absent, with a reason, and nothing else with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmrpipe.clinical import clinical_values
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ContourKind, ContourRecord, ImageRecord, Phase, Sample
from cmrpipe.samples import patient_samples, unplaced
from tests.cylinders import EDV, ESV, GAP_MM, MASS, circle, heart


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
