"""Contour text files: one `x y` pair a line, in pixels, counted from the declared origin."""

from __future__ import annotations

import math
import re

import numpy as np

from cmrpipe.files import sha256_bytes
from cmrpipe.model import ContourKind, ContourRecord
from cmrpipe.nouns import counted

FOLDERS = {"i-contours": ContourKind.ENDO, "o-contours": ContourKind.EPI}
_KINDS = {"i": ContourKind.ENDO, "o": ContourKind.EPI}
_NAME = re.compile(
    r"IM-\d+-(?P<number>0{0,50}[0-9]{1,9})-(?P<kind>[io]|p[0-9]?)contour-(?P<maker>\w+)\.txt", re.IGNORECASE
)
_PERSON = re.compile(r"manual_?[0-9]*", re.IGNORECASE)
"""Who drew it: a person; a number tells observers apart."""
MIN_POINTS = 3
MOST_POINTS = 10_000
"""Points of an outline, at most: they are compared each with each."""
_MOST_BYTES = 1 << 24
"""Bytes of a contour file, at most: beyond, its lines are not counted."""
FARTHEST_PX = 1e6
"""A coordinate beyond is no place in an image (DICOM's have 65,535 rows at most) but a filler."""


def _name(path: str) -> tuple[int | None, ContourKind | None, str]:
    """Image number and kind from the path, and what is unclear about it."""
    folder, _, name = path.rpartition("/")
    match = _NAME.fullmatch(name)
    if match is None:
        return None, None, "the file name is not like IM-0001-0048-icontour-manual.txt"
    kind = _KINDS.get(match["kind"].lower())
    if kind is None:
        return int(match["number"]), None, ""
    expected = FOLDERS.get(folder.rpartition("/")[2].lower())
    if expected is not None and expected is not kind:
        return int(match["number"]), None, f"the file name says {kind.value}, its folder {expected.value}"
    return int(match["number"]), kind, ""


def is_manual(path: str) -> bool:
    """Whether a contour's file name says that a person drew it, `-manual.txt`; programs write `-auto.txt`."""
    match = _NAME.fullmatch(path.rpartition("/")[2])
    return match is not None and _PERSON.fullmatch(match["maker"]) is not None


def is_papillary(path: str) -> bool:
    """Whether a file's name says that it outlines a papillary muscle, `p1contour`; these count as cavity."""
    match = _NAME.fullmatch(path.rpartition("/")[2])
    return match is not None and match["kind"].lower() not in _KINDS


def _parse(text: str) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.replace(",", " ").split()
        if not parts:
            continue
        try:
            x, y = (float(part) for part in parts)
            if "_" in line:  # Python would read 10_5 as 105
                raise ValueError
        except ValueError:
            raise ValueError(f"line {number} is not two numbers: {line.strip()[:40]!r}") from None
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError(f"line {number} is not finite: {line.strip()[:40]!r}")
        if max(abs(x), abs(y)) > FARTHEST_PX:
            raise ValueError(f"line {number} is no place in an image: {line.strip()[:40]!r}")
        if len(points) == MOST_POINTS + 1:  # the last may repeat the first
            raise ValueError(f"more than {MOST_POINTS:,} points; no outline of a ventricle has as many")
        points.append((x, y))
    return points


def unreadable_contour(path: str, original_id: str, size: int, why: str) -> ContourRecord:
    """Describe a file whose bytes cannot be had (see `read_contour`), or a whole archive; it has no hash."""
    number, kind, _ = _name(path)
    return ContourRecord(path, "", size, original_id, number, kind, error=why)


def read_contour(data: bytes, path: str, origin: float) -> ContourRecord:
    """Read one contour file.

    Parameters
    ----------
    data : the file's bytes
    path : its path relative to the raw folder: `contourfiles/<original_id>/...`
    origin : the coordinate that the file gives to the centre of the first pixel; it is taken off

    Returns
    -------
    the record, points (n, 2) float64 as x, y in pixel-centre coordinates from 0; a repeated end point is dropped.
    Of a file that cannot be used, `error` says why. With too few points, `points` holds what was read. An outline of a
    papillary muscle has no number, kind or points: nothing uses it.
    """
    original_id = path.split("/")[1] if path.count("/") > 1 else ""
    number, kind, unclear = _name(path)
    base = {"path": path, "sha256": sha256_bytes(data), "bytes": len(data), "original_id": original_id}
    if is_papillary(path):
        return ContourRecord(**base)  # type: ignore[arg-type]
    if len(data) > _MOST_BYTES:
        why = f"it has {len(data):,} bytes, more than any contour ({_MOST_BYTES:,} are read at most)"
        return ContourRecord(**base, number=number, kind=kind, error=why)  # type: ignore[arg-type]
    try:
        rows = _parse(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return ContourRecord(**base, number=number, kind=kind, error="is not text")  # type: ignore[arg-type]
    except ValueError as error:
        return ContourRecord(**base, number=number, kind=kind, error=str(error))  # type: ignore[arg-type]
    if len(rows) > 1 and rows[0] == rows[-1]:
        rows.pop()
    points = np.array(rows, dtype=np.float64).reshape(-1, 2)
    problem = unclear
    if len(points) < MIN_POINTS:
        problem = f"only {counted(len(points), 'point')}; a contour needs at least {MIN_POINTS}"
    return ContourRecord(
        **base,  # type: ignore[arg-type]
        number=number,
        kind=kind,
        points=points - origin if len(points) else None,
        content_sha256=sha256_bytes(points.tobytes()) if len(points) else "",
        error=problem,
    )
