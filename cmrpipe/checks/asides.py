"""Images that a source has and that were not sorted into the layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode
from cmrpipe.model import Finding
from cmrpipe.readers.asides import Aside
from cmrpipe.readers.layouts import ASIDE


def check_asides(asides: Iterable[Aside]) -> Iterable[Finding]:
    """One finding for each patient and reason, with the number of images and the first of them."""
    groups: dict[tuple[str, str], list[Aside]] = defaultdict(list)
    for aside in asides:
        groups[aside.patient_id, aside.reason].append(aside)
    for (patient, reason), members in sorted(groups.items()):
        first = min(member.what for member in members)
        yield finding(
            FindingCode.IMAGE_PUT_ASIDE,
            f"{patient or 'No patient'}: {len(members)} put aside at the source ({first} ...): {reason}.",
            patient_id=patient,
            path=f"{ASIDE}/{patient}.csv" if patient else ASIDE,
            images=len(members),
        )
