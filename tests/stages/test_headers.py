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
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.params import ValidateParams

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
