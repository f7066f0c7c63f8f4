"""What a landing did, in words: the same on the command line, in a run's log and on the page of a re-ingestion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cmrpipe.landing.land import Landed

WORDS = {
    "new": "{} new",
    "changed": "{} changed",
    "unchanged": "{} unchanged",
    "kept": "{} older in this source, kept as they are",
    "unsettled": "{} still changing in the source, left for the next landing",
    "failed": "{} could not land, left for the next landing",
    "blocked": "{} of forgotten patients, left out",
    "withdrawn": "{} gone from the source (`cmrpipe forget` removes)",
    "not_in_source": "{} landed earlier and not in this source",
    "made_way": "{} phantom patients made way",
    "unread": "{} files or folders could not be read (patients may lack them)",
    "aside": "{} files not sorted in (see data/raw/aside)",
}
"""Words for the counts of a landing's patients (`Landed.counts`), in order."""
CONTOUR_WORDS = {f"contours_{key}": WORDS[key] for key in ("new", "changed", "kept", "unsettled", "failed", "blocked")}
CONTOUR_WORDS["contours_withdrawn"] = "{} gone from the source (still learnt from)"
TABLE_WORDS = {
    "table_new": "new",
    "table_changed": "changed",
    "table_withdrawn": "gone from the source",
    "table_kept": "older in this source, kept as it is",
    "table_unsettled": "still changing in the source, left for the next landing",
}
"""Words for what became of contour sets and of the link table."""


def landing_parts(counts: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a landing did with patients, contour sets and the link table, from counts by name.

    Those that are 0 are left out, and so is what is no count; of patients "nothing" is said, of the others not.
    """
    shown = dict(counts)
    shown["not_in_source"] = shown.get("not_in_source", 0) - shown.get("withdrawn", 0)
    patients = _counted(shown, WORDS) or ["nothing"]
    beside = {"contour sets": _counted(shown, CONTOUR_WORDS), "link table": _counted(shown, TABLE_WORDS)}
    return {"patients": patients, **{what: parts for what, parts in beside.items() if parts}}


def _counted(counts: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    return [text.format(counts[key]) for key, text in words.items() if counts.get(key, 0) > 0]


def describe_landing(counts: Mapping[str, Any]) -> str:
    """The same in a line that begins with the patients."""
    patients, *beside = ((what, ", ".join(parts)) for what, parts in landing_parts(counts).items())
    return "; ".join([patients[1], *(f"{what}: {parts}" for what, parts in beside)])


def troubles(landed: Landed) -> Iterator[str]:
    """What did not land or could not be read, with the cause, a line each."""
    for folder, cause in sorted(landed.failed.items()):
        yield f"{folder} not landed: {cause}"
    for what, cause in sorted(landed.unread.items()):
        yield f"{what} {cause}: patients who have landed may lack it"
