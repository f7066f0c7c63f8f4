"""What an image or a series is, where it plainly is no part of a cine: by its header alone, or by its times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from cmrpipe.frames import LONGEST_BEAT_MS
from cmrpipe.groups import FEWEST_FRAMES, axis_of
from cmrpipe.imagetype import code_strings, other_part
from cmrpipe.model import ImageRecord
from cmrpipe.slices import by_place

SHORTEST_BEAT_MS = 200.0
"""Trigger times that spread over as much run through a heartbeat, of 300 a minute at most; acquisitions that lie as
far apart took one heartbeat each at least."""

FEWEST_BEATS = 5
"""Images of a slice from which on times of acquisition tell that each took a heartbeat."""

_OTHER_TYPES = {
    "LOCALIZER": "a localizer",
    "SCOUT": "a localizer",
    "PERFUSION": "perfusion",
    "PSIR": "phase-sensitive inversion recovery",
}
"""By values of ImageType, beside the parts of a complex image."""
_MAP = re.compile(r"(T1|T2|T2 ?STAR|T2\*|R1|R2|R2 ?STAR|R2\*|ECV|PD|B0|B1)[ _]?MAP")
"""A value of ImageType with spaces for underscores: T1 MAP, T2_STAR_MAP."""
_RECOVERY = re.compile(r"(?:[A-Z]+ )?IR")
"""A value of ImageType of inversion recovery: IR, M_IR, CR_IR (Philips)."""
_INVERSION = "inversion recovery (late enhancement or mapping)"
_MODALITY = "MR"

_STILL_SEQUENCE = re.compile(r"\*?(tfl|epfid|ep2d|tse|tir|h\d|haste)", re.IGNORECASE)
"""Beginnings of SequenceName (Siemens) of turbo FLASH and echo-planar images, with which perfusion and late
enhancement are scanned, and of spin echoes."""
_STILL_DESCRIPTION = re.compile(
    r"(?<![a-z])(?:perf(?:usion)?(?![a-z])|first[ _-]?pass|late[ _-]?(?:gd|gad|enh)|dela?y(?:ed)?[ _-]?(?:gd|gad|enh)"
    r"|(?:lge|mde|psir|stir|haste|viab\w*|sh?molli|molli|sasha)(?![a-z])|ti[ _-]?scout|look[ _-]?locker"
    r"|t[12][ _-]?(?:map|\*|star)|(?:dark|black)[ _-]?blood)",
    re.IGNORECASE,
)
_CINE_DESCRIPTION = re.compile(r"cine|retro", re.IGNORECASE)


def unfit(record: ImageRecord) -> str:
    """Why an image by itself cannot be judged."""
    if record.error:
        return record.error
    if record.modality != _MODALITY:
        return f"not MR but {record.modality or 'of no modality'}"
    if what := _by_type(record):
        return f"{what}, by its ImageType"
    sequence = code_strings(record.scanning_sequence)
    if "IR" in sequence:
        return f"{_INVERSION}, by its ScanningSequence"
    return "a spin echo, by its ScanningSequence" if "SE" in sequence and "GR" not in sequence else ""


def _by_type(record: ImageRecord) -> str:
    """What an image is by its ImageType, where that is nothing of a cine."""
    values = code_strings(record.image_type)
    if any(map(_MAP.fullmatch, values)):
        return "a map of relaxation times or the like"
    if any(map(_RECOVERY.fullmatch, values)):
        return _INVERSION
    return next((what for word, what in _OTHER_TYPES.items() if word in values), "") or other_part(record)


def no_cine(records: Sequence[ImageRecord]) -> Iterator[tuple[ImageRecord, str]]:
    """Images of series that are no cine as a whole, and why: perfusion, late enhancement, maps before their fit.

    Images of one UID that were scanned, or are called, otherwise are of several series: UIDs that a program wrote anew
    were joined (see `cmrpipe.identifiers`), or it gave all series one.
    """
    series: dict[tuple[str, str, str], list[ImageRecord]] = {}
    for r in records:
        series.setdefault((r.series_uid, r.sequence_name, r.series_description), []).append(r)
    for members in series.values():
        if why := _still(members):
            yield from ((record, why) for record in members)


def _still(records: Sequence[ImageRecord]) -> str:
    """Why a series is no cine; "" where its trigger times run through a heartbeat, or nothing speaks against it.

    Half of its slices must tell; a single time that is wrong does not count.
    """
    slices = _slices(records)
    spread = median([_spread_ms(of) for of in slices if _times(of)] or [0.0])
    if spread > LONGEST_BEAT_MS:
        beats = "as in perfusion, mapping, or real time over several heartbeats"
        return f"no cine: trigger times of a slice spread over {spread / 1000:.1f} s, {beats}"
    if _beats(records, slices):
        return ""
    step = median([_step_ms(of) for of in slices] or [0.0])
    if step >= SHORTEST_BEAT_MS:
        return f"no cine: images of a slice were acquired {step / 1000:.1f} s apart, a heartbeat each, as in perfusion"
    return _by_tags(records)


def _by_tags(records: Sequence[ImageRecord]) -> str:
    """Why a series is no cine by how it was scanned, or by what it is called, which is asked last."""
    inverted = [r.inversion_time_ms for r in records if r.inversion_time_ms and r.inversion_time_ms > 0]
    if 2 * len(inverted) > len(records):
        return f"no cine: {_INVERSION}, by its InversionTime of {inverted[0]:g} ms"
    first = records[0]
    if _STILL_SEQUENCE.match(first.sequence_name):
        return f"no cine: perfusion, late enhancement or a spin echo, by its SequenceName {first.sequence_name!r}"
    if _STILL_DESCRIPTION.search(first.series_description) and not _CINE_DESCRIPTION.search(first.series_description):
        return f"no cine, by its SeriesDescription {first.series_description!r}"
    return ""


def _slices(records: Sequence[ImageRecord]) -> list[list[ImageRecord]]:
    """A series' images by slice position; none where these are not told."""
    axis = axis_of(records)
    return [] if axis is None else by_place(records, axis)


def _times(records: Sequence[ImageRecord]) -> list[float]:
    """Trigger times, ascending."""
    return sorted(record.trigger_time_ms for record in records if record.trigger_time_ms is not None)


def _spread_ms(records: Sequence[ImageRecord]) -> float:
    """Time from the first to the last image of a slice."""
    times = _times(records)
    return times[-1] - times[0] if times else 0.0


def _beats(records: Sequence[ImageRecord], slices: Sequence[Sequence[ImageRecord]]) -> bool:
    """Whether trigger times run through a heartbeat: in most slices, most images have a time of their own.

    Without slices, as many different times as a cine has images a slice will do, all within a heartbeat.
    """
    if not slices:
        in_beat = SHORTEST_BEAT_MS <= _spread_ms(records) <= LONGEST_BEAT_MS
        return in_beat and len(set(_times(records))) >= FEWEST_FRAMES
    running = sum(len(set(_times(of))) > len(of) / 2 and _spread_ms(of) >= SHORTEST_BEAT_MS for of in slices)
    return 2 * running > len(slices)


def _step_ms(records: Sequence[ImageRecord]) -> float:
    """Usual time from one acquisition of a slice to the next; 0 where it is not told, or most share theirs."""
    times = sorted(time for record in records if (time := _acquired_ms(record)) is not None)
    if len(times) < FEWEST_BEATS:
        return 0.0
    return median(later - sooner for sooner, later in pairwise(times))


def _acquired_ms(record: ImageRecord) -> float | None:
    """AcquisitionTime since midnight, None where there is none."""
    match = re.fullmatch(r"(\d\d):?(\d\d):?(\d\d(?:\.\d+)?)", record.acquisition_time, re.ASCII)
    return None if match is None else (int(match[1]) * 60 + int(match[2])) * 60_000.0 + float(match[3]) * 1000.0
