"""validate: hold everything in the catalog against everything else; findings, missing data, quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cmrpipe.asides import read_asides
from cmrpipe.catalog import Catalog
from cmrpipe.checks import copies
from cmrpipe.checks import links as link_checks
from cmrpipe.checks.alike import Look, check_alike
from cmrpipe.checks.asides import check_asides
from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.decisions import check_decisions
from cmrpipe.checks.finding import count_by_severity, finding
from cmrpipe.checks.fit import Image, Pixels
from cmrpipe.checks.images import duplicate_pixels, pixel_twins, undecodable
from cmrpipe.checks.onestudy import check_studies
from cmrpipe.checks.origins import PatientOrigin, check_origins
from cmrpipe.checks.patient import check_patient
from cmrpipe.checks.patientids import settle
from cmrpipe.checks.scale import check_volumes
from cmrpipe.checks.strangers import check_strangers
from cmrpipe.checks.subjects import Subjects
from cmrpipe.checks.twopatients import check_shared, suspects
from cmrpipe.clinical import clinical_values
from cmrpipe.codes import FindingCode
from cmrpipe.codeversion import code_version
from cmrpipe.errors import DicomError, InputError, LinkError
from cmrpipe.executors import Workers
from cmrpipe.files import write_json
from cmrpipe.findings import BY_RULE, PIECE_FILES, Report, from_dict, rank, read_findings, to_dict, write_pieces
from cmrpipe.incremental import Unit, Written, fingerprint, read_manifest, refresh
from cmrpipe.layouts import (
    CONTOURS,
    DICOMS,
    check_layout,
    folder_of,
    keep_out,
    link_tables,
    strangers,
    strays_beside,
)
from cmrpipe.linking import LinkMap, PatientLabels, catalog_links, link_patient
from cmrpipe.links import LinkTable, read_link_table
from cmrpipe.model import Finding, ImageRecord, Points, Quarantine
from cmrpipe.origin import Shift
from cmrpipe.params import ValidateParams
from cmrpipe.progress import Listener
from cmrpipe.quarantine import RULE, LeftOut, known_quarantine, left_out, merge, sealed, unsigned, write_quarantine
from cmrpipe.samples import check_contours, patient_samples, read_image
from cmrpipe.slices import slice_gap_mm
from cmrpipe.stages.summary import Summary

DIGITS = 4
"""Decimals of clinical values."""
FOLDERS = 64
"""Contour folders that are kept in memory while outlines of different patients are compared."""


@dataclass(frozen=True, slots=True)
class _Task:
    raw: Path
    catalog: Path
    patient_id: str
    originals: tuple[str, ...]
    params: ValidateParams


def patient_report(patient_id: str) -> str:
    """Name of a patient's findings, relative to the findings folder."""
    return f"patients/{patient_id}.json"


class _Reader:
    """Reads each image once; None for those whose pixels cannot be had.

    Attributes
    ----------
    undecodable : of those of them that ingest, which looks at headers, took for usable
    """

    def __init__(self, raw: Path) -> None:
        self._raw = raw
        self._read: dict[str, Image | None] = {}
        self.undecodable: list[Finding] = []

    def __call__(self, record: ImageRecord) -> Image | None:
        if record.path not in self._read:
            try:
                self._read[record.path] = read_image(record, self._raw)
            except DicomError as error:
                self._read[record.path] = None
                if not record.error:
                    self.undecodable.append(undecodable(record, error.cause))
        return self._read[record.path]


def _equal_pixels(pixels: Pixels, first: ImageRecord, later: ImageRecord) -> bool:
    one, other = pixels(first), pixels(later)
    return one is not None and other is not None and np.array_equal(one, other)


def _validate(task: _Task, out: Path) -> Written:
    labels = link_patient(Catalog(task.catalog), task.patient_id, task.originals)
    check_contours(labels, task.raw)
    pixels = _Reader(task.raw)
    samples = [replace(sample, image=pixels(sample.record)) for sample in patient_samples(labels)]
    report = check_patient(labels, samples, pixels, task.params)
    twins = [duplicate_pixels(a, b) for a, b in pixel_twins(labels.images) if _equal_pixels(pixels, a, b)]
    clinical = _clinical(labels, frozenset())
    volumes = check_volumes(labels, clinical, task.params)
    findings = (*report.findings, *twins, *pixels.undecodable, *volumes)
    name = patient_report(task.patient_id)
    value = {
        "findings": [to_dict(found) for found in findings],
        "missing": [asdict(item) for item in report.missing],
        "contents": [asdict(row) for row in report.contents],
        "marks": report.marks,
        "looks": report.looks,
        "origin": None if report.origin is None else _origin_to_json(report.origin),
        "clinical": clinical,
    }
    write_json(out / name, value)
    return Written([name], {"findings": len(findings), "missing": len(report.missing)})


def _origin_to_json(origin: PatientOrigin) -> dict[str, Any]:
    shift = origin.shift
    return {
        "response": origin.response.round(6).tolist(),
        "contours": origin.contours,
        "shift": None
        if shift is None
        else {name: round(value, 6) if np.isfinite(value) else None for name, value in asdict(shift).items()},
    }


def _origin_from_json(value: dict[str, Any]) -> PatientOrigin:
    shift = value["shift"]
    known = None
    if shift is not None:
        known = Shift(**{**shift, **{name: np.inf for name, number in shift.items() if number is None}})
    return PatientOrigin(np.array(value["response"]), known, value["contours"])


def _clinical(labels: PatientLabels, excluded: Container[str]) -> dict[str, Any]:
    """Clinical values of a patient without what is in quarantine, as a row of the table."""
    values = clinical_values(
        labels.patient_id, patient_samples(labels, excluded), slice_gap_mm(labels.images), patient_samples(labels)
    )
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in asdict(values).items()}


def _tables(raw: Path) -> tuple[list[LinkTable], list[tuple[str, str]]]:
    tables, unreadable = [], []
    for path in link_tables(raw):
        try:
            tables.append(read_link_table((raw / path).read_bytes(), path))
        except LinkError as error:
            unreadable.append((path, str(error)))
    return tables, unreadable


def _outlines(catalog: Catalog) -> Callable[[str], Points]:
    """The points of a contour file by its path; a few folders are kept in memory."""

    @lru_cache(FOLDERS)
    def points(original_id: str) -> dict[str, Points]:
        return {row.path: row.points for row in catalog.contours(original_id) if row.points is not None}

    return lambda path: points(folder_of(path).rpartition("/")[2])[path]


def _set_findings(
    raw: Path, catalog: Catalog, links: LinkMap, reports: dict[str, Any], params: ValidateParams
) -> Iterable[Finding]:
    """Findings that concern more than one patient, or none."""
    tables, unreadable = _tables(raw)
    yield from check_asides(read_asides(raw))
    yield from link_checks.check_tables(tables, unreadable)
    yield from link_checks.check_rows([link for table in tables for link in table.links])
    yield from link_checks.check_ambiguous(links)
    yield from link_checks.check_resolution(links, catalog.patients(), catalog.original_ids())
    contents = (copies.Content.from_json(row) for report in reports.values() for row in report["contents"])
    yield from copies.check_copies(contents, params.copy_original, _outlines(catalog))
    origins = {patient: _origin_from_json(r["origin"]) for patient, r in reports.items() if r["origin"]}
    folders = {patient: f"{CONTOURS}/{originals[0]}" for patient, originals in links.originals.items()}
    yield from check_origins(origins, folders, params)
    yield from check_strangers(strangers(raw), {parent: strays_beside(raw, parent) for parent in (DICOMS, CONTOURS)})
    for unit, entry in sorted(read_manifest(catalog.folder).items()):
        stray = entry["info"].get("stray", 0)
        if stray:
            yield finding(
                FindingCode.STRAY_FILES,
                f"{unit}: {stray} stray files or folders were passed over.",
                path=unit,
                files=stray,
            )


def _suspects(catalog: Catalog, links: LinkMap, reports: dict[str, Any]) -> dict[str, PatientLabels]:
    """Patients that may have something in common; only these are read again."""
    some = suspects({patient: report["marks"] for patient, report in reports.items()})
    return {patient: link_patient(catalog, patient, links.originals.get(patient, ())) for patient in some}


def _rows_before(out: Path, params: ValidateParams) -> list[Quarantine]:
    """What rules left out in the last validation; of an older version's, what its findings give; else nothing."""
    try:
        if (out / BY_RULE).is_file():
            rows = json.loads((out / BY_RULE).read_bytes())  # those of an older version say no bytes
            return [Quarantine(what, name, why, RULE, seen="".join(seen)) for what, name, why, *seen in rows]
        codes = {*params.quarantine, *ValidateParams().quarantine}
        found = read_findings(out)
        alone = [row for item in found for row in quarantine_rows([item], codes)]  # which once was all that counted
        return [*quarantine_rows(found, codes), *alone]
    except (InputError, ValueError, TypeError):
        return []


def people_rows(out: Path, quarantine: Path, params: ValidateParams) -> list[Quarantine]:
    """Rows of the quarantine that people wrote, after a validation into `out`; also those by `rule` of no rule."""
    rows = known_quarantine(quarantine)
    return [*(row for row in rows if row.by != RULE), *unsigned(rows, (), _rows_before(out, params))]


def _clinical_rows(
    catalog: Catalog, links: LinkMap, reports: dict[str, Any], quarantine: LeftOut
) -> Iterable[dict[str, Any]]:
    """The clinical table: as measured in each patient, and anew for patients with something in quarantine."""
    touched = {"/".join(name.split("/")[:2]) for name in quarantine.rows}
    for patient, report in reports.items():
        places = {patient, f"{DICOMS}/{patient}", *(f"{CONTOURS}/{o}" for o in links.originals.get(patient, ()))}
        if places & touched:
            yield _clinical(link_patient(catalog, patient, links.originals.get(patient, ())), quarantine)
        else:
            yield report["clinical"]


def validate(
    raw: Path,
    catalog: Path,
    out: Path,
    quarantine: Path,
    params: ValidateParams,
    *,
    listen: Listener,
    workers: Workers = 1,
) -> Summary:
    """Check all patients and the set as a whole.

    Parameters
    ----------
    raw : the raw folder; only read
    catalog : the ingest stage's output
    out : what the whole set says of each patient, in pieces (see `cmrpipe.findings`), and a file a patient by itself
    quarantine : quarantine.csv; rows of rules are written anew, rows of people stay (with the fingerprint of the
        bytes that they are about), and those by `rule` of no rule
    workers : processes

    Raises
    ------
    LayoutError : `raw` holds no patient
    InputError : `out` or `quarantine` lies in `raw`, or something that was written earlier cannot be read
    """
    check_layout(raw)
    keep_out(raw, out, quarantine)
    book = Catalog(catalog)
    links = catalog_links(book)
    shards = read_manifest(catalog)
    context = fingerprint(params.model_dump(mode="json"), code_version(__name__))
    units = []
    for patient in book.patients():
        originals = links.originals.get(patient, ())
        sources = [shards[unit]["files"] for unit in (f"{DICOMS}/{patient}", *(f"{CONTOURS}/{o}" for o in originals))]
        task = _Task(raw, catalog, patient, originals, params)
        units.append(Unit(patient, fingerprint(context, sources, originals), task))
    result = refresh("validate", out, units, _validate, listen=listen, workers=workers, beside=(*PIECE_FILES, BY_RULE))

    reports = {unit.key: json.loads((out / patient_report(unit.key)).read_bytes()) for unit in units}
    found = settle([from_dict(value) for report in reports.values() for value in report["findings"]], reports)
    some = _suspects(book, links, reports)
    shared = check_shared(some, lambda first, later: _equal_pixels(_Reader(raw), first, later))
    found += shared.without_echoes(_set_findings(raw, book, links, reports, params))
    seen = {patient: [Look(*look) for look in report["looks"]] for patient, report in reports.items()}
    alike = check_alike(seen, params.alike)
    found = copies.fold([*found, *shared.findings, *check_studies(some, len(reports)), *alike])
    subjects, before = Subjects(book, links), _rows_before(out, params)
    accused = sorted(quarantine_rows(found, params.quarantine, shared.in_doubt), key=lambda row: row.name)
    by_rule = [replace(row, seen=subjects.fingerprint(row.name)) for row in accused]
    decisions = sealed(known_quarantine(quarantine), before, subjects.fingerprint)
    nobodys = unsigned(decisions, by_rule, before)
    found += check_decisions(decisions, by_rule, nobodys, subjects, quarantine.name)
    found = sorted((replace(f, severity=params.severity.get(f.code, f.severity)) for f in found), key=rank)
    missing = [row for report in reports.values() for row in report["missing"]]
    rows = merge(decisions, by_rule, before)
    decided = left_out(rows)
    clinical = list(_clinical_rows(book, links, reports, decided))
    write_quarantine(quarantine, rows)
    write_json(out / BY_RULE, sorted([row.what, row.name, row.why, row.seen] for row in by_rule))
    write_pieces(out, Report(found, missing, clinical))
    return Summary(
        "validate",
        done=len(result.done),
        unchanged=len(result.unchanged),
        gone=len(result.gone),
        counts={"missing": len(missing), "quarantined": len(decided.rows)},
        findings=count_by_severity(found),
    )
