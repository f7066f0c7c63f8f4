"""The pages: from facts and pictures to HTML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cmrpipe import __version__
from cmrpipe.checks.missing import Missing, Why
from cmrpipe.codes import Severity
from cmrpipe.codetable import CODES
from cmrpipe.model import Finding
from cmrpipe.params import ReportParams
from cmrpipe.report.facts import Facts, PatientFacts
from cmrpipe.report.figures import coverage_map, line_chart, strip_plot
from cmrpipe.report.measures import MEASURES, Measure
from cmrpipe.report.model_section import model_section, patient_values
from cmrpipe.report.outcome import Outcome
from cmrpipe.report.pictures import Album, Picture, gallery
from cmrpipe.report.volumes import volumes

_GRAVEST_FIRST = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one code."""

    code: str
    severity: Severity
    times: int
    patients: int
    meaning: str
    action: str


@dataclass(frozen=True, slots=True)
class MissingGroup:
    """All missing things of one kind."""

    what: str
    why: str
    times: int
    patients: int


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("cmrpipe.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def asset(name: str) -> Markup:
    """A style sheet or script of ours, which goes into the page as it is."""
    return Markup((files("cmrpipe.report") / "templates" / name).read_text(encoding="utf-8"))  # noqa: S704 our own text


def render(template: str, **values: Any) -> str:
    """Fill a template; what it names and is not given is an error."""
    page = _environment().get_template(template)
    return page.render(css=asset("style.css"), version=__version__, **values)


def group_findings(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Findings by code, gravest and most frequent first."""
    groups: dict[tuple[str, Severity], list[Finding]] = defaultdict(list)
    for found in findings:
        groups[found.code, found.severity].append(found)
    rows = [
        FindingGroup(
            found[0].code.value,
            severity,
            len(found),
            len({f.patient_id for f in found if f.patient_id}),
            CODES[found[0].code].meaning,
            CODES[found[0].code].action,
        )
        for (_, severity), found in groups.items()
    ]
    return sorted(rows, key=lambda row: (_GRAVEST_FIRST[row.severity], -row.times, row.code))


def group_missing(missing: Iterable[Missing]) -> list[MissingGroup]:
    """Missing things by kind and reason; holes first."""
    groups: dict[tuple[str, Why], list[str]] = defaultdict(list)
    for item in missing:
        groups[item.what, item.why].append(item.patient_id)
    rows = [MissingGroup(what, why.value, len(ids), len(set(ids))) for (what, why), ids in groups.items()]
    return sorted(rows, key=lambda row: (row.why == Why.PROTOCOL, row.what, row.why))


def level(facts: Facts) -> str:
    """How the page greets: error, warning, good, or unknown before validation."""
    if not facts.validated:
        return "unknown"
    if facts.count(Severity.ERROR) or facts.left_out:
        return "error"
    return "warning" if facts.count(Severity.WARNING) else "good"


def trouble(patient: PatientFacts) -> tuple[int, int, int, str]:
    """Sort key: patients with most to look at first."""
    holes = sum(item.why is not Why.PROTOCOL for item in patient.missing)
    errors, warnings = patient.count(Severity.ERROR) + len(patient.left_out), patient.count(Severity.WARNING)
    return (-errors, -holes, -warnings, patient.patient_id)


_CURVES = (
    ("Training and validation loss", {"train_loss": "training loss", "val_loss": "validation loss"}),
    (
        "Validation Dice",
        {"val_dice_cavity": "validation Dice, cavity", "val_dice_myocardium": "validation Dice, myocardium"},
    ),
)


def _charts(facts: Facts) -> list[Markup]:
    if facts.model is None:
        return []
    first, last = facts.model.first, facts.model.history
    trainings = ((first, ", first of two trainings"), (last, ", second of two trainings")) if first else ((last, ""),)
    charts = [
        line_chart(history, [(name, text + which) for name, text in curves.items()], f"{title} by epoch{which}")
        for history, which in trainings
        for title, curves in _CURVES
    ]
    return [chart for chart in charts if chart]


def _plot(facts: Facts, measure: Measure, pages: Mapping[str, str]) -> Markup:
    """The distribution of a measure over the patients that have it."""
    points = [
        (patient.patient_id, value, pages.get(patient.patient_id, ""))
        for patient in facts.patients
        if (value := patient.measures.get(measure.name)) is not None
    ]
    return strip_plot(points, measure.title, measure.unit)


def run_page(
    facts: Facts,
    outcome: Outcome,
    album: Album,
    comparisons: Sequence[Picture],
    pages: Mapping[str, str],
    params: ReportParams,
) -> str:
    """The front page.

    Parameters
    ----------
    facts, outcome : of the run
    album : the overlays, as seen from the page
    comparisons : pictures of expert and model
    pages : addresses of the patients' pages by id
    """
    wrong, fine = gallery(facts, album, pages, params.pictures)
    shown = sorted(facts.patients, key=trouble)[: params.maps]
    maps = [
        {
            "patient_id": patient.patient_id,
            "svg": coverage_map(patient.coverage, partial(album.strip, patient.patient_id)),
        }
        for patient in shown
    ]
    scored = [patient for patient in facts.patients if patient.scores]
    return render(
        "run.html.j2",
        facts=facts,
        outcome=outcome,
        level=level(facts),
        unreadable=sum(patient.unreadable for patient in facts.patients),
        groups=group_findings(facts.findings),
        findings=facts.findings[: params.rows],
        left_out=facts.left_out[: params.rows],
        missing_groups=group_missing(facts.missing),
        holes=[item for item in facts.missing if item.why is not Why.PROTOCOL][: params.rows],
        model=facts.model,
        section=model_section(facts.model, pages),
        ejection=patient_values(facts.model.volumes) if facts.model else {},
        scored=scored,
        charts=_charts(facts),
        comparisons=comparisons,
        maps=maps,
        wrong=wrong,
        fine=fine,
        pages=pages,
        plots=[plot for plot in (_plot(facts, measure, pages) for measure in MEASURES) if plot],
        clinical=volumes(facts.patients),
        js=asset("script.js"),
        dialog=True,
        settings=params.model_dump(mode="json"),
    )
