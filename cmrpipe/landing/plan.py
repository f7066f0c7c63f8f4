"""What a landing would do with each folder of a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.connect.source import Look, Offer, Source
from cmrpipe.landing.ledger import Ledger
from cmrpipe.readers.layouts import DICOMS, patient_folders, standing


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
    kept : unchanged here since they landed, while something newer has come from elsewhere, and stays
    blocked : of forgotten patients
    withdrawn : landed from this source, and not in it any more
    not_in_source : patients that have landed, from wherever, and are not in this source
    """

    todo: tuple[Offer, ...]
    unchanged: tuple[Offer, ...]
    kept: tuple[str, ...]
    blocked: tuple[str, ...]
    withdrawn: tuple[str, ...]
    not_in_source: tuple[str, ...]


def make_plan(source: Source, look: Look, raw: Path, ledger: Ledger, forgotten: Callable[[str], bool] = nobody) -> Plan:
    """Hold what a source offers against the raw folder."""
    todo: list[Offer] = []
    unchanged: list[Offer] = []
    kept: list[str] = []
    blocked: list[str] = []
    for offer in look.offers:
        place = standing(raw, offer.folder)
        if place is None and forgotten(offer.folder):
            blocked.append(offer.folder)
        elif place is not None and (ledger.has(offer.folder, source.address, offer.token) or source.same(offer, place)):
            unchanged.append(offer)
        elif place is not None and _is_older(offer, source, ledger):
            kept.append(offer.folder)
        else:
            todo.append(offer)
    there = {offer.folder for offer in look.offers} | set(look.bad)
    here = {f"{DICOMS}/{name}" for name in patient_folders(raw)}
    gone = [f for f in ledger.landed_from(source.address) if f not in there and standing(raw, f)]
    return Plan(tuple(todo), tuple(unchanged), tuple(kept), tuple(blocked), tuple(gone), tuple(sorted(here - there)))


def _is_older(offer: Offer, source: Source, ledger: Ledger) -> bool:
    """Whether a source has what it had when this last landed from it, and something else has come since."""
    ours = ledger.older(offer.folder, source.address)
    return ours is not None and ours.token == offer.token
