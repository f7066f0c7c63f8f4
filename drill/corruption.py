"""At least a thousand faults in store, manifest, raw data, cache and remote: detected, mended, never read.

Faults are planted by the round, a few at a time, each in a file of its own, with size and modification time kept where
the fault allows it. After each round: does the training loader read a damaged patient; does `cmrpipe verify` name every
damaged file; does `cmrpipe rebuild` bring every byte back; does `verify` then find nothing. Rounds of a second kind
damage every copy of a raw file: nothing can bring it back, and `rebuild` must say so.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from cmrpipe.archives import pack
from cmrpipe.errors import CmrpipeError
from cmrpipe.files import sha256_bytes, sha256_file
from cmrpipe.layouts import CONTOURS, DICOMS, archive_file
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.store import StoreFormat, open_store
from cmrpipe.store.verify import State
from drill.harm import EVERYWHERE, IN_PATIENT, IN_RAW, IN_ZARR, SAID, SHORTER, Harm, swap
from drill.kill import killed
from drill.warm import finished, start

REPOSITORY = Path(__file__).resolve().parents[1]
CODE = ("cmrpipe", "flows", "dvc.yaml", "params.yaml", ".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore")
PATIENTS = 6
MANIFEST = "manifest"
"""The store's manifest, a place of its own in the table."""
PER_ROUND = 20
_STAGES = ("ingest", "validate", "store")


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


@dataclass(slots=True)
class Yard:
    """The place of the drill: a workspace with DVC, its remote, and how both look when they are whole."""

    root: Path
    store_format: StoreFormat
    whole: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, str] = field(default_factory=dict)

    @property
    def space(self) -> Path:
        """The workspace."""
        return self.root / "space"

    def environment(self) -> dict[str, str]:
        """Environment of a user who has set nothing up."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "DVC_", "CMRPIPE_"))}
        home = self.root / "home"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        sites = {"DVC_SITE_CACHE_DIR": str(home / "site"), "DVC_GLOBAL_CONFIG_DIR": str(home / "global")}
        return {**kept, **sites, "HOME": str(home), "PATH": path}

    def call(self, *command: str, codes: Iterable[int] = (0,)) -> str:
        """Run a Python module in the workspace; its output."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.space,
            env=self.environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode not in set(codes):
            raise RuntimeError(f"{' '.join(command)} left with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def cmrpipe(self, *arguments: str, codes: Iterable[int] = (0,)) -> str:
        """Run a command of cmrpipe in the workspace; its output."""
        output = self.root / "said.txt"
        code, said = finished(arguments, cwd=self.space, environment=self.environment(), output=output)
        if code not in set(codes):
            raise RuntimeError(f"{' '.join(arguments)} left with {code}:\n{said}")
        return said

    def verify(self) -> list[dict[str, str]]:
        """What `cmrpipe verify` finds."""
        report = self.root / "verify.json"
        self.cmrpipe("verify", "--remote", "--json", str(report), codes=(0, 1))
        found: list[dict[str, str]] = json.loads(report.read_bytes())["bad"]
        return found

    def targets(self) -> dict[str, list[str]]:
        """Files that may be harmed, by place, relative to the drill's folder."""
        parts = {
            "store": "space/data/store",
            "raw": "space/data/raw",
            "cache": "space/.dvc/cache/files/md5",
            "remote": "remote/files/md5",
        }
        found = {
            place: sorted(name for name in self.whole if name.startswith(f"{part}/")) for place, part in parts.items()
        }
        found[MANIFEST] = [name for name in found["store"] if "/manifest" in name]
        found["store"] = [name for name in found["store"] if "/manifest" not in name]
        return found

    def look(self) -> dict[str, str]:
        """SHA-256 of everything that must be as it was."""
        folders = ("space/data/store", "space/data/raw", "space/data/catalog", "space/data/findings")
        names = [*folders, "space/.dvc/cache/files/md5", "remote/files/md5"]
        paths = [path for name in names for path in sorted((self.root / name).rglob("*")) if path.is_file()]
        return {path.relative_to(self.root).as_posix(): sha256_file(path) for path in paths}

    def loader(self) -> dict[str, str]:
        """What the training loader gets, by patient; patients that it refuses are missing."""
        seen: dict[str, str] = {}
        try:
            with open_store(self.space / "data" / "store") as store:
                for patient in store.patients:
                    try:
                        arrays = store.load(patient).arrays()
                    except (CmrpipeError, OSError):
                        continue
                    text = "".join(f"{name}{sha256_bytes(a.tobytes())}" for name, a in sorted(arrays.items()))
                    seen[patient] = sha256_bytes(text.encode())
        except (CmrpipeError, OSError):
            return {}
        return seen


def new_yard(root: Path, store_format: str) -> Yard:
    """A workspace with a small phantom, run up to the store, pushed to a remote beside it."""
    yard = Yard(root, StoreFormat(store_format))
    for name in CODE:
        target = yard.space / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(REPOSITORY / name, target)
    (yard.space / "data").mkdir()
    (root / "home").mkdir()
    params = yaml.safe_load((yard.space / "params.yaml").read_bytes())
    params["store"]["format"] = store_format
    (yard.space / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    raw = yard.space / "data" / "raw"
    write_phantom(raw, PATIENTS, 9, slices=3, frames=6, rows=48, columns=48, listen=silent)
    if yard.store_format is StoreFormat.ZARR:  # one of the two yards has archives
        for folder in [path for part in (DICOMS, CONTOURS) for path in sorted((raw / part).iterdir())]:
            pack(folder, archive_file(raw, folder.relative_to(raw).as_posix()))
            shutil.rmtree(folder)
    subprocess.run(["git", "init", "-q"], cwd=yard.space, check=True)  # noqa: S607
    yard.call("dvc", "add", "-q", "data/raw")
    for stage in _STAGES:
        yard.call("dvc", "repro", "-q", "--single-item", stage)
    yard.call("dvc", "remote", "add", "-q", "-d", "origin", str(root / "remote"))
    yard.call("dvc", "remote", "modify", "-q", "origin", "verify", "true")
    yard.call("dvc", "push", "-q")
    yard.whole, yard.arrays = yard.look(), yard.loader()
    if yard.verify():
        raise RuntimeError("a workspace that nobody harmed does not verify")
    return yard


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


def kill_rebuild(yard: Yard, times: int, seed: int, *, tell: bool = True) -> Counter[str]:
    """SIGKILL `rebuild` at random moments: no damaged patient is read then, and the next one brings all back.

    Returns
    -------
    counts of "late" (it had ended already), "wrong" (a damaged patient was read), "different" (not whole in the end)
    """
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    plant(yard, PER_ROUND, rng)
    begun = time.monotonic()
    yard.cmrpipe("rebuild", "--remote", codes=(0, 1))
    seconds = time.monotonic() - begun
    for number in range(1, times + 1):
        plant(yard, PER_ROUND, rng)
        process = start(("rebuild", "--remote"), cwd=yard.space, environment=yard.environment())
        counts["late"] += not killed(process, rng.uniform(0, seconds))
        seen = yard.loader()
        counts["wrong"] += any(yard.arrays[patient] != content for patient, content in seen.items())
        yard.cmrpipe("rebuild", "--remote", codes=(0, 1))
        counts["different"] += yard.look() != yard.whole
        if tell:
            sys.stderr.write(f"  rebuild ({yard.store_format}): kill {number} of {times}, {dict(counts)}\n")
    return counts


def total(counts: Iterable[Count]) -> Counter[str]:
    """Sums."""
    found: Counter[str] = Counter()
    for count in counts:
        found.update(
            {name: getattr(count, name) for name in ("planted", "detected", "named", "mended", "lost", "read")}
        )
    return found
