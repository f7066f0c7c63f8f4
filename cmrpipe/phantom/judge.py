"""Findings held against planted faults: what was missed, and what was told that is not so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cmrpipe.codes import Severity
from cmrpipe.model import Finding
from cmrpipe.phantom.faults import FAULTS
from cmrpipe.phantom.truth import Planted, Truth
from cmrpipe.readers.layouts import CONTOURS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What validation made of planted faults.

    Attributes
    ----------
    told, missed : faults that a finding reports, and those that none does
    true, false : findings of severity error or warning that a fault accounts for, and those that none does
    """

    told: tuple[Planted, ...]
    missed: tuple[Planted, ...]
    true: tuple[Finding, ...]
    false: tuple[Finding, ...]


def tells(finding: Finding, planted: Planted) -> bool:
    """Whether a finding reports a fault: its code, at its patient, at its file or below its folder."""
    return (
        finding.code is planted.code
        and finding.patient_id == planted.patient_id
        and (finding.path == planted.path or finding.path.startswith(f"{planted.path}/"))
    )


def accounts_for(planted: Planted, finding: Finding, folders: Collection[str]) -> bool:
    """Whether a fault may rightly bring a finding: its code or an accompanying one, at its patients or its files.

    `folders` are those of the fault's patients.
    """
    if finding.code not in {planted.code, *FAULTS[planted.fault].also}:
        return False
    if finding.patient_id:
        return finding.patient_id in {planted.patient_id, *planted.others}
    places = {planted.path, *planted.touched, *folders}
    return any(path == finding.path or path.startswith(f"{finding.path}/") for path in places)


def judge(findings: Sequence[Finding], truth: Truth) -> Outcome:
    """Hold findings against the faults of their phantom; findings of severity info are neither true nor false."""
    owners = {patient.patient_id: f"{CONTOURS}/{patient.original_id}" for patient in truth.patients}
    folders = {
        planted: {owners[name] for name in (planted.patient_id, *planted.others) if name in owners}
        for planted in truth.faults
    }
    grave = [finding for finding in findings if finding.severity is not Severity.INFO]
    told: list[Planted] = []
    missed: list[Planted] = []
    for planted in truth.faults:
        (told if any(tells(finding, planted) for finding in findings) else missed).append(planted)
    true: list[Finding] = []
    false: list[Finding] = []
    for finding in grave:
        known = any(accounts_for(planted, finding, places) for planted, places in folders.items())
        (true if known else false).append(finding)
    return Outcome(tuple(told), tuple(missed), tuple(true), tuple(false))
