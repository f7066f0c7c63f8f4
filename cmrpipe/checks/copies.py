"""The same contour content in more than one file, over the whole set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding


def check_copies(rows: Iterable[tuple[str, str, str, int | None]]) -> Iterator[Finding]:
    """Find copies.

    Parameters
    ----------
    rows : (content hash, path, patient id, image number) of every readable contour; a hash of "" is passed over

    Yields
    ------
    one finding for each file of a group with equal content: nobody can tell from the content alone which is the original
    """
    groups: dict[str, list[tuple[str, str, int | None]]] = defaultdict(list)
    for content, path, patient_id, number in rows:
        if content:
            groups[content].append((path, patient_id, number))
    for content, group in sorted(groups.items()):
        files = sorted(set(group), key=lambda entry: entry[0])
        if len({path for path, _, _ in files}) < 2:
            continue
        for path, patient_id, number in files:
            others = [entry for entry in files if entry[0] != path]
            other_path, other_patient, other_number = others[0]
            place = f"of patient {other_patient}" if other_patient != patient_id else f"of image {other_number}"
            yield finding(
                Code.CONTOUR_COPIED,
                f"{path} holds the same points as {other_path} {place}.",
                patient_id=patient_id,
                number=number,
                path=path,
                same_as=other_path,
                other_patient=other_patient,
                content_sha256=content,
                copies=len(files),
            )
