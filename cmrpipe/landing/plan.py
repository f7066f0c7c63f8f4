"""What a landing would do with each folder of a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.connect.source import Look, Offer, Source
from cmrpipe.landing.ledger import Ledger
from cmrpipe.layouts import DICOMS, patient_folders, standing


def nobody(_: str) -> bool:
    """Nobody was forgotten."""
    return False


@dataclass(frozen=True, slots=True)
class Plan:
    """Folders of a source against those that have landed.

    Attributes
    ----------
    todo : new, or perhaps changed
    unchanged : as they have landed
    blocked : of forgotten patients
    withdrawn : landed from this source, and not in it any more
    not_in_source : patients that have landed, from wherever, and are not in this source
    """

    todo: tuple[Offer, ...]
    unchanged: tuple[Offer, ...]
    blocked: tuple[str, ...]
    withdrawn: tuple[str, ...]
    not_in_source: tuple[str, ...]


def make_plan(source: Source, look: Look, raw: Path, ledger: Ledger, forgotten: Callable[[str], bool] = nobody) -> Plan:
    """Hold what a source offers against the raw folder."""
    todo: list[Offer] = []
    unchanged: list[Offer] = []
    blocked: list[str] = []
    for offer in look.offers:
        place = standing(raw, offer.folder)
        if place is None and forgotten(offer.folder):
            blocked.append(offer.folder)
        elif place is not None and (ledger.has(offer.folder, source.address, offer.token) or source.same(offer, place)):
            unchanged.append(offer)
        else:
            todo.append(offer)
    there = {offer.folder for offer in look.offers} | set(look.bad)
    here = {f"{DICOMS}/{name}" for name in patient_folders(raw)}
    gone = [f for f in ledger.landed_from(source.address) if f not in there and standing(raw, f)]
    return Plan(tuple(todo), tuple(unchanged), tuple(blocked), tuple(gone), tuple(sorted(here - there)))
