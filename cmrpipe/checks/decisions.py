"""What people wrote into quarantine.csv and what has no effect: what they meant to keep away would be learnt from.

And what they wrote in a rule's name, by filling down a rule's row for instance, and what they kept when it was another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode
from cmrpipe.model import Finding, Quarantine
from cmrpipe.quarantine import RULE, overruled, people_keep


def check_decisions(
    rows: Iterable[Quarantine],
    by_rule: Iterable[Quarantine],
    by_nobody: Iterable[Quarantine],
    there: Container[str],
    path: str,
) -> Iterator[Finding]:
    """Rows of people without effect, those that were about other bytes, and rows by nobody.

    Parameters
    ----------
    rows : all of them
    by_rule : what rules give now
    by_nobody : those of them that say `rule` and that no rule gave
    there : names of patients, images and contour files
    path : what to call the quarantine file
    """
    people, nobodys = [row for row in rows if row.by != RULE], list(by_nobody)
    keeps = people_keep(people)
    for row in nobodys:
        does = "it stays, and does nothing, since only a person can keep"
        if not row.keep:
            does = "it stays" if overruled(row, keeps.get(row.name, ())) else "it stays, and leaves that out"
        yield finding(
            FindingCode.QUARANTINE_UNSIGNED,
            f"The row about {row.what} {row.name!r} ({row.why or 'no reason'}) is by {RULE!r}, and no rule gives it, "
            f"nor gave it in the last validation: {does}.",
            path=path,
            name=row.name,
        )
    yield from _without_effect([*people, *(row for row in nobodys if not row.keep)], there, path)
    yield from _outdated(people, by_rule, path)


def _without_effect(rows: Sequence[Quarantine], there: Container[str], path: str) -> Iterator[Finding]:
    """Rows that name nothing, and those of two people who do not agree."""
    keeps = people_keep(rows)
    against: dict[str, list[Quarantine]] = defaultdict(list)
    for row in rows:
        if not row.keep:
            against[row.name].append(row)
    for row in rows:
        if row.name not in there:
            why = (
                "there is no such file or patient; give the path below the raw folder (contourfiles/..., dicoms/...) "
                "or the patient's id, letter by letter"
            )
        elif not row.keep and overruled(row, keeps.get(row.name, ())):
            why = f"{keeps[row.name][0].by} keeps it; agree, and remove one of the two rows"
        elif row.keep and (others := [r.by for r in against[row.name] if not overruled(r, [row])]):
            why = f"{others[0]} leaves it out, having seen other files; agree, and remove one of the two rows"
        else:
            continue
        yield finding(
            FindingCode.QUARANTINE_WITHOUT_EFFECT,
            f"{row.by}'s row about {row.what} {row.name!r} does nothing: {why}.",
            path=path,
            name=row.name,
        )


def _outdated(people: Iterable[Quarantine], by_rule: Iterable[Quarantine], path: str) -> Iterator[Finding]:
    """What a person keeps, and a rule leaves out since its bytes are others."""
    reasons: dict[str, list[Quarantine]] = defaultdict(list)
    for row in by_rule:
        reasons[row.name].append(row)
    for name, keeps in sorted(people_keep(people).items()):
        against = [row for row in reasons[name] if not overruled(row, keeps)]
        for row in keeps if against else ():
            codes = ", ".join(sorted({rule.why for rule in against}))
            yield finding(
                FindingCode.QUARANTINE_OUTDATED,
                f"{row.by} kept {row.what} {name!r} when its files were others (seen is {row.seen}, now it is "
                f"{against[0].seen}); it is left out again ({codes}).",
                path=path,
                name=name,
            )
