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
"""Words for the counts of a landing (`Landed.counts`), in order."""


def describe_landing(counts: Mapping[str, Any]) -> str:
    """What a landing did, from counts by name; those that are 0 are left out, and so is what is no count."""
    shown = dict(counts)
    shown["not_in_source"] = shown.get("not_in_source", 0) - shown.get("withdrawn", 0)
    return ", ".join(words.format(shown[key]) for key, words in WORDS.items() if shown.get(key, 0) > 0) or "nothing"


def troubles(landed: Landed) -> Iterator[str]:
    """What did not land or could not be read, with the cause, a line each."""
    for folder, cause in sorted(landed.failed.items()):
        yield f"{folder} not landed: {cause}"
    for what, cause in sorted(landed.unread.items()):
        yield f"{what} {cause}: patients who have landed may lack it"
