"""Contours drawn into the pixels of their images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cmrpipe.catalog import Catalog
from cmrpipe.checks.burnt import check_burnt, line_share
from cmrpipe.checks.fit import Image as Pixels
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import Phase, Points, Sample
from cmrpipe.params import ValidateParams
from cmrpipe.samples import patient_samples, read_image
from tests.checks.drawn import circle, heart, sample, stack

LIMITS = ValidateParams()


def burnt(image: Pixels, points: Points, value: float) -> Pixels:
    """A line of a pixel's width along a contour."""
    canvas = Image.fromarray(image.astype(np.int32))
    ImageDraw.Draw(canvas).line([(x, y) for x, y in [*points, points[0]]], fill=int(value))
    return np.asarray(canvas)


def spoilt(one: Sample, value: Callable[[Pixels], float]) -> Sample:
    """A contoured image with its endocardium in its pixels."""
    assert one.image is not None
    assert one.endo is not None
    return replace(one, image=burnt(one.image, one.endo.points, value(one.image)))


def test_a_line_is_told_and_a_border_is_not() -> None:
    """Bright or dark, along all of it or half of it; in a cavity of a few pixels nothing can be told."""
    image, points = heart(50, 45, 20), circle(50, 45, 20)
    assert max(line_share(image, points)) < 0.2
    assert line_share(burnt(image, points, 800), points)[0] > 0.95
    assert line_share(burnt(image, points, 0), points)[1] > 0.95
    assert 0.4 < line_share(burnt(image, points[:60], 800), points)[0] < 0.75
    assert line_share(np.full((96, 112), 7), points) == (0.0, 0.0)
    for radius, looked in ((4.9, False), (5.1, True)):
        small = circle(50, 45, radius)
        assert (line_share(burnt(image, small, 800), small)[0] > 0.9) == looked
    hot = burnt(image, points, 500).copy()
    hot[3, 4] = 30_000
    assert line_share(hot, points)[0] > 0.95


def test_one_image_or_the_patient_is_told() -> None:
    """A few images each by itself; most of them as one finding of the patient."""
    samples = stack()
    assert list(check_burnt("P", samples, LIMITS)) == []
    some = [spoilt(s, lambda _: 800) if i in (2, 5) else s for i, s in enumerate(samples)]
    found = list(check_burnt("P", some, LIMITS))
    assert [(f.code, f.path) for f in found] == [(Code.CONTOUR_IN_IMAGE, samples[i].record.path) for i in (2, 5)]
    most = [spoilt(s, lambda _: 800) if i > 4 else s for i, s in enumerate(samples)]
    (whole,) = check_burnt("P", most, LIMITS)
    assert (whole.path, whole.evidence["images"], whole.instance_number) == ("dicoms/P", 9, None)
    assert whole.evidence["share"] == pytest.approx(1.0, abs=0.05)
    half = [spoilt(s, lambda _: 0) if i < 7 else s for i, s in enumerate(samples)]
    assert [f.path for f in check_burnt("P", half, LIMITS)] == [s.record.path for s in samples[:7]]
    assert [f.path for f in check_burnt("P", half[:1], LIMITS)] == [samples[0].record.path]
    unread = [replace(s, image=None) if i > 1 else s for i, s in enumerate(half)]
    (whole,) = check_burnt("P", unread, LIMITS)
    assert "2 of its 2 contoured images" in whole.message


def test_a_part_of_a_line_is_none() -> None:
    """Half of the contour; most of it where the contour leaves the image, so that the rest cannot be seen."""
    (one,) = stack(1)[:1]
    assert one.image is not None
    assert one.endo is not None
    points = one.endo.points
    half = replace(one, image=burnt(one.image, points[:60], 800))
    assert list(check_burnt("P", [half], LIMITS)) == []
    line = spoilt(one, lambda _: 800)
    assert line.image is not None
    cut = line.image[:, : int(points[:, 0].max()) - 2]
    assert line_share(cut, points)[0] > LIMITS.burnt
    for contours in ({"endo": one.endo}, {"endo": None, "epi": one.endo}):
        assert list(check_burnt("P", [replace(line, **contours)], LIMITS))
        assert list(check_burnt("P", [replace(line, image=cut, **contours)], LIMITS)) == []


def test_along_the_epicardium_bright_lines_count_alone() -> None:
    """Fat has a dark border of its own."""
    image, epi = heart(50, 45, 20), circle(50, 45, 26)
    for value, told in ((800, True), (0, False)):
        one = replace(sample(0, Phase.ED, circle(50, 45, 20), epi=epi), image=burnt(image, epi, value))
        assert bool(list(check_burnt("P", [one], LIMITS))) == told


@pytest.fixture(scope="module")
def hearts(shared_data: Path, real_catalogs: Mapping[str, Path]) -> dict[str, list[Sample]]:
    """The contoured images of the 30 real patients that have an endocardium."""
    found = {}
    for name, base in real_catalogs.items():
        book = Catalog(base / "catalog")
        for patient, originals in catalog_links(book).originals.items():
            drawn = patient_samples(link_patient(book, patient, originals))
            found[patient] = [
                replace(s, image=read_image(s.record, shared_data / name)) for s in drawn if s.endo is not None
            ]
    return found


def test_no_real_image_is_told(hearts: dict[str, list[Sample]]) -> None:
    """Neither along endocardia nor along epicardia."""
    assert len(hearts) == 30
    assert [f for patient, samples in hearts.items() for f in check_burnt(patient, samples, LIMITS)] == []


@pytest.mark.parametrize(
    "value", [np.max, lambda image: np.percentile(image, 99), lambda _: 0], ids=["brightest", "bright", "black"]
)
def test_every_real_patient_with_lines_is_told(
    hearts: dict[str, list[Sample]], value: Callable[[Pixels], float]
) -> None:
    """As a whole, whatever the line's grey."""
    for patient, samples in hearts.items():
        (found,) = check_burnt(patient, [spoilt(s, value) for s in samples], LIMITS)
        assert found.path == f"dicoms/{patient}"
