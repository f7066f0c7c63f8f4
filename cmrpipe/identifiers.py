"""Identifiers of a series, an examination or its coordinates that a program wrote anew for every image.

Scripts that remove names often do so. Such an identifier, which no two images share, says nothing of what belongs
together; SeriesNumber, position and orientation still do.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from cmrpipe.model import ImageRecord

FEWEST = 9
"""Images of one SeriesNumber, or of a patient, from which on identifiers that are all different are such."""


def series_keys(records: Sequence[ImageRecord]) -> list[str]:
    """What the images of each series have in common: SeriesInstanceUID.

    Where each image of a SeriesNumber has a UID of its own, the least of them stands for all of these.
    """
    numbers: dict[int | None, list[ImageRecord]] = {}
    for record in records:
        if record.series_uid and not record.error:
            numbers.setdefault(record.series_number, []).append(record)
    anew = {number: own for number, own in numbers.items() if _one_each({(r.series_uid, _file(r)) for r in own})}
    if not any(len(own) >= FEWEST for own in anew.values()):
        return [record.series_uid for record in records]
    common = {r.series_uid: min(other.series_uid for other in own) for own in anew.values() for r in own}
    return [common.get(record.series_uid, record.series_uid) for record in records]


def without_scattered(records: Sequence[ImageRecord]) -> list[ImageRecord]:
    """The images of one patient, without identifiers that were written anew for each.

    Those of series are replaced (see `series_keys`), those of examinations and coordinates are emptied.
    """
    usable = [record for record in records if not record.error]
    study = _written_anew({(r.study_uid, _file(r)) for r in usable if r.study_uid})
    frame = _written_anew({(r.frame_of_reference_uid, _file(r)) for r in usable if r.frame_of_reference_uid})
    return [
        replace(
            record,
            series_uid=key,
            study_uid="" if study else record.study_uid,
            frame_of_reference_uid="" if frame else record.frame_of_reference_uid,
        )
        for record, key in zip(records, series_keys(records), strict=True)
    ]


def _file(record: ImageRecord) -> str:
    """What copies of a file agree in."""
    return record.sha256 or record.path


def _written_anew(pairs: Set[tuple[str, str]]) -> bool:
    return len(pairs) >= FEWEST and _one_each(pairs)


def _one_each(pairs: Set[tuple[str, str]]) -> bool:
    """Whether no identifier is that of two files."""
    return len({uid for uid, _ in pairs}) == len(pairs)
