"""What an image or a series is, where it plainly is no part of a cine: by its header alone, or by its times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import median

from cmrpipe.frames import grouped
from cmrpipe.groups import axis_of
from cmrpipe.model import ImageRecord
from cmrpipe.slices import SAME_SLICE_MM, along

LONGEST_BEAT_MS = 3000.0
"""Time over which the images of one slice of a cine spread at most: a heart that beats 20 times a minute."""

_OTHER_TYPES = {
    "LOCALIZER": "a localizer",
    "SCOUT": "a localizer",
    "PHASE MAP": "a phase map",
    "VELOCITY": "velocities",
    "VELOCITY MAP": "velocities",
    "P": "a phase map",
    "PERFUSION": "perfusion",
}
"""By values of ImageType: the standard's, Siemens' (ORIGINAL, PRIMARY, P, ND), Philips' (..., VELOCITY MAP, P, PCA)."""
_MAP = re.compile(r"(T1|T2|T2 ?STAR|T2\*|R1|R2|R2 ?STAR|R2\*|ECV|PD|B0|B1)[ _]?MAP")
"""A value of ImageType with spaces for underscores: T1 MAP, T2_STAR_MAP."""
_MODALITY = "MR"


def unfit(record: ImageRecord) -> str:
    """Why an image by itself cannot be judged."""
    if record.error:
        return record.error
    if record.modality != _MODALITY:
        return f"not MR but {record.modality or 'of no modality'}"
    kind = record.image_type.upper().replace("_", " ").split("\\")
    if any(map(_MAP.fullmatch, kind)):
        return "a map of relaxation times or the like, by its ImageType"
    return next((f"{what}, by its ImageType" for word, what in _OTHER_TYPES.items() if word in kind), "")


def over_beats(records: Sequence[ImageRecord]) -> Iterator[tuple[ImageRecord, str]]:
    """Images of series whose slices each took longer than a heartbeat: first-pass perfusion, maps before their fit.

    Half of a series' slices must have; a single trigger time that is wrong does not count.
    """
    series: dict[str, list[ImageRecord]] = {}
    for record in records:
        series.setdefault(record.series_uid, []).append(record)
    for members in series.values():
        spread = _spread_ms(members)
        if spread > LONGEST_BEAT_MS:
            why = f"no cine: trigger times of a slice spread over {spread / 1000:.1f} s, as in perfusion and mapping"
            yield from ((record, why) for record in members)


def _spread_ms(records: Sequence[ImageRecord]) -> float:
    """Time from the first to the last image of a slice, median over slices; 0 where it is not told."""
    axis = axis_of(records)
    timed = [record for record in records if record.position_mm is not None and record.trigger_time_ms is not None]
    if axis is None or not timed:
        return 0.0
    slices: dict[int, list[float]] = {}
    for record, group in zip(timed, grouped(along(timed, axis), SAME_SLICE_MM), strict=True):
        slices.setdefault(group, []).append(record.trigger_time_ms or 0.0)
    return median(max(times) - min(times) for times in slices.values())
