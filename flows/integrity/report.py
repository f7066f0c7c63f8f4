"""What verify and rebuild say, to people and to programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from cmrpipe.store.verify import Digest, Place, Verdict
from flows.integrity.diagnosis import place_of
from flows.integrity.survey import Survey
from flows.integrity.work import Lost, Rebuilt

_ROWS = 200


def counts(survey: Survey) -> dict[str, dict[str, int]]:
    """Files and bytes that were read, by place."""
    found: dict[str, dict[str, int]] = {}

    def add(place: Place, digest: Digest | None) -> None:
        entry = found.setdefault(place.value, {"files": 0, "bytes": 0})
        if digest is not None:
            entry["files"] += 1
            entry["bytes"] += digest.size

    for path, digest in survey.here.items():
        add(place_of(survey.out_of(path)), digest)
    for place, digests in ((Place.CACHE, survey.cached), (Place.REMOTE, survey.held)):
        for digest in digests.values():
            add(place, digest)
    return found


def verdict_json(verdicts: Sequence[Verdict], read: dict[str, dict[str, int]]) -> dict[str, Any]:
    """The outcome of verify for programs."""
    return {"clean": not verdicts, "read": read, "bad": [asdict(verdict) for verdict in verdicts]}


def rebuilt_json(result: Rebuilt, read: dict[str, dict[str, int]]) -> dict[str, Any]:
    """The outcome of rebuild for programs."""
    return {
        "whole": result.whole,
        "read": read,
        "restored": [{"path": path, "way": way} for path, way in result.restored],
        "lost": [asdict(lost) for lost in result.lost],
        "left": [asdict(verdict) for verdict in result.left],
    }


def _shown(text: str) -> str:
    return text.removeprefix("data/").removeprefix("raw/")


def _table(out: Console, verdicts: Sequence[Verdict]) -> None:
    table = Table("place", "patient", "file", "state", "detail", "comes back from")
    table.columns[2].overflow = "fold"
    for verdict in verdicts[:_ROWS]:
        table.add_row(
            verdict.place.value,
            verdict.patient,
            _shown(verdict.path),
            verdict.state.value,
            verdict.detail,
            verdict.remedy,
        )
    out.print(table)
    if len(verdicts) > _ROWS:
        out.print(f"... and {len(verdicts) - _ROWS} more (`--json FILE` has all)")


def _read_line(read: dict[str, dict[str, int]]) -> str:
    parts = [f"{place} {entry['files']:,} files, {entry['bytes'] / 1e6:,.1f} MB" for place, entry in read.items()]
    return "hashed: " + "; ".join(parts)


def tell_verify(out: Console, verdicts: Sequence[Verdict], read: dict[str, dict[str, int]]) -> None:
    """Say what verify found."""
    out.print(_read_line(read))
    if not verdicts:
        out.print("verify: everything is as it was recorded")
        return
    _table(out, verdicts)
    by_place = Counter(f"{verdict.place.value} {verdict.state.value}" for verdict in verdicts)
    out.print(
        f"verify: {len(verdicts)} bad: " + ", ".join(f"{count} {name}" for name, count in sorted(by_place.items()))
    )
    out.print("`cmrpipe rebuild` brings back what can be")


def _tell_lost(out: Console, lost: Lost) -> None:
    out.print(f"LOST {lost.path}: {lost.why}", markup=False)
    for line in lost.used_by:
        out.print(f"     used by {line}", markup=False)


def tell_rebuild(out: Console, result: Rebuilt, read: dict[str, dict[str, int]]) -> None:
    """Say what rebuild did."""
    out.print(_read_line(read))
    for path, way in result.restored:
        out.print(f"{_shown(path)}: {way}", markup=False)
    for lost in result.lost:
        _tell_lost(out, lost)
    if result.left:
        out.print("left for you to decide:")
        _table(out, result.left)
    if not result.restored and result.whole:
        out.print("rebuild: nothing was bad")
    elif result.whole:
        out.print(f"rebuild: {len(result.restored)} brought back, each proven by its hash; nothing is bad any more")
    else:
        counted = (len(result.restored), len(result.lost), len(result.left))
        out.print("rebuild: {} brought back, {} lost, {} for you to decide".format(*counted))
