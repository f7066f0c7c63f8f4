"""The short answer of a run: the printed table and the first lines of the page are made of this, so that they agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.codetable import in_words
from cmrpipe.nouns import counted
from cmrpipe.report.artefacts import Places
from cmrpipe.report.collect import collect
from cmrpipe.report.facts import Facts, LeftOut

PAGE = "report.html"
"""Name of the front page, relative to the report's folder."""

_KINDS = {"endo": "endocardial contour", "epi": "epicardial contour"}
_MOST_GROUPS = 2
_count = partial(counted, commas=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    Attributes
    ----------
    contours : files; endo and epi are the readable ones among them
    findings : number by severity; empty when nothing was validated
    left_out : rows of the quarantine that hold
    samples : contoured images in the store, None without one
    dice_cavity, dice_myocardium : means over the images of `test_patients` unseen patients; None without evaluation
    verdict : all of it in a sentence
    page : where the report is
    """

    patients: int
    images: int
    contours: int
    endo: int
    epi: int
    findings: Mapping[Severity, int]
    left_out: int
    samples: int | None
    test_patients: int
    dice_cavity: float | None
    dice_myocardium: float | None
    verdict: str
    page: Path

    def rows(self) -> list[tuple[str, str]]:
        """The short table: what, and how much."""
        found = ", ".join(f"{number:,} {severity}" for severity, number in self.findings.items())
        scores = {"cavity": self.dice_cavity, "myocardium": self.dice_myocardium}
        dice = ", ".join(f"{name} {value:.3f}" for name, value in scores.items() if value is not None)
        return [
            ("patients", f"{self.patients:,}"),
            ("images", f"{self.images:,}"),
            ("contours", f"{self.contours:,} ({self.endo:,} endocardial, {self.epi:,} epicardial)"),
            ("findings", found or "not validated"),
            ("left out", f"{self.left_out:,}"),
            ("samples in store", "no store" if self.samples is None else f"{self.samples:,}"),
            ("test Dice", f"{dice} ({_count(self.test_patients, 'unseen patient')})" if dice else "no model evaluated"),
            ("report", str(self.page)),
        ]

    def table(self) -> str:
        """The short table as text, a row a line."""
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _belong(number: int, why: str) -> str:
    """The words "do not belong and", where the reason says so."""
    if why not in (FindingCode.CONTOUR_COPIED, FindingCode.CONTOUR_MISFIT):
        return ""
    return f"{'does' if number == 1 else 'do'} not belong and "


def _cause(facts: Facts, items: Sequence[LeftOut]) -> str:
    """Why some things that share a reason were left out; of copies, whose they are."""
    names = {item.row.name for item in items}
    why = items[0].row.why
    others = {
        str(found.evidence["other_patient"])
        for found in facts.findings
        if found.path in names and found.code == why and found.evidence.get("other_patient")
    }
    if why == FindingCode.CONTOUR_COPIED and len(others) == 1:
        return f"copies of those of {others.pop()}"
    return in_words(why)


def _group(facts: Facts, items: Sequence[LeftOut]) -> str:
    """A clause about things of one patient, of one kind, that share a reason."""
    patient, what, why = items[0].patient_id, items[0].what, items[0].row.why
    if what == "patient":
        return f"patient {patient} was left out ({in_words(why)})"
    number = len(items)
    noun = _count(number, _KINDS.get(what, what))
    whose = f" of {patient}" if patient else ""
    return f"{noun}{whose} {_belong(number, why)}{_were(number)} left out ({_cause(facts, items)})"


def _left_out(facts: Facts) -> str:
    rows = facts.left_out
    if not rows:
        return "nothing had to be left out"
    groups: dict[tuple[str, str, str], list[LeftOut]] = defaultdict(list)
    for item in rows:
        groups[item.patient_id, item.what, item.row.why].append(item)
    if len(groups) <= _MOST_GROUPS:
        return "; ".join(_group(facts, items) for _, items in sorted(groups.items()))
    kinds = Counter(_KINDS.get(item.what, item.what) for item in rows)
    what = " and ".join(_count(number, kind) for kind, number in sorted(kinds.items()))
    whose = len({item.patient_id for item in rows})
    return f"{what} of {_count(whose, 'patient')} {_were(len(rows))} left out"


def _model(facts: Facts) -> str:
    if facts.model is None or not facts.model.metrics:
        return "no model has been evaluated"
    cavity = facts.model.metrics.get("test_dice_cavity")
    if cavity is None:
        return "the model could not be judged"
    unseen = _count(int(facts.model.metrics.get("patients") or 0), "unseen patient")
    return f"the model reaches Dice {cavity:.3f} on {unseen}"


def outcome_of(facts: Facts, page: Path) -> Outcome:
    """The short answer from what was read."""
    metrics = facts.model.metrics if facts.model else {}
    numbers = {"patient": len(facts.patients), "image": facts.images, "contour": facts.contours}
    came = ", ".join(_count(number, noun) for noun, number in numbers.items())
    errors = facts.count(Severity.ERROR)
    checked = _left_out(facts) if facts.validated or facts.left_out else "the labels have not been validated"
    if facts.validated and errors and not facts.left_out:
        checked = f"{_count(errors, 'finding')} of severity error, {checked}"
    return Outcome(
        len(facts.patients),
        facts.images,
        facts.contours,
        facts.endo,
        facts.epi,
        {severity: facts.count(severity) for severity in Severity} if facts.validated else {},
        len(facts.left_out),
        facts.samples,
        int(metrics.get("patients") or 0),
        metrics.get("test_dice_cavity"),
        metrics.get("test_dice_myocardium"),
        f"{came}: {checked}; {_model(facts)}.",
        page,
    )


def outcome(artefacts: Places) -> Outcome:
    """The short answer from a run's artefacts.

    Raises
    ------
    InputError : there is no catalog, or something that is there cannot be read
    """
    return outcome_of(collect(artefacts), artefacts.report / PAGE)
