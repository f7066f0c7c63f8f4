"""What a re-ingestion says when it is done: what came, what was wrong, what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmrpipe.codetable import in_words
from cmrpipe.errors import InputError
from cmrpipe.findings import read_findings
from cmrpipe.landing import landing_parts
from cmrpipe.nouns import counted
from cmrpipe.quarantine import known_quarantine, left_out
from cmrpipe.workspace import Workspace
from flows.models import labelled

_ROWS = 50


@dataclass(frozen=True, slots=True)
class State:
    """A workspace's content, counted.

    Attributes
    ----------
    findings : how often each (severity, code) was found
    left_out : rows of the quarantine that hold, by reason
    slices, patients : labelled slices in the store, and the patients that have them
    """

    findings: Mapping[tuple[str, str], int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    slices: int = 0
    patients: int = 0


@dataclass(frozen=True, slots=True)
class Came:
    """What a re-ingestion did.

    Attributes
    ----------
    landed : patients by what became of them
    before, after : the workspace's states
    new_slices, train_after, training : labelled slices since the last model, how many start a training, and its run
    versioned : what was committed and pushed, in words
    """

    landed: Mapping[str, Any]
    before: State
    after: State
    new_slices: int
    train_after: int
    training: str
    versioned: str


def state_of(root: Path) -> State:
    """Count what a workspace holds; what is not there yet counts for nothing."""
    home = Workspace(root)
    try:
        findings = Counter((found.severity.value, found.code.value) for found in read_findings(home.findings))
    except InputError:
        findings = Counter()
    rows = known_quarantine(home.quarantine)
    out = left_out(rows)
    reasons = Counter(row.why for row in rows if not row.keep and row.name in out)
    store = labelled(home.store)
    return State(findings, reasons, sum(count for _, count in store.values()), len(store))


def _change(now: int, then: int) -> str:
    return "" if now == then else f"{now - then:+d}"


def _landed(landed: Mapping[str, Any]) -> list[str]:
    if landed.get("source") is None:
        return ["No source was given: only what had landed was looked at."]
    lines = [f"From `{landed['source']}`:", ""]
    lines += [f"- {what}: {part}" for what, parts in landing_parts(landed).items() for part in parts]
    if any(landed.get(name) for name in ("withdrawn", "contours_withdrawn", "table_withdrawn")):
        lines += ["", "What was withdrawn is kept; `cmrpipe forget ID` removes a patient."]
    return lines


def _findings(came: Came) -> list[str]:
    now, then = came.after.findings, came.before.findings
    if not now:
        return ["Nothing."]
    lines = ["| severity | what | now | change |", "| --- | --- | ---: | ---: |"]
    order = {"error": 0, "warning": 1, "info": 2}
    for severity, code in sorted(now, key=lambda key: (order.get(key[0], 3), key[1]))[:_ROWS]:
        count = now[severity, code]
        lines.append(
            f"| {severity} | {in_words(code)} (`{code}`) | {count} | {_change(count, then.get((severity, code), 0))} |"
        )
    return lines


def _left_out(came: Came) -> list[str]:
    if not came.after.left_out:
        return ["Nothing."]
    lines = ["| why | rows of quarantine.csv | change |", "| --- | ---: | ---: |"]
    for why, count in sorted(came.after.left_out.items())[:_ROWS]:
        lines.append(f"| {in_words(why)} | {count} | {_change(count, came.before.left_out.get(why, 0))} |")
    return lines


def _training(came: Came) -> str:
    text = f"{came.new_slices} labelled slices are new or changed since the last model"
    if came.training:
        return f"{text}: a training was started."
    return f"{text}; {came.train_after} start a training." if came.train_after else f"{text}; none starts a training."


def summary(name: str, came: Came, link: str) -> str:
    """The page, as Markdown."""
    now, then = came.after, came.before
    store = f"{counted(now.slices, 'labelled slice')} of {counted(now.patients, 'patient')}"
    change = _change(now.slices, then.slices)
    return "\n".join(
        [
            f"# {name}",
            "",
            f"[The report]({link})",
            "",
            "## What came",
            "",
            *_landed(came.landed),
            "",
            "## What is wrong",
            "",
            *_findings(came),
            "",
            "## What was left out",
            "",
            *_left_out(came),
            "",
            "## The store",
            "",
            f"{store}{f' ({change})' if change else ''}. {_training(came)}",
            "",
            *([f"Versions: {came.versioned}."] if came.versioned else []),
        ]
    )
