"""Contours lost at an end of the ventricle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.checks.ends import check_ends
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, catalog_links, link_patient
from cmrpipe.model import Phase, Sample
from cmrpipe.params import ValidateParams
from cmrpipe.samples import patient_samples
from tests.checks.drawn import stack

LIMITS = ValidateParams()
BOTH = (Phase.ED, Phase.ES)


def said(samples: list[Sample]) -> list[str]:
    """What is told of a patient."""
    found = list(check_ends(PatientLabels("P", (), (), ("O",)), samples, LIMITS))
    assert all((f.code, f.patient_id, f.path) == (Code.CONTOURS_END_EARLY, "P", "contourfiles/O") for f in found)
    return [f.message for f in found]


def without(samples: list[Sample], slices: Collection[int], *phases: Phase) -> list[Sample]:
    """The endocardia of some slices taken away."""
    return [replace(s, endo=None) if s.record.slice_index in slices and s.phase in phases else s for s in samples]


def flipped(samples: list[Sample]) -> list[Sample]:
    """The same with the apex first."""
    last = max(s.record.slice_index or 0 for s in samples)
    return [replace(s, record=replace(s.record, slice_index=last - (s.record.slice_index or 0))) for s in samples]


@pytest.mark.parametrize("turned", [False, True])
def test_a_ventricle_that_shortens_is_silent(turned: bool) -> None:
    """End-systole without the basal slice and the apical one; no end-systole at all is told elsewhere."""
    for gone in ((), (0,), (6,), (0, 6), range(7)):
        samples = without(stack(), gone, Phase.ES)
        assert said(flipped(samples) if turned else samples) == []


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("gone", "words"),
    [((0, 1), "slices 0, 1 at the base"), ((4, 5, 6), "slices 4, 5, 6 at the apex"), ((0, 1, 4, 5, 6), "at the base")],
)
def test_lost_end_systolic_contours_are_told(gone: tuple[int, ...], words: str, turned: bool) -> None:
    """Two basal slices, or three at the apex, whichever way the slices are counted; with slices and share."""
    samples = without(stack(), gone, Phase.ES)
    told = said(flipped(samples) if turned else samples)
    if turned:
        words = words.replace("slices 0, 1", "slices 5, 6").replace("slices 4, 5, 6", "slices 0, 1, 2")
    assert words in " ".join(told)
    assert all("none at end-systole" in message and "% of the end-diastolic cavity" in message for message in told)
    assert len(told) == (2 if {0, 6} <= set(gone) else 1)


@pytest.mark.parametrize("gone", [(0,), (6,), (5, 6)])
def test_end_systole_beyond_end_diastole_is_told(gone: tuple[int, ...]) -> None:
    """A heart is nowhere drawn contracted alone; the last bit of the apex makes no finding."""
    told = said(without(stack(), gone, Phase.ED))
    assert "at end-systole and none at end-diastole" in told[-1]
    assert said(without(stack(12), (11,), Phase.ED)) == []


def test_a_ventricle_that_does_not_taper_is_told() -> None:
    """Of both phases the apical half; of three slices nothing can be said."""
    assert "slices 0 to" not in " ".join(said(stack(9)))
    (told,) = said(without(stack(9), range(5, 9), *BOTH))
    assert "as wide as at its widest in the outermost slices" in told
    assert said(without(stack(9), range(3, 9), *BOTH)) == []


def real_samples(base: Path) -> dict[str, list[Sample]]:
    """Contoured images of a catalog's patients, without pixels."""
    catalog = Catalog(base / "catalog")
    links = catalog_links(catalog)
    return {p: patient_samples(link_patient(catalog, p, links.originals.get(p, ()))) for p in catalog.patients()}


def test_of_real_patients_none_is_told_and_planted_losses_are(real_catalogs: Mapping[str, Path]) -> None:
    """Of 30: none as they are; all with a basal third or an apical half lost at end-systole; most with it at both."""
    patients = {k: v for base in real_catalogs.values() for k, v in real_samples(base).items()}
    assert len(patients) == 30
    assert [name for name, samples in patients.items() if said(samples)] == []
    for share, phases, least in ((1 / 3, (Phase.ES,), 30), (-1 / 2, (Phase.ES,), 30), (-1 / 2, BOTH, 20)):
        told = set()
        for name, samples in patients.items():
            places = {s.record.slice_index for s in samples if s.phase is phases[0] and s.endo}
            drawn = sorted(place for place in places if place is not None)
            n = round(len(drawn) * share)  # the base comes first in all of them
            if said(without(samples, drawn[:n] if n > 0 else drawn[n:], *phases)):
                told.add(name)
        assert len(told) >= least, (share, phases, sorted(patients.keys() - told))
