"""What the rules leave out: from findings to rows of the quarantine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cmrpipe.codes import FindingCode
from cmrpipe.model import Finding, Quarantine
from cmrpipe.quarantine import RULE
from cmrpipe.readers.layouts import CONTOURS, DICOMS


def quarantine_rows(
    findings: Iterable[Finding],
    codes: Iterable[FindingCode],
    in_doubt: Mapping[FindingCode, Iterable[str]] = MappingProxyType({}),
) -> list[Quarantine]:
    """Rows for the file that a finding with one of `codes` is about, else for its patient.

    Some findings hold two files against each other, and do not tell which of them is wrong: an endocardium outside of
    its epicardium, two images with the same pixels, two files of one instance with different pixels. Where something
    else speaks against one of the two alone, that one is left out; else both are.

    Parameters
    ----------
    in_doubt : of some codes, the contour files that their findings leave out
    """
    chosen = frozenset(codes)
    accused = [found for found in findings if found.code in chosen and found.code not in in_doubt]
    against: dict[str, set[FindingCode]] = defaultdict(set)
    for found in accused:
        for path in _files(found):
            against[path].add(found.code)
    listed = ((code, path) for code, paths in in_doubt.items() for path in paths if code in chosen)
    rows: set[Quarantine | None] = {Quarantine("contour", path, code, RULE) for code, path in listed}
    for found in accused:
        files = _files(found)
        worse = [path for path in files if against[path] != {found.code}]
        for path in worse if len(worse) == 1 else files:
            rows.add(_row(path, found))
    return [row for row in rows if row is not None]


def _files(found: Finding) -> tuple[str, ...]:
    """The file or folder that a finding is about, and the one that it is held against if that may be the wrong one."""
    other = None
    if found.code is FindingCode.ENDO_OUTSIDE_EPI:
        other = found.evidence.get("endo_path")
    elif found.code is FindingCode.IMAGE_DUPLICATE_PIXELS or found.evidence.get("pixels_differ"):
        other = found.evidence.get("same_as")
    return (found.path, str(other)) if other else (found.path,)


def _row(path: str, found: Finding) -> Quarantine | None:
    if path.startswith(f"{CONTOURS}/") and path.count("/") > 1:
        return Quarantine("contour", path, found.code, RULE)
    if path.startswith(f"{DICOMS}/") and path.count("/") > 1:
        return Quarantine("image", path, found.code, RULE)
    return Quarantine("patient", found.patient_id, found.code, RULE) if found.patient_id else None
