"""Faults that can be planted in a phantom: a registry, and planting several so that none hides another."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cmrpipe.errors import ParamsError
from cmrpipe.phantom.faults import contours, images, links, pairs, points, series, shapes
from cmrpipe.phantom.faults.allot import allot_places, patients_needed
from cmrpipe.phantom.faults.kit import Fault, Place, Scope, Site, Spot
from cmrpipe.phantom.scene import Grid
from cmrpipe.phantom.truth import Planted, Truth

ALL = "all"

FAULTS: dict[str, Fault] = {
    fault.name: fault for module in (images, series, contours, points, shapes, links, pairs) for fault in module.FAULTS
}
"""Every kind of fault by name."""

__all__ = ["ALL", "FAULTS", "Fault", "Scope", "allot", "choose", "needed", "plant"]


def choose(names: Sequence[str]) -> tuple[str, ...]:
    """Names without repetition in the registry's order; "all" stands for every one.

    Raises
    ------
    ParamsError : there is no fault of that name
    """
    for name in names:
        if name != ALL and name not in FAULTS:
            raise ParamsError(f"fault {name!r}", "is unknown", f"Choose from {ALL}, {', '.join(FAULTS)}")
    return tuple(name for name in FAULTS if name in names or ALL in names)


def needed(names: Sequence[str], grid: Grid) -> int:
    """Fewest patients that these faults fit into together."""
    return patients_needed([FAULTS[name] for name in choose(names)], grid)


def allot(names: Sequence[str], patients: int, grid: Grid, rng: np.random.Generator) -> Mapping[str, Place]:
    """Draw a place for each fault, see `allot_places`."""
    return allot_places([FAULTS[name] for name in names], patients, grid, rng)


def plant(
    root: Path,
    truth: Truth,
    grid: Grid,
    places: Mapping[str, Place],
    stream: Callable[[int], np.random.Generator],
) -> tuple[Planted, ...]:
    """Plant faults in a clean phantom.

    Parameters
    ----------
    root : the phantom's folder; changed in place
    places : from `allot`
    stream : random numbers for a key; each fault has its own key, so that what it does does not hang on the others

    Returns
    -------
    one account a fault, in the registry's order
    """
    site = Site(root, truth, grid, rows=[(p.patient_id, p.original_id) for p in truth.patients])
    planted = []
    for name, fault in FAULTS.items():
        if name not in places:
            continue
        place = places[name]
        spot = Spot(tuple(truth.patients[k] for k in place.patients), place.position, place.frame)
        site.touched.clear()
        note = fault.plant(site, spot, stream(zlib.crc32(name.encode())))
        patient_id = note.patient_id
        if patient_id is None:
            patient_id = spot.patient.patient_id if spot.patients else ""
        planted.append(
            Planted(
                name,
                fault.code,
                patient_id,
                note.path,
                note.detail,
                note.number,
                note.others,
                tuple(sorted(site.touched)),
            )
        )
    site.finish()
    return tuple(planted)
