"""Rows of quarantine.csv that do nothing, that nobody signed, or that were about other bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cmrpipe.checks.decisions import check_decisions
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, Quarantine
from cmrpipe.quarantine import RULE

NAME = "dicoms/P/1.dcm"
OLD, NOW = "x0123456789abcdef", "xfedcba9876543210"


def row(by: str, keep: bool = False, seen: str = "", name: str = NAME, why: str = "dark") -> Quarantine:
    """A decision about an image."""
    return Quarantine("image", name, why, by, keep=keep, seen=seen)


def told(
    rows: Sequence[Quarantine], by_rule: Sequence[Quarantine] = (), by_nobody: Sequence[Quarantine] = ()
) -> list[Finding]:
    """What is said of them, where that image is all that there is."""
    found = list(check_decisions([*rows, *by_nobody], by_rule, by_nobody, {NAME}, "q.csv"))
    assert all(f.path == "q.csv" for f in found)
    return found


@pytest.mark.parametrize(
    ("nobodys", "others", "does"),
    [
        (row(RULE), [], "it stays, and leaves that out."),
        (row(RULE), [row("ann", keep=True)], "it stays."),
        (row(RULE, seen=NOW), [row("ann", keep=True, seen=OLD)], "it stays, and leaves that out."),
        (row(RULE, keep=True), [], "it stays, and does nothing, since only a person can keep."),
    ],
)
def test_what_nobody_signed_is_told_with_what_it_does(nobodys: Quarantine, others: list[Quarantine], does: str) -> None:
    """It leaves out, unless a person keeps just that; it keeps nothing."""
    found = [f for f in told(others, by_nobody=[nobodys]) if f.code is Code.QUARANTINE_UNSIGNED]
    assert [f.evidence["name"] for f in found] == [NAME]
    assert found[0].message.endswith(does)


def test_nobodys_rows_that_do_nothing_are_told_as_such_too() -> None:
    """What leaves out something that is not there; a `keep` of nobody's is told once."""
    gone = told([], by_nobody=[row(RULE, name="dicoms/P/2.dcm")])
    assert [f.code for f in gone] == [Code.QUARANTINE_UNSIGNED, Code.QUARANTINE_WITHOUT_EFFECT]
    assert [f.code for f in told([], by_nobody=[row(RULE, keep=True, name="dicoms/P/2.dcm")])] == [
        Code.QUARANTINE_UNSIGNED
    ]


def test_rows_of_rules_are_their_own_business() -> None:
    """Whatever they name, and whoever keeps it."""
    assert told([row(RULE), row(RULE, name="gone"), row("ann", keep=True)], by_rule=[row(RULE)]) == []


def test_a_keep_alone_is_in_order() -> None:
    """Also of several people, and beside a rule that it does not overrule any more; that is told as outdated."""
    assert told([row("ann", keep=True), row("ben", keep=True, seen=NOW)]) == []
    assert told([row("ann", keep=True, seen=OLD), row("ben", keep=True, seen=NOW)]) == []
    keep, other = row("ann", keep=True, seen=OLD), row("ben", keep=True, seen=OLD)
    rules = [row(RULE, seen=NOW, why="contour-open"), row(RULE, seen=NOW, why="contour-misfit")]
    found = told([keep, other], by_rule=rules)
    assert [f.code for f in found] == [Code.QUARANTINE_OUTDATED] * 2
    assert [f.message.partition(" ")[0] for f in found] == ["ann", "ben"]
    assert f"(seen is {OLD}, now it is {NOW})" in found[0].message
    assert "left out again (contour-misfit, contour-open)" in found[0].message


def test_of_two_people_who_disagree_the_one_without_effect_is_told() -> None:
    """Who kept what both saw prevails; who kept other bytes does not."""
    (found,) = told([row("ann", seen=NOW), row("ben", keep=True, seen=NOW)])
    assert found.message.startswith(f"ann's row about image '{NAME}' does nothing: ben keeps it")
    (found,) = told([row("ann", seen=NOW), row("ben", keep=True, seen=OLD)])
    assert found.message.startswith(f"ben's row about image '{NAME}' does nothing: ann leaves it out")
