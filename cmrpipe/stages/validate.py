"""validate: hold everything in the catalog against everything else; findings, missing data, quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cmrpipe.catalog import Catalog
from cmrpipe.checks.blame import quarantine_rows
from cmrpipe.checks.decisions import check_decisions
from cmrpipe.checks.finding import count_by_severity
from cmrpipe.checks.subjects import Subjects
from cmrpipe.clinical import ClinicalValues
from cmrpipe.files import write_json
from cmrpipe.findings import BY_RULE, PIECE_FILES, Report, rank, write_pieces
from cmrpipe.incremental.codeversion import code_version
from cmrpipe.incremental.executors import Workers
from cmrpipe.incremental.refresh import Unit, fingerprint, read_manifest, refresh
from cmrpipe.linking import LinkMap, catalog_links, link_patient
from cmrpipe.model import Finding, Quarantine
from cmrpipe.params import ValidateParams
from cmrpipe.progress import Listener
from cmrpipe.quarantine import RULE, LeftOut, known_quarantine, left_out, merge, sealed, unsigned, write_quarantine
from cmrpipe.readers.layouts import check_layout, keep_out
from cmrpipe.stages.onepatient import Task, rounded_values, validate_patient
from cmrpipe.stages.patientfile import PatientFile, read_patient_file
from cmrpipe.stages.summary import Summary
from cmrpipe.stages.wholeset import SetReport, check_set


def _rows_before(out: Path) -> list[Quarantine]:
    """What rules left out in the last validation; nothing where that is not told."""
    try:
        rows = json.loads((out / BY_RULE).read_bytes())
        return [Quarantine(what, name, why, RULE, seen=seen) for what, name, why, seen in rows]
    except (OSError, ValueError, TypeError):
        return []


def people_rows(out: Path, quarantine: Path) -> list[Quarantine]:
    """Rows of the quarantine that people wrote, after a validation into `out`; also those by `rule` of no rule."""
    rows = known_quarantine(quarantine)
    return [*(row for row in rows if row.by != RULE), *unsigned(rows, (), _rows_before(out))]


def _units(raw: Path, catalog: Catalog, links: LinkMap, params: ValidateParams) -> list[Unit[Task]]:
    """Each patient's work, to be done again when its files, its links, the parameters or the code are others."""
    shards = read_manifest(catalog.folder)
    context = fingerprint(params.model_dump(mode="json"), code_version(__name__))
    units = []
    for patient in catalog.patients():
        originals = links.originals.get(patient, ())
        sources = [shards[folder]["files"] for folder in links.folders(patient)]
        task = Task(raw, catalog.folder, patient, originals, params)
        units.append(Unit(patient, fingerprint(context, sources, originals), task))
    return units


@dataclass(frozen=True, slots=True)
class _Decided:
    """What is left out.

    Attributes
    ----------
    by_rule : what rules give now
    rows : of quarantine.csv, people's among them
    findings : about rows of people
    """

    by_rule: Sequence[Quarantine]
    rows: Sequence[Quarantine]
    findings: Sequence[Finding]


def _decide(
    found: SetReport, subjects: Subjects, before: Sequence[Quarantine], path: Path, params: ValidateParams
) -> _Decided:
    """What rules leave out, held against what people wrote into the quarantine.

    Parameters
    ----------
    before : what rules left out in the last validation
    path : quarantine.csv
    """
    accused = sorted(quarantine_rows(found.findings, params.quarantine, found.in_doubt), key=lambda row: row.name)
    by_rule = [replace(row, seen=subjects.fingerprint(row.name)) for row in accused]
    decisions = sealed(known_quarantine(path), before, subjects.fingerprint)
    nobodys = unsigned(decisions, by_rule, before)
    told = list(check_decisions(decisions, by_rule, nobodys, subjects, path.name))
    return _Decided(by_rule, merge(decisions, by_rule, before), told)


def _ranked(findings: Sequence[Finding], params: ValidateParams) -> list[Finding]:
    """Findings with the severities that the parameters give them, worst first."""
    return sorted((replace(f, severity=params.severity.get(f.code, f.severity)) for f in findings), key=rank)


def _clinical(
    catalog: Catalog, links: LinkMap, files: Mapping[str, PatientFile], quarantine: LeftOut
) -> Iterator[ClinicalValues]:
    """Clinical values: as measured in each patient, and anew for patients with something in quarantine."""
    touched = quarantine.by_folder().keys()
    for patient, file in files.items():
        if touched & {patient, *links.folders(patient)}:
            yield rounded_values(link_patient(catalog, patient, links.originals.get(patient, ())), quarantine)
        else:
            yield file.clinical


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
    units = _units(raw, book, links, params)
    result = refresh(
        "validate", out, units, validate_patient, listen=listen, workers=workers, beside=(*PIECE_FILES, BY_RULE)
    )
    files = {unit.key: read_patient_file(out, unit.key) for unit in units}
    found = check_set(raw, book, links, {patient: file.report for patient, file in files.items()}, params)
    decided = _decide(found, Subjects(book, links), _rows_before(out), quarantine, params)
    findings = _ranked([*found.findings, *decided.findings], params)
    missing = [item for file in files.values() for item in file.report.missing]
    gone = left_out(decided.rows)
    clinical = list(_clinical(book, links, files, gone))
    write_quarantine(quarantine, decided.rows)
    write_json(out / BY_RULE, sorted([row.what, row.name, row.why, row.seen] for row in decided.by_rule))
    write_pieces(out, Report(findings, list(map(asdict, missing)), list(map(asdict, clinical))))
    return Summary(
        "validate",
        done=len(result.done),
        unchanged=len(result.unchanged),
        gone=len(result.gone),
        counts={"missing": len(missing), "quarantined": len(gone.rows)},
        findings=count_by_severity(findings),
    )
