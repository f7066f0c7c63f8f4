"""What lies in the raw folder and is no part of the layout: nobody's images or contours, which were not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode
from cmrpipe.model import Finding
from cmrpipe.nouns import counted

TOLD = 3
"""So many are told by name."""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:TOLD]) + (" ..." if len(names) > TOLD else "")


def check_strangers(strangers: Mapping[str, Sequence[str]], strays: Mapping[str, Sequence[str]]) -> Iterable[Finding]:
    """Names by the folder they lie in, "" for the raw folder itself; of strays, too."""
    for parent, names in strangers.items():
        where, beside = (f"{parent}: ", "the patients' folders") if parent else ("", "dicoms/")
        yield finding(
            FindingCode.FILES_BESIDE,
            f"{where}{counted(len(names), 'file')} beside {beside} not read ({_some(names)}).",
            path=parent or names[0],
            files=len(names),
        )
    for parent, names in strays.items():
        if names:
            what = f"{parent}: stray files or folders that were passed over: {len(names)} ({_some(names)})."
            yield finding(FindingCode.STRAY_FILES, what, path=parent, files=len(names))
