"""Who gets which fault: a place for each, such that none hides another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cmrpipe.errors import ParamsError
from cmrpipe.phantom.faults.kit import Fault, Place, Scope
from cmrpipe.phantom.scene import Grid

FEWEST_SLICES, FEWEST_FRAMES = 6, 8
"""Below, a lost slice could not be told from a wide gap, nor end-systole from a neighbour of end-diastole."""

SLICE_DISTANCE = 3
IMAGES_A_PATIENT = 3


def slice_slots(grid: Grid) -> list[int]:
    """Slices of one patient that can carry a fault: inside the ventricle, with two clean slices between any two."""
    return list(range(grid.lv.start + 1, grid.lv.stop - 1, SLICE_DISTANCE))


def image_slots(grid: Grid) -> list[tuple[int, int]]:
    """(slice, frame) of one patient's images that can carry a fault: not contoured, no two of one slice or frame.

    The first slice, above the ventricle, stays clean: copies are taken from it.
    """
    frames = [f for f in range(1, grid.frames + 1) if f not in (grid.ed_frame, grid.es_frame)]
    return [(1 + i, frames[i]) for i in range(min(IMAGES_A_PATIENT, grid.slices - 1, len(frames)))]


def patients_needed(faults: Sequence[Fault], grid: Grid) -> int:
    """Fewest patients that these faults fit into."""
    count = {scope: sum(f.scope is scope for f in faults) for scope in Scope}
    whole = sum(f.patients for f in faults if f.scope is Scope.PATIENT)
    shared = max(
        1,  # one patient always keeps its images and link, so that the folder stays a data set
        -(-count[Scope.SLICE] // len(slice_slots(grid))),
        -(-count[Scope.IMAGE] // len(image_slots(grid))),
        count[Scope.LIGHT],
    )
    return whole + shared


def allot_places(faults: Sequence[Fault], patients: int, grid: Grid, rng: np.random.Generator) -> Mapping[str, Place]:
    """Draw a place for each fault.

    Raises
    ------
    ParamsError : too few slices, frames or patients
    """
    if not faults:
        return {}
    if grid.slices < FEWEST_SLICES or grid.frames < FEWEST_FRAMES:
        raise ParamsError(
            f"{grid.slices} slices of {grid.frames} frames",
            "are too few to plant faults",
            f"Give at least {FEWEST_SLICES} slices and {FEWEST_FRAMES} frames",
        )
    needed = patients_needed(faults, grid)
    if patients < needed:
        raise ParamsError(
            f"{patients} patients",
            f"are too few for {len(faults)} kinds of faults",
            f"Give at least {needed}, or fewer faults",
        )
    order = [int(k) for k in rng.permutation(patients)]
    places: dict[str, Place] = {}
    for fault in faults:
        if fault.scope is Scope.PATIENT:
            places[fault.name] = Place(tuple(order.pop() for _ in range(fault.patients)))
    shift = int(rng.integers(0, (grid.lv.stop - 2 - grid.lv.start) - (len(slice_slots(grid)) - 1) * SLICE_DISTANCE))
    slots = {
        Scope.SET: [Place() for _ in faults],
        Scope.LIGHT: [Place((k,)) for k in order],
        Scope.SLICE: [Place((k,), position + shift) for k in order for position in slice_slots(grid)],
        Scope.IMAGE: [Place((k,), *slot) for k in order for slot in image_slots(grid)],
    }
    for scope, free in slots.items():
        chosen = [fault for fault in faults if fault.scope is scope]
        for fault, at in zip(chosen, rng.permutation(len(free))[: len(chosen)], strict=True):
            places[fault.name] = free[int(at)]
    return places
