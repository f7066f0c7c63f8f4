"""Real patients with other headers: what is told of them, from their records in the catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.numbers import check_numbers
from cmrpipe.checks.patientids import check_patient_id, settle
from cmrpipe.checks.places import check_places
from cmrpipe.checks.scale import check_scale
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.slices import arrange

Images = dict[str, list[ImageRecord]]


@pytest.fixture(scope="module")
def images(real: Path) -> Images:
    """Image rows of the 5 real patients."""
    catalog = Catalog(real / "catalog")
    return {patient: catalog.images(patient) for patient in catalog.patients()}


def changed(images: Images, change: Callable[[ImageRecord], ImageRecord]) -> Images:
    """All rows, altered."""
    return {patient: [change(image) for image in own] for patient, own in images.items()}


def left_out(findings: Sequence[Finding]) -> int:
    """How many rows of the quarantine the findings make by default."""
    return len(quarantine_rows(findings, ValidateParams().quarantine))


def test_a_deidentified_set_is_used(images: Images) -> None:
    """PatientIDs of another scheme: a warning a patient; as they are nothing; exchanged, both are left out."""

    def told(some: Images) -> list[Finding]:
        return settle([f for name, own in some.items() for f in check_patient_id(name, own)], some)

    assert told(images) == []
    order = sorted(images)
    anonymous = changed(images, lambda i: replace(i, header_patient_id=f"ANON-{order.index(i.patient_id):03d}"))
    found = told(anonymous)
    assert Counter(f.code for f in found) == {Code.PATIENT_RENAMED: 5}
    assert left_out(found) == 0
    turned = dict(zip(order, [*order[1:], order[0]], strict=True))
    found = told(changed(images, lambda i: replace(i, header_patient_id=turned[i.patient_id])))
    assert {row.name for row in quarantine_rows(found, ValidateParams().quarantine)} == set(order)


def test_a_series_a_slice_is_used(images: Images) -> None:
    """Files numbered through, InstanceNumber within each series: told once a patient; as they are nothing."""

    def told(some: Images) -> list[Finding]:
        return [f for name, own in some.items() for f in check_numbers(name, own)]

    assert told(images) == []
    found = told(
        changed(images, lambda i: replace(i, series_uid=f"{i.series_uid}.{i.slice_index}", instance_number=i.frame))
    )
    assert Counter(f.code for f in found) == {Code.IMAGE_NUMBER_BY_SERIES: 5}
    assert left_out(found) == 0


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("later_ms", [0.0, 3.0])
def test_one_position_and_a_slice_acquired_twice_are_told(images: Images, header: bool, later_ms: float) -> None:
    """Whether trigger times are equal or not, the number of frames known or not; as they are nothing."""
    for name, own in images.items():
        assert list(check_places(name, own)) == []
        rows = own if header else [replace(i, frames_per_slice=None) for i in own]
        equal = [
            replace(i, position_mm=(-100.0, -80.0, 30.0), trigger_time_ms=_later(i, later_ms * (i.slice_index or 0)))
            for i in rows
        ]
        (found,) = check_places(name, arrange(equal, 20))
        assert (found.code, found.evidence["images"]) == (Code.IMAGES_AT_ONE_PLACE, len(own))
        fifth = [i for i in rows if i.slice_index == 5]
        again = [
            replace(i, path=f"{i.path}.2", file_number=900 + n, sop_uid="", trigger_time_ms=_later(i, later_ms))
            for n, i in enumerate(fifth)
        ]
        (found,) = check_places(name, arrange([*rows, *again], 20))
        assert (found.evidence["slice_index"], found.evidence["slices"], found.evidence["images"]) == (5, 1, 40)


def _later(image: ImageRecord, step_ms: float) -> float:
    return (image.trigger_time_ms or 0.0) + step_ms


def test_another_scale_is_told(images: Images) -> None:
    """Spacings twice and half as large, positions in cm; as they are nothing."""
    limits = ValidateParams()

    def scaled(image: ImageRecord, spacing: float, position: float) -> ImageRecord:
        (row, column), (x, y, z) = image.pixel_spacing_mm or (0.0, 0.0), image.position_mm or (0.0, 0.0, 0.0)
        place = (x * position, y * position, z * position)
        return replace(image, pixel_spacing_mm=(row * spacing, column * spacing), position_mm=place)

    for name, own in images.items():
        assert list(check_scale(name, own, limits)) == []
        for spacing, position, of in ((2.0, 1.0, "field_mm"), (0.5, 1.0, "field_mm"), (1.0, 0.1, "gap_mm")):
            (found,) = check_scale(name, [scaled(i, spacing, position) for i in own], limits)
            assert found.code is Code.SCALE_IMPLAUSIBLE
            assert of in found.evidence
