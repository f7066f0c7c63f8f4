"""At least a thousand faults in store, manifest, raw data, cache and remote: detected, mended, never read.

Faults are planted by the round, a few at a time, each in a file of its own, with size and modification time kept where
the fault allows it. After each round: does the training loader read a damaged patient; does `cmrpipe verify` name every
damaged file; does `cmrpipe rebuild` bring every byte back; does `verify` then find nothing. Rounds of a second kind
damage every copy of a raw file: nothing can bring it back, and `rebuild` must say so.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cmrpipe.store import StoreFormat
from cmrpipe.store.verify import State
from drill.harm import EVERYWHERE, IN_PATIENT, IN_RAW, IN_ZARR, SAID, SHORTER, Harm, swap
from drill.yard import MANIFEST, Yard

PER_ROUND = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where, what, the files that it damaged (relative to the drill's folder)."""

    place: str
    kind: str
    files: tuple[str, ...]


@dataclass(slots=True)
class Count:
    """What became of the faults of one place and kind."""

    planted: int = 0
    detected: int = 0
    mended: int = 0
    lost: int = 0
    named: int = 0
    """Detected, and said to be what it is: missing, truncated, altered, swapped."""
    read: int = 0
    """Damaged patients that the training loader read without a word."""


def _patient(name: str) -> str:
    """The patient whose store file it is, "" for others."""
    parts = name.split("/")
    name = parts[parts.index("patients") + 1] if "patients" in parts else ""
    return name.removesuffix(".h5").removesuffix(".zarr.zip")


Kinds = Mapping[str, Mapping[str, tuple[Harm, Sequence[str]]]]
"""By place and kind of fault: the harm, and the files that can suffer it."""


def kinds(yard: Yard, place: str) -> dict[str, tuple[Harm, list[str]]]:
    """Faults that files of a place can have, each with the files; objects are what the files are that they keep."""
    names = yard.targets()[place]
    found = {kind: (harm, names) for kind, harm in EVERYWHERE.items()}
    kept = {yard.whole[name] for name in yard.targets()["store"] if _patient(name)}
    patients = [name for name in names if yard.whole[name] in kept]
    if patients:
        found |= {kind: (harm, patients) for kind, harm in IN_PATIENT.items()}
    if patients and yard.store_format is StoreFormat.ZARR:
        found |= {kind: (harm, patients) for kind, harm in IN_ZARR.items()}
    if place == "raw":
        images = [name for name in names if "/dicoms/" in name]
        found |= {kind: (harm, images) for kind, harm in IN_RAW.items()}
    return found


def plant(yard: Yard, count: int, rng: random.Random, kinds_of: Kinds | None = None) -> list[Fault]:
    """Harm `count` places, each object in one place only, so that a good copy is left somewhere."""
    kinds_of = kinds_of or {place: kinds(yard, place) for place in yard.targets()}
    used: set[str] = set()
    faults: list[Fault] = []
    while len(faults) < count:
        place = rng.choice(sorted(kinds_of))
        kind = rng.choice(sorted(kinds_of[place]))
        harm, names = kinds_of[place][kind]
        name, other = rng.sample(names, 2)
        harmed = (name, other) if harm is swap else (name,)
        contents = {yard.whole[file] for file in harmed}
        if contents & used or len(contents) < len(harmed) or not (yard.root / name).stat().st_size:
            continue
        used |= contents
        harm(yard.root / name, yard.root / other, rng)
        faults.append(Fault(place, kind, harmed))
    return faults


def _states(fault: Fault, bad: Iterable[Mapping[str, str]]) -> list[set[str]]:
    """What a verification calls every file of a fault in its place; an empty set where it says nothing of one."""
    where = "store" if fault.place == MANIFEST else fault.place
    said = [entry for entry in bad if entry["place"] == where]
    return [{entry["state"] for entry in said if _same(fault.place, name, entry["path"])} for name in fault.files]


def _same(place: str, name: str, path: str) -> bool:
    if place in {"cache", "remote"}:
        return name.endswith(f"/{path}")
    return name == f"space/{path}"


def drill(
    yard: Yard, faults: int, seed: int, kinds_of: Kinds | None = None, *, tell: bool = True
) -> dict[tuple[str, str], Count]:
    """Plant, look, mend, look again, until `faults` are planted; counts by place and kind."""
    rng = random.Random(seed)
    kinds_of = kinds_of or {place: kinds(yard, place) for place in yard.targets()}
    counts: dict[tuple[str, str], Count] = {}
    left = faults
    while left > 0:
        planted = plant(yard, min(PER_ROUND, left), rng, kinds_of)
        left -= len(planted)
        seen = yard.loader()
        bad = yard.verify()
        yard.cmrpipe("rebuild", "--remote", codes=(0, 1))
        now, after = yard.look(), {(entry["place"], entry["path"]) for entry in yard.verify()}
        for fault in planted:
            count = counts.setdefault((fault.place, fault.kind), Count())
            count.planted += 1
            states = _states(fault, bad)
            count.detected += all(states)
            right = {**SAID, **SHORTER}.get(fault.kind, {State.ALTERED})
            count.named += all(found & right for found in states)
            count.mended += all(now.get(name) == yard.whole[name] for name in fault.files)
            patients = {_patient(name) for name in fault.files} - {""} if fault.place == "store" else set()
            patients = set(yard.arrays) if fault.place == MANIFEST else patients
            count.read += any(seen.get(patient, "") not in {"", yard.arrays[patient]} for patient in patients)
        if now != yard.whole or after:
            differing = sorted(name for name in yard.whole.keys() | now.keys() if yard.whole.get(name) != now.get(name))
            raise RuntimeError(f"after rebuild: {differing[:10]} differ, verify says {sorted(after)[:10]}")
        if tell:
            sums = ", ".join(f"{name} {value}" for name, value in total(counts.values()).items())
            sys.stderr.write(f"  corruption, {yard.store_format}: {sums}\n")
    return counts


def lose(yard: Yard, times: int, seed: int) -> Count:
    """Harm every copy of a raw file: `rebuild` must report it as lost; then all is put back by hand."""
    rng = random.Random(seed)
    count = Count()
    by_content: dict[str, list[str]] = {}
    for name, sha256 in yard.whole.items():
        by_content.setdefault(sha256, []).append(name)
    raws = [name for name in yard.targets()["raw"] if "/dicoms/" in name or "/contourfiles/" in name]
    for _ in range(times):
        copies = by_content[yard.whole[rng.choice(raws)]]
        kept = {name: (yard.root / name).read_bytes() for name in copies}
        done = {name: rng.choice(sorted(set(EVERYWHERE) - {"swapped"})) for name in copies}
        for name, kind in done.items():
            EVERYWHERE[kind](yard.root / name, yard.root / name, rng)
        raw = next(name for name in copies if "/raw/" in name)
        (found,) = _states(Fault("raw", "every copy", (raw,)), yard.verify())
        right = {State.MISSING} if done[raw] == "deleted" else {State.ALTERED, State.TRUNCATED}
        count.planted += 1
        count.detected += bool(found)
        count.named += bool(found & right)  # how long it was, no copy tells any more
        said = yard.cmrpipe("rebuild", "--remote", codes=(1,))
        count.lost += f"LOST {raw.removeprefix('space/')}" in said and "used by" in said
        for name, data in kept.items():
            path = yard.root / name
            path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        yard.cmrpipe("rebuild", "--remote", codes=(0, 1))
        if yard.look() != yard.whole:
            raise RuntimeError(f"after {raw} was put back by hand the workspace is not whole")
    return count


def total(counts: Iterable[Count]) -> Counter[str]:
    """Sums."""
    found: Counter[str] = Counter()
    for count in counts:
        found.update(
            {name: getattr(count, name) for name in ("planted", "detected", "named", "mended", "lost", "read")}
        )
    return found
