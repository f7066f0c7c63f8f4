"""validate, the whole set: what patients say of each other, and what concerns none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cmrpipe.catalog import Catalog
from cmrpipe.checks import copies
from cmrpipe.checks import links as link_checks
from cmrpipe.checks.alike import check_alike
from cmrpipe.checks.asides import check_asides
from cmrpipe.checks.finding import finding
from cmrpipe.checks.onestudy import check_studies
from cmrpipe.checks.origins import check_origins
from cmrpipe.checks.patient import PatientReport
from cmrpipe.checks.patientids import settle
from cmrpipe.checks.strangers import check_strangers
from cmrpipe.checks.twopatients import check_shared, suspects
from cmrpipe.codes import FindingCode
from cmrpipe.errors import LinkError
from cmrpipe.incremental.refresh import read_manifest
from cmrpipe.linking import LinkMap, PatientLabels, link_patient
from cmrpipe.model import Finding, Points
from cmrpipe.params import ValidateParams
from cmrpipe.readers.asides import read_asides
from cmrpipe.readers.layouts import CONTOURS, DICOMS, folder_of, link_tables, strangers, strays_beside
from cmrpipe.readers.links import LinkTable, read_link_table
from cmrpipe.stages.onepatient import Reader, equal_pixels

FOLDERS = 64
"""Contour folders that are kept in memory while outlines of different patients are compared."""


@dataclass(frozen=True, slots=True)
class SetReport:
    """All findings, those of single patients among them; decisions aside, and with the severities of their codes.

    Attributes
    ----------
    in_doubt : see `cmrpipe.checks.twopatients.Shared`
    """

    findings: list[Finding]
    in_doubt: Mapping[FindingCode, frozenset[str]]


def check_set(
    raw: Path, catalog: Catalog, links: LinkMap, reports: Mapping[str, PatientReport], params: ValidateParams
) -> SetReport:
    """Hold patients against each other.

    Parameters
    ----------
    raw : the raw folder; only read
    links : the catalog's links
    reports : what each patient says by itself
    """
    found = settle([found for report in reports.values() for found in report.findings], reports)
    some = _suspects(catalog, links, reports)
    shared = check_shared(some, lambda first, later: equal_pixels(Reader(raw), first, later))
    found += shared.without_echoes(_set_findings(raw, catalog, links, reports, params))
    alike = check_alike({patient: report.looks for patient, report in reports.items()}, params.alike)
    found = copies.fold([*found, *shared.findings, *check_studies(some, len(reports)), *alike])
    return SetReport(found, shared.in_doubt)


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
    raw: Path, catalog: Catalog, links: LinkMap, reports: Mapping[str, PatientReport], params: ValidateParams
) -> Iterable[Finding]:
    """Findings that concern more than one patient, or none."""
    tables, unreadable = _tables(raw)
    yield from check_asides(read_asides(raw))
    yield from link_checks.check_tables(tables, unreadable)
    yield from link_checks.check_rows([link for table in tables for link in table.links])
    yield from link_checks.check_ambiguous(links)
    yield from link_checks.check_resolution(links, catalog.patients(), catalog.original_ids())
    contents = (row for report in reports.values() for row in report.contents)
    yield from copies.check_copies(contents, params.copy_original, _outlines(catalog))
    origins = {patient: report.origin for patient, report in reports.items() if report.origin is not None}
    folders = {patient: f"{CONTOURS}/{originals[0]}" for patient, originals in links.originals.items()}
    yield from check_origins(origins, folders, params)
    yield from check_strangers(strangers(raw), {parent: strays_beside(raw, parent) for parent in (DICOMS, CONTOURS)})
    for unit, entry in sorted(read_manifest(catalog.folder).items()):
        stray = entry["info"].get("stray", 0)
        if stray:
            yield finding(
                FindingCode.STRAY_FILES,
                f"{unit}: stray files or folders that were passed over: {stray}.",
                path=unit,
                files=stray,
            )


def _suspects(catalog: Catalog, links: LinkMap, reports: Mapping[str, PatientReport]) -> dict[str, PatientLabels]:
    """Patients that may have something in common; only these are read again."""
    some = suspects({patient: report.marks for patient, report in reports.items()})
    return {patient: link_patient(catalog, patient, links.originals.get(patient, ())) for patient in some}
