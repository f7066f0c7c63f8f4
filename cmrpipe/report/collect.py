"""From a run's artefacts to its facts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from cmrpipe.catalog import Catalog
from cmrpipe.checks.missing import Missing
from cmrpipe.codes import FindingCode
from cmrpipe.errors import InputError
from cmrpipe.findings import Report, Row, is_validated, read_report
from cmrpipe.incremental.refresh import read_manifest
from cmrpipe.linking import LinkMap, catalog_links, image_number, link_patient
from cmrpipe.model import ContourKind, Finding, Quarantine, Sample
from cmrpipe.pictures.coverage import Coverage, cover
from cmrpipe.quarantine import RULE, known_quarantine, left_out, read_quarantine
from cmrpipe.readers.layouts import CONTOURS, DICOMS
from cmrpipe.report.artefacts import Places, digests, number, read_json, read_rows
from cmrpipe.report.facts import Drawn, Epoch, Facts, ImageScores, LeftOut, ModelFacts, PatientFacts
from cmrpipe.report.measures import contour_measures
from cmrpipe.samples import patient_samples

_OF_TWO = frozenset({FindingCode.IMAGE_IN_TWO_PATIENTS, FindingCode.INSTANCE_IN_TWO_PATIENTS})
"""Told once for two patients: it stands on both of their pages."""
_KEYS = frozenset({"patient_id", "instance_number", "slice_index", "frame", "phase", "region", "epoch"})


def _figures(row: Mapping[str, str]) -> dict[str, float | None]:
    return {name: number(cell) for name, cell in row.items() if name not in _KEYS}


def _history(folder: Path) -> tuple[Epoch, ...]:
    return tuple(Epoch(int(row["epoch"]), _figures(row)) for row in read_rows(folder / "history.csv"))


def _beside(rows: Iterable[Mapping[str, str]]) -> dict[str, dict[str, float]]:
    """Mean Dice of each baseline by patient."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for part in ("cavity", "myocardium"):
            if (value := number(row[f"dice_{part}"])) is not None:
                found[row["patient_id"]][f"{row['baseline']}_{part}"].append(value)
    return {patient: {name: fmean(values) for name, values in ways.items()} for patient, ways in found.items()}


def _model(artefacts: Places) -> ModelFacts | None:
    split = read_json(artefacts.model / "splits.json")
    history = _history(artefacts.model)
    metrics = read_json(artefacts.evaluation / "metrics.json")
    if not (split or history or metrics):
        return None
    return ModelFacts(
        {part: tuple(split.get(part, ())) for part in ("train", "val", "test")},
        history,
        _history(artefacts.model / "first"),
        {name: value for name, value in metrics.items() if value is None or isinstance(value, int | float)},
        tuple(
            ImageScores(row["patient_id"], int(row["instance_number"]), _figures(row))
            for row in read_rows(artefacts.evaluation / "per_image.csv")
        ),
        _beside(read_rows(artefacts.evaluation / "baselines.csv")),
        metrics,
        tuple(read_rows(artefacts.evaluation / "volumes.csv")),
    )


def _samples(store: Path) -> dict[str, int] | None:
    """Samples by patient; None without a store."""
    units = read_manifest(store)
    if not units:
        return None
    return {key: int(entry["info"]["samples"]) for key, entry in units.items() if "samples" in entry["info"]}


def _kinds(catalog: Catalog) -> tuple[dict[str, ContourKind | None], Counter[ContourKind]]:
    """The kind of every contour file by path, and the number of readable ones of each kind."""
    kinds: dict[str, ContourKind | None] = {}
    readable: Counter[ContourKind] = Counter()
    for original in catalog.original_ids():
        for contour in catalog.contours(original):
            kinds[contour.path] = contour.kind
            if contour.kind is not None and not contour.error:
                readable[contour.kind] += 1
    return kinds, readable


def _left_out(
    quarantine: Sequence[Quarantine], links: LinkMap, kinds: Mapping[str, ContourKind | None]
) -> tuple[LeftOut, ...]:
    """What the quarantine leaves out, with the patient and the kind of contour it is."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for row in quarantine:
        if not row.keep:
            reasons[row.name].append(row.why)
    owners = {original: patient for patient, originals in links.originals.items() for original in originals}
    found = []
    for name, row in left_out(quarantine).rows.items():
        parent, _, rest = name.partition("/")
        folder = rest.partition("/")[0]
        patient = {DICOMS: folder, CONTOURS: owners.get(folder, "")}.get(parent, name)
        kind = kinds.get(name)
        found.append(LeftOut(row, patient, kind.value if kind is not None else row.what, tuple(reasons[name])))
    return tuple(sorted(found, key=lambda item: (item.patient_id, item.what, item.row.name)))


def _drawn(sample: Sample, coverage: Coverage) -> Drawn:
    record = sample.record
    number_ = image_number(record)
    cell = next((cell for cell in coverage.cells.values() if cell.number == number_ and cell.image), None)
    return Drawn(
        number_ or 0,
        record.slice_index,
        record.frame,
        sample.phase,
        tuple(contour for contour in (sample.endo, sample.epi) if contour is not None),
        tuple(sorted(cell.left_out)) if cell else (),
    )


def _missing(row: Row, folder: Path) -> Missing:
    try:
        return Missing.from_json(row)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            folder, f"has a missing item that is none ({error})", "Run `cmrpipe validate` again"
        ) from error


def _texts(row: Row) -> dict[str, str]:
    """A row as its table has it."""
    return {name: "" if cell is None else str(cell) for name, cell in row.items()}


@dataclass(frozen=True, slots=True)
class _Shares:
    """What concerns each patient, by id."""

    findings: Mapping[str, list[Finding]]
    missing: Mapping[str, list[Missing]]
    left_out: Mapping[str, list[Quarantine]]
    samples: Mapping[str, int] | None
    parts: Mapping[str, str]
    scores: Mapping[str, Mapping[str, float | None]]
    clinical: Mapping[str, Mapping[str, str]]
    overlays: Mapping[str, Mapping[str, Any]]


def _patient(catalog: Catalog, patient_id: str, originals: tuple[str, ...], shares: _Shares) -> PatientFacts:
    labels = link_patient(catalog, patient_id, originals)
    samples = patient_samples(labels)
    findings, missing = shares.findings.get(patient_id, []), shares.missing.get(patient_id, [])
    rows = shares.left_out.get(patient_id, [])
    coverage = cover(labels, missing, findings, {row.name for row in rows})
    spacings = {image.pixel_spacing_mm for image in labels.images if not image.error}
    usable = [contour for contour in labels.contours if contour.contour is not None]
    drawn = tuple(_drawn(sample, coverage) for sample in samples)
    spacing = spacings.pop() if len(spacings) == 1 else None
    clinical, seen = shares.clinical.get(patient_id, {}), shares.overlays.get(patient_id, {})
    told = {"ef_pct": number(clinical.get("ef_pct")), "blood_intensity": seen.get("blood_intensity")}
    measures = contour_measures(drawn, spacing) | {name: value for name, value in told.items() if value is not None}
    return PatientFacts(
        patient_id,
        labels.original_ids,
        len(labels.images),
        sum(bool(image.error) for image in labels.images),
        sum(contour.kind is ContourKind.ENDO for contour in usable),
        sum(contour.kind is ContourKind.EPI for contour in usable),
        tuple(findings),
        tuple(missing),
        tuple(rows),
        None if shares.samples is None else shares.samples.get(patient_id, 0),
        shares.parts.get(patient_id, ""),
        shares.scores.get(patient_id, {}),
        coverage,
        drawn,
        spacing,
        measures,
        clinical,
        seen.get("cine", {}),
    )


def collect(artefacts: Places) -> Facts:
    """Read everything.

    Raises
    ------
    InputError : there is no catalog, or no quarantine where the data are validated, or something cannot be read
    """
    catalog = Catalog(artefacts.catalog)
    links = catalog_links(catalog)
    validated = is_validated(artefacts.findings)
    report = read_report(artefacts.findings) if validated else Report((), (), ())
    findings, missing = report.findings, [_missing(row, artefacts.findings) for row in report.missing]
    quarantine = (read_quarantine if validated else known_quarantine)(artefacts.quarantine)
    kinds, readable = _kinds(catalog)
    out = _left_out(quarantine, links, kinds)
    gone = {entry.row.name for entry in out}
    model, samples = _model(artefacts), _samples(artefacts.store)

    by_patient: dict[str, list[Finding]] = defaultdict(list)
    holes: dict[str, list[Missing]] = defaultdict(list)
    rows: dict[str, list[Quarantine]] = defaultdict(list)
    for found in findings:
        by_patient[found.patient_id].append(found)
        if found.code in _OF_TWO and "other_patient" in found.evidence:
            by_patient[str(found.evidence["other_patient"])].append(found)
    for item in missing:
        holes[item.patient_id].append(item)
    for entry in out:
        rows[entry.patient_id].append(entry.row)
    shares = _Shares(
        by_patient,
        holes,
        rows,
        samples,
        {patient: part for part, patients in (model.parts if model else {}).items() for patient in patients},
        {row["patient_id"]: _figures(row) for row in read_rows(artefacts.evaluation / "per_patient.csv")},
        {row["patient_id"]: _texts(row) for row in report.clinical},
        {name: entry["info"] for name, entry in read_manifest(artefacts.overlays).items()},
    )
    return Facts(
        tuple(_patient(catalog, name, links.originals.get(name, ()), shares) for name in catalog.patients()),
        len(kinds),
        readable[ContourKind.ENDO],
        readable[ContourKind.EPI],
        validated,
        tuple(findings),
        tuple(missing),
        out,
        tuple(row for row in quarantine if row.keep and row.by != RULE and row.name not in gone),
        None if samples is None else sum(samples.values()),
        model,
        digests(artefacts),
    )
