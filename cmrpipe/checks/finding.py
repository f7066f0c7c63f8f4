"""Making findings: severity from the code table unless a parameter says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.codetable import CODES
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import ContourRecord, Finding, ImageRecord
from cmrpipe.readers.layouts import CONTOURS, DICOMS

Value: TypeAlias = float | int | str | bool | None


def finding(
    code: FindingCode,
    message: str,
    *,
    patient_id: str = "",
    number: int | None = None,
    path: str = "",
    more: Mapping[str, Value] | None = None,
    **evidence: Value,
) -> Finding:
    """A finding with its code's own severity; `more` is evidence whose names are not known beforehand."""
    return _made(code, message, (patient_id, number, path), {**evidence, **(more or {})})


def _made(
    code: FindingCode, message: str, where: tuple[str, int | None, str], evidence: Mapping[str, Value]
) -> Finding:
    return Finding(code, CODES[code].severity, *where, message, dict(evidence))


def of_image(code: FindingCode, image: ImageRecord, message: str, **evidence: Value) -> Finding:
    """A finding about one image."""
    where = (image.patient_id, image_number(image), image.path)
    return _made(code, message, where, evidence)


def of_contour(code: FindingCode, patient_id: str, contour: ContourRecord, message: str, **evidence: Value) -> Finding:
    """A finding about one contour."""
    return _made(code, message, (patient_id, contour.number, contour.path), evidence)


def of_patient(code: FindingCode, patient_id: str, message: str, **evidence: Value) -> Finding:
    """A finding about a patient's images as a whole."""
    return _made(code, message, (patient_id, None, f"{DICOMS}/{patient_id}"), evidence)


def of_contours(code: FindingCode, labels: PatientLabels, message: str, **evidence: Value) -> Finding:
    """A finding about a patient's contours as a whole, of which there are some."""
    return _made(code, message, (labels.patient_id, None, f"{CONTOURS}/{labels.original_ids[0]}"), evidence)


def count_by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each severity, all three always present."""
    counts = {severity.value: 0 for severity in Severity}
    for found in findings:
        counts[found.severity.value] += 1
    return counts
