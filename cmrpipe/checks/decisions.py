"""What people wrote into quarantine.csv and what has no effect: what they meant to keep away would be learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode
from cmrpipe.model import Finding, Quarantine
from cmrpipe.quarantine import RULE


def check_decisions(rows: Iterable[Quarantine], is_there: Callable[[str], bool], path: str) -> Iterator[Finding]:
    """Rows of people that name nothing in the catalog, and those to leave out what another person keeps.

    Parameters
    ----------
    is_there : whether there is a patient, an image or a contour file of a name
    path : what to call the quarantine file
    """
    people = [row for row in rows if row.by != RULE]
    keepers = {row.name: row.by for row in people if row.keep}
    for row in people:
        if not is_there(row.name):
            why = (
                "there is no such file or patient; give the path below the raw folder (contourfiles/..., dicoms/...) "
                "or the patient's id, letter by letter"
            )
        elif not row.keep and row.name in keepers:
            why = f"{keepers[row.name]} keeps it; agree, and remove one of the two rows"
        else:
            continue
        yield finding(
            FindingCode.QUARANTINE_WITHOUT_EFFECT,
            f"{row.by}'s row about {row.what} {row.name!r} does nothing: {why}.",
            path=path,
            name=row.name,
        )
