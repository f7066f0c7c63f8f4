"""Contours numbered off by a slice, all or from some slice on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.checks.fit import Image
from cmrpipe.checks.misfit import measure_fits
from cmrpipe.checks.otherslice import _off, check_other_slice
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, catalog_links, link_patient
from cmrpipe.model import Finding, ImageRecord, Sample
from cmrpipe.params import ValidateParams
from cmrpipe.samples import patient_samples, read_image


@dataclass(frozen=True, slots=True, eq=False)
class Heart:
    """A real patient with the pixels of all images that are looked at."""

    labels: PatientLabels
    samples: list[Sample]
    pixels: dict[str, Image]

    def read(self, record: ImageRecord) -> Image | None:
        """Pixels of an image of a drawn frame."""
        return self.pixels.get(record.path)

    def said(self, samples: list[Sample]) -> list[Finding]:
        """What is told of these contours."""
        return list(check_other_slice(self.labels, samples, measure_fits(samples), self.read, ValidateParams()))

    def places(self) -> list[int]:
        """Drawn slices."""
        return sorted({s.record.slice_index for s in self.samples if s.record.slice_index is not None})

    def moved(self, first: int) -> list[Sample]:
        """From a slice on each image has the contour of the next slice, as when one was dropped."""
        endo = {(s.record.slice_index, s.phase): s.endo for s in self.samples}
        return [
            replace(s, endo=endo.get((place + 1, s.phase)))
            if (place := s.record.slice_index) is not None and place >= first
            else s
            for s in self.samples
        ]


@pytest.fixture(scope="module")
def hearts(shared_data: Path, real_catalogs: Mapping[str, Path]) -> list[Heart]:
    """The 30 real patients."""
    found = []
    for name, base in real_catalogs.items():
        book = Catalog(base / "catalog")
        for patient, originals in catalog_links(book).originals.items():
            labels = link_patient(book, patient, originals)
            drawn = patient_samples(labels)
            frames = {s.record.frame for s in drawn}
            pixels = {r.path: read_image(r, shared_data / name) for r in labels.images if r.frame in frames}
            found.append(Heart(labels, [replace(s, image=pixels[s.record.path]) for s in drawn], pixels))
    return found


def test_no_real_patient_is_told(hearts: list[Heart]) -> None:
    """Not even that one whose contours lie beside the cavities, which has a finding of its own."""
    assert len(hearts) == 30
    assert [heart.labels.patient_id for heart in hearts if heart.said(heart.samples)] == []


@pytest.mark.parametrize(("share", "least"), [(0, 18), (1 / 3, 14), (1 / 2, 14)])
def test_numbers_off_from_some_slice_on_are_told(hearts: list[Heart], share: float, least: int) -> None:
    """Of about half of the patients, with the slices that are off; the other half's neighbours are too much alike."""
    said = [heart.said(heart.moved(heart.places()[int(len(heart.places()) * share)])) for heart in hearts]
    assert all(len(found) < 2 for found in said)
    told = [found for (found,) in filter(None, said)]
    assert {(found.code, found.evidence["slices"]) for found in told} == {(Code.CONTOURS_OTHER_SLICE, 1)}
    assert len(told) >= least
    assert any(" of slices " in found.message for found in told) or share == 0


@pytest.mark.parametrize(("others", "told"), [(0.0, True), (-0.1, False)])
def test_contours_that_would_fit_worse_speak_against_it(others: float, told: bool) -> None:
    """Half of the contours fit the next slice better: told where the rest is alike, not where the rest fits worse."""
    gains = {place: [0.1, others] for place in range(8)}
    assert any(off.whole for off in _off(gains, 1, ValidateParams())) == told
    assert bool(list(_off(gains, 1, ValidateParams()))) == told
