"""Volumes are sums over all that was drawn, or withheld with the reason, for expert and model alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.clinical import clinical_values
from cmrpipe.learn.leftout import absent
from cmrpipe.learn.volumes import QUANTITIES, Missing, Volumes, missing_images, pair, volumes
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import ContourKind, Phase, Quarantine
from cmrpipe.params import IngestParams, StoreParams, ValidateParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import read_quarantine, write_quarantine
from cmrpipe.samples import patient_samples
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store
from cmrpipe.stages.validate import validate
from cmrpipe.store import Store, open_store
from tests.learn.hearts import make_patient, only, write_store

NOTHING = Volumes()


def missing_of(store: Store, patient: str) -> Missing:
    """Drawn images of a patient that the store lacks."""
    return missing_images(absent(store, [patient]).judged[patient])


@pytest.mark.parametrize("phase", [Phase.ED, Phase.ES])
def test_contours_in_quarantine_withhold_what_clinical_withholds(phase: Phase, raw: Path, tmp_path: Path) -> None:
    """Endocardia at one end of the stack, where there is no hole: neither expert nor model has a value of that phase.

    The other phase's volume stays. Without them in quarantine the values are those of the clinical table.
    """
    ingest(raw, tmp_path / "catalog", tmp_path / "state", IngestParams(), listen=silent)
    listed = tmp_path / "quarantine.csv"
    validate(raw, tmp_path / "catalog", tmp_path / "findings", listed, ValidateParams(), listen=silent)
    store(raw, tmp_path / "catalog", listed, tmp_path / "whole", StoreParams(), listen=silent)
    book = Catalog(tmp_path / "catalog")
    patient = book.patients()[0]
    labels = link_patient(book, patient, catalog_links(book).originals[patient])
    samples = [sample for sample in patient_samples(labels) if sample.phase is phase and sample.endo is not None]
    files = labels.contours_by_number()
    with open_store(tmp_path / "whole") as opened:
        data, missing = opened.load(patient), missing_of(opened, patient)
        found = pair(data, data.label, missing)
        wanted = clinical_values(patient, patient_samples(labels), data.slice_gap_mm)
    assert found.reason == ""
    assert (found.expert.edv_ml, found.expert.ef_pct) == pytest.approx((wanted.edv_ml, wanted.ef_pct), rel=0.03)

    last = samples[-1].record
    number = next(n for n, image in labels.by_number().items() if image.path == last.path)
    path = files[number][ContourKind.ENDO][0].path
    rows = read_quarantine(listed)
    write_quarantine(listed, [*rows, Quarantine("contour", path, "doubtful", "a reader")])
    store(raw, tmp_path / "catalog", listed, tmp_path / "less", StoreParams(), listen=silent)
    with open_store(tmp_path / "less") as opened:
        data, missing = opened.load(patient), missing_of(opened, patient)
        found = pair(data, data.label, missing)
        short = [sample for sample in patient_samples(labels, {path}) if sample.endo is not None]
        wanted = clinical_values(patient, short, data.slice_gap_mm, patient_samples(labels))
    name, lost, kept = ("EDV", "edv_ml", "esv_ml") if phase is Phase.ED else ("ESV", "esv_ml", "edv_ml")
    assert found.reason == f"no {name}: 1 image at {phase.value} left out (quarantine)"
    for values in (found.expert, found.model):
        assert (getattr(values, lost), values.ef_pct) == (None, None)
        assert getattr(values, kept) == pytest.approx(getattr(wanted, kept), rel=0.03)
        assert (values.mass_g is None) == (wanted.mass_g is None) == (phase is Phase.ED)


def test_a_store_that_does_not_tell_phases_withholds_both(tmp_path: Path) -> None:
    """An earlier version's counts: what was left out may be of either phase."""
    data = make_patient("A", 0)
    write_store(tmp_path, [data], {"A": {"ED": 1}})
    with open_store(tmp_path) as opened:
        assert missing_of(opened, "A") == {"ED": 1}
    write_store(tmp_path / "earlier", [data], {"A": {"ED": 1}}, tell=False)
    with open_store(tmp_path / "earlier") as opened:
        missing = missing_of(opened, "A")
    found = pair(data, data.label, missing)
    assert found.expert == found.model == NOTHING


def test_a_hole_withholds_its_phase_and_the_ejection_fraction() -> None:
    """The middle slice of three at ED; ESV is whole."""
    data = make_patient("A", 0, images=6)
    less = only(data, np.arange(6) != 2)
    found = pair(less, less.label, {})
    assert found.reason == "no EDV: endocardium of slice 1 missing"
    for values in (found.expert, found.model):
        assert (values.edv_ml, values.ef_pct, values.mass_g) == (None, None, None)
        assert values.esv_ml is not None


def test_a_slice_that_is_not_there_withholds_everything() -> None:
    """Four slices are numbered without a gap, and the second and third lie two steps apart."""
    data = make_patient("A", 0, images=8)
    moved = replace(data, position_mm=data.position_mm + np.where(data.slice_index[:, None] > 1, (0.0, 0.0, 8.0), 0.0))
    found = pair(moved, moved.label, {})
    assert found.expert == found.model == NOTHING
    assert found.reason.startswith("no EDV: slices 1, 2 lie 16.0 mm apart, where the stack's lie 8.0 mm; no ESV:")
    nowhere = replace(moved, position_mm=np.full_like(moved.position_mm, np.nan))
    assert pair(nowhere, nowhere.label, {}).reason == ""
    untold = replace(moved, orientation=np.where(np.arange(8)[:, None] > 0, moved.orientation, np.nan))
    assert pair(untold, untold.label, {}).reason == found.reason
    gapless = replace(moved, slice_gap_mm=None)
    assert pair(gapless, gapless.label, {}).reason == "slice gap unknown"
    unknown = replace(moved, orientation=np.full_like(moved.orientation, np.nan))
    assert pair(unknown, unknown.label, {}).reason == ""
    short = replace(data, orientation=data.orientation * 0.8)
    assert pair(short, short.label, {}).reason == ""
    two = only(moved, (moved.slice_index < 2) | (np.array(moved.phase) != Phase.ED))
    assert pair(two, two.label, {}).reason.startswith("no ESV: slices 1, 2 lie 16.0 mm apart")


def test_values_are_pixels_times_their_size() -> None:
    """Of the labels that are given, in the images of each phase: 1.5 by 1.2 mm, 8 mm apart, 1.05 g/mL."""
    data = replace(make_patient("A", 0, images=6), pixel_spacing_mm=(1.5, 1.2))
    guess = data.label.copy()
    guess[:, :16] = 0
    at = {phase: np.array([value is phase for value in data.phase]) for phase in (Phase.ED, Phase.ES)}
    for labels in (data.label, guess):
        found, ml = volumes(data, labels, {}), 1.5 * 1.2 * 8 / 1000
        edv, esv = (np.count_nonzero(labels[at[phase]] == 1) for phase in (Phase.ED, Phase.ES))
        assert (found.edv_ml, found.esv_ml) == pytest.approx((edv * ml, esv * ml))
        assert found.ef_pct == pytest.approx(100 * (1 - esv / edv))
        assert found.mass_g == pytest.approx(1.05 * ml * np.count_nonzero(labels[at[Phase.ED]] == 2))
    assert volumes(data, guess, {}).mass_g != volumes(data, data.label, {}).mass_g


def test_slices_beyond_the_ventricle_are_no_hole() -> None:
    """The base at ES: the ventricle has moved towards the apex."""
    data = make_patient("A", 0, images=6)
    less = only(data, np.arange(6) != 1)
    found = volumes(less, less.label, {})
    assert None not in (getattr(found, name) for name in QUANTITIES)


def test_an_epicardium_that_a_slice_lacks_withholds_the_mass_alone() -> None:
    """Nobody can tell from the store whether it was left out."""
    data = make_patient("A", 0, images=6)
    data.contours[4, 1] = False
    found = pair(data, data.label, {})
    assert found.expert.mass_g is None
    assert found.expert.ef_pct is not None
    assert found.reason == "no mass: epicardium of slice 2 missing"


def test_where_no_endocardium_is_drawn_nothing_counts() -> None:
    """Not even what the model finds there: the expert's value knows nothing of it."""
    data = make_patient("A", 0, images=6)
    data.contours[4, 0] = False
    less = only(data, np.arange(6) != 4)
    assert volumes(data, data.label, {}) == volumes(less, less.label, {})


def test_epicardia_at_end_systole_alone_make_no_mass() -> None:
    """It is that of end-diastole."""
    data = make_patient("A", 0)
    data.contours[:, 1] = ~data.contours[:, 1]
    found = pair(data, data.label, {})
    assert (found.expert.mass_g, found.reason) == (None, "no mass: no slice with both contours at ED")
    assert found.expert.edv_ml is not None


def test_without_spacing_there_is_an_ejection_fraction_alone() -> None:
    """It is a ratio; without a phase there is none."""
    data = replace(make_patient("A", 0), pixel_spacing_mm=None)
    found = pair(data, data.label, {})
    assert found.expert == Volumes(ef_pct=found.expert.ef_pct)
    assert found.expert.ef_pct is not None
    assert found.reason == "pixel spacing unknown"
    hole = only(replace(make_patient("A", 0, images=6), pixel_spacing_mm=None), np.arange(6) != 2)
    assert pair(hole, hole.label, {}).reason == "no EDV: endocardium of slice 1 missing; pixel spacing unknown"
    bare = only(data, np.array([value is Phase.ED for value in data.phase]))
    assert volumes(bare, bare.label, {}) == NOTHING


def test_labels_without_a_ventricle_have_volumes_of_nothing_and_no_ejection_fraction() -> None:
    """The expert's stay; where there is no cavity at end-systole alone, all of it is ejected."""
    data = make_patient("A", 0)
    found = pair(data, np.zeros_like(data.label), {})
    assert found.model == Volumes(0.0, 0.0, None, 0.0)
    assert found.expert.ef_pct is not None
    for phase, ef_pct in ((Phase.ED, None), (Phase.ES, 100.0)):
        guess = data.label.copy()
        guess[np.array(data.phase) == phase] = 0
        assert volumes(data, guess, {}).ef_pct == ef_pct
