"""Identifiers of a series, an examination or its coordinates that part what belongs together.

Scripts that remove names often write them anew for every image. Such an identifier, which no two images share, says
nothing; SeriesNumber, SeriesDescription, position and orientation still do. And end-diastole and end-systole, or all
frames, are exported as a series each.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from itertools import pairwise

from cmrpipe.frames import LEAST_SPREAD_MS, LONGEST_BEAT_MS
from cmrpipe.model import ImageRecord

FEWEST_PLACES = 3
"""Images from which on a series may be a frame of a stack."""
FEWEST = 9
"""Images of one series by number and description, or of a patient, from which on identifiers that are all different
are such."""


def series_keys(records: Sequence[ImageRecord]) -> list[str]:
    """What the images of each series have in common: SeriesInstanceUID.

    Where each image of a SeriesNumber and SeriesDescription has a UID of its own, the least of them stands for all of
    these; so it does for series that are frames of one cine.
    """
    keys = _as_described(records)
    common = _frames(records, keys)
    return [common.get(key, key) for key in keys]


def _as_described(records: Sequence[ImageRecord]) -> list[str]:
    described: dict[tuple[int | None, str], list[ImageRecord]] = {}
    for r in records:
        if r.series_uid and not r.error:
            described.setdefault((r.series_number, r.series_description), []).append(r)
    anew = [own for own in described.values() if _one_each({(r.series_uid, _file(r)) for r in own})]
    if not any(len(own) >= FEWEST for own in anew):
        return [record.series_uid for record in records]
    common: dict[str, str] = {}
    for own in anew:
        uids = [record.series_uid for record in own]
        common |= dict.fromkeys(uids, min(uids))
    return [common.get(record.series_uid, record.series_uid) for record in records]


def _frames(records: Sequence[ImageRecord], keys: Sequence[str]) -> dict[str, str]:
    """A common key for series that are each a frame of one cine, by their own keys.

    Each has one image at a place, with a time of the heartbeat; they lie alike, at the places of the one that has most,
    and between their times there is at least `LEAST_SPREAD_MS`.
    """
    series: dict[str, list[ImageRecord]] = {}
    for record, key in zip(records, keys, strict=True):
        if not record.error:
            series.setdefault(key, []).append(record)
    alike: dict[object, list[str]] = {}
    for key in sorted(series, key=lambda key: (-len(series[key]), key)):
        if len(_places(series[key])) == len(series[key]) >= FEWEST_PLACES:
            alike.setdefault(_plane(series[key][0]), []).append(key)
    common: dict[str, str] = {}
    for group in alike.values():
        most = _places(series[group[0]])
        members = [key for key in group if _places(series[key]) <= most]
        times = sorted(_span(series[key]) for key in members)
        apart = all(b[0] - a[1] >= LEAST_SPREAD_MS for a, b in pairwise(times))
        if len(members) > 1 and apart and times[-1][1] - times[0][0] < LONGEST_BEAT_MS:
            common |= dict.fromkeys(members, min(members))
    return common


def _places(series: Sequence[ImageRecord]) -> set[tuple[float, ...]]:
    """Positions of images that have a time of the heartbeat, and headers of a cine."""
    return {
        tuple(round(x, 1) for x in record.position_mm)
        for record in series
        if record.position_mm is not None and record.trigger_time_ms is not None and (record.frames_per_slice or 0) > 1
    }


def _plane(record: ImageRecord) -> object:
    turn = tuple(round(x, 2) for x in record.orientation or ())
    return record.study_uid, turn, record.pixel_spacing_mm, record.rows, record.columns


def _span(series: Sequence[ImageRecord]) -> tuple[float, float]:
    """The first and the last time of the heartbeat."""
    times = [record.trigger_time_ms for record in series if record.trigger_time_ms is not None]
    return min(times), max(times)


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
