"""validate: hold everything in the catalog against everything else; findings, missing data, quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cmrpipe.catalog import Catalog
from cmrpipe.checks import copies
from cmrpipe.checks import links as link_checks
from cmrpipe.checks.finding import count_by_severity, finding, rank
from cmrpipe.checks.images import duplicate_pixels, pixel_twins
from cmrpipe.checks.patient import check_patient
from cmrpipe.codes import FindingCode
from cmrpipe.codeversion import code_version
from cmrpipe.dicom import read_pixels
from cmrpipe.errors import DicomError, LinkError
from cmrpipe.files import write_json
from cmrpipe.findings import (
    FINDINGS_CSV,
    FINDINGS_JSON,
    MISSING_CSV,
    from_dict,
    to_dict,
    write_findings,
    write_missing,
)
from cmrpipe.incremental import Unit, Written, fingerprint, read_manifest, refresh
from cmrpipe.layouts import CONTOURS, DICOMS, check_layout, link_tables
from cmrpipe.linking import LinkMap, PatientLabels, catalog_links, link_patient
from cmrpipe.links import LinkTable, read_link_table
from cmrpipe.model import Finding, ImageRecord, Quarantine
from cmrpipe.params import ValidateParams
from cmrpipe.progress import Listener
from cmrpipe.quarantine import RULE, left_out, merge, read_quarantine, write_quarantine
from cmrpipe.samples import patient_samples
from cmrpipe.stages.summary import Summary


@dataclass(frozen=True, slots=True)
class _Task:
    raw: Path
    catalog: Path
    patient_id: str
    originals: tuple[str, ...]


def patient_report(patient_id: str) -> str:
    """Name of a patient's findings, relative to the findings folder."""
    return f"patients/{patient_id}.json"


def _equal_pixels(raw: Path, first: ImageRecord, later: ImageRecord) -> bool:
    try:
        return bool(np.array_equal(read_pixels(raw / first.path), read_pixels(raw / later.path)))
    except DicomError:
        return False  # unreadable files have their own finding


def _validate(task: _Task, out: Path) -> Written:
    labels = link_patient(Catalog(task.catalog), task.patient_id, task.originals)
    report = check_patient(labels, patient_samples(labels))
    twins = [duplicate_pixels(a, b) for a, b in pixel_twins(labels.images) if _equal_pixels(task.raw, a, b)]
    name = patient_report(task.patient_id)
    value = {
        "findings": [to_dict(found) for found in (*report.findings, *twins)],
        "missing": [asdict(item) for item in report.missing],
        "contents": _contents(labels),
    }
    write_json(out / name, value)
    return Written([name], {"findings": len(report.findings) + len(twins), "missing": len(report.missing)})


def _contents(labels: PatientLabels) -> list[tuple[str, str, str, int | None]]:
    return [(c.content_sha256, c.path, labels.patient_id, c.number) for c in labels.contours if c.contour is not None]


def _tables(raw: Path) -> tuple[list[LinkTable], list[tuple[str, str]]]:
    tables, unreadable = [], []
    for path in link_tables(raw):
        try:
            tables.append(read_link_table((raw / path).read_bytes(), path))
        except LinkError as error:
            unreadable.append((path, str(error)))
    return tables, unreadable


def _set_findings(raw: Path, catalog: Catalog, links: LinkMap, contents: list[Any]) -> Iterable[Finding]:
    """Findings that concern more than one patient, or none."""
    tables, unreadable = _tables(raw)
    yield from link_checks.check_tables(tables, unreadable)
    yield from link_checks.check_rows([link for table in tables for link in table.links])
    yield from link_checks.check_ambiguous(links)
    yield from link_checks.check_resolution(links, catalog.patients(), catalog.original_ids())
    yield from copies.check_copies(contents)
    for unit, entry in sorted(read_manifest(catalog.folder).items()):
        stray = entry["info"].get("stray", 0)
        if stray:
            yield finding(
                FindingCode.STRAY_FILES, f"{unit}: {stray} stray files were passed over.", path=unit, files=stray
            )


def quarantine_rows(findings: Iterable[Finding], codes: Iterable[FindingCode]) -> list[Quarantine]:
    """What the rules leave out: the file that a finding with one of `codes` is about, else its patient."""
    chosen = frozenset(codes)
    rows = set()
    for found in findings:
        if found.code not in chosen:
            continue
        if found.path.startswith(f"{CONTOURS}/") and found.path.endswith(".txt"):
            rows.add(Quarantine("contour", found.path, found.code, RULE))
        elif found.path.startswith(f"{DICOMS}/") and found.path.count("/") > 1:
            rows.add(Quarantine("image", found.path, found.code, RULE))
        elif found.patient_id:
            rows.add(Quarantine("patient", found.patient_id, found.code, RULE))
    return list(rows)


def validate(
    raw: Path,
    catalog: Path,
    out: Path,
    quarantine: Path,
    params: ValidateParams,
    *,
    listen: Listener,
    workers: int = 1,
) -> Summary:
    """Check all patients and the set as a whole.

    Parameters
    ----------
    raw : the raw folder; only read
    catalog : the ingest stage's output
    out : findings.csv, findings.json, missing.csv, and a file a patient
    quarantine : quarantine.csv; rows of rules are written anew, rows of people stay
    workers : processes
    """
    check_layout(raw)
    book = Catalog(catalog)
    links = catalog_links(book)
    shards = read_manifest(catalog)
    context = fingerprint(params.model_dump(mode="json"), code_version(__name__))
    units = []
    for patient in book.patients():
        originals = links.originals.get(patient, ())
        sources = [shards[unit]["files"] for unit in (f"{DICOMS}/{patient}", *(f"{CONTOURS}/{o}" for o in originals))]
        task = _Task(raw, catalog, patient, originals)
        units.append(Unit(patient, fingerprint(context, sources, originals), task))
    beside = (FINDINGS_CSV, FINDINGS_JSON, MISSING_CSV)
    result = refresh("validate", out, units, _validate, listen=listen, workers=workers, beside=beside)

    reports = [json.loads((out / patient_report(unit.key)).read_bytes()) for unit in units]
    contents = [tuple(row) for report in reports for row in report["contents"]]
    found = [from_dict(value) for report in reports for value in report["findings"]]
    found += _set_findings(raw, book, links, contents)
    found = sorted((replace(f, severity=params.severity.get(f.code, f.severity)) for f in found), key=rank)
    missing = [row for report in reports for row in report["missing"]]
    write_findings(out, found)
    write_missing(out, missing)
    rows = merge(read_quarantine(quarantine), quarantine_rows(found, params.quarantine))
    write_quarantine(quarantine, rows)
    return Summary(
        "validate",
        done=len(result.done),
        unchanged=len(result.unchanged),
        gone=len(result.gone),
        counts={"missing": len(missing), "quarantined": len(left_out(rows).rows)},
        findings=count_by_severity(found),
    )
